"""Validation of records: all problems are reported together, each with a JSON pointer."""

import itertools
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from records_api import fields, jsontext, records

GOOD = {"type": "backup", "status": "ok"}


def problems(body: Any, **options: Any) -> dict[str, str]:
    """Return the details of all problems by pointer."""
    errors: list[dict[str, str]] = []
    try:
        fields.check(body, fields.CLIENT_FIELDS, required=("type", "status"), **options)
    except fields.Invalid as error:
        errors = error.errors
    assert all(set(each) == {"pointer", "detail"} for each in errors)
    return {each["pointer"]: each["detail"] for each in errors}


def nested(levels: int, innermost: Any = None) -> Any:
    """Return nested lists and objects in turn."""
    value = innermost
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"message": "m" * 8192, "type": "t" * 128, "status": "s" * 128},
        {"type": "\U0001d4af" * 128},
        {"attributes": {}},
        {
            "attributes": {
                "a": [None, True, "", {}, [], {"b": Decimal("-1E-130")}],
                "/~": Decimal(0),
            }
        },
        {
            "attributes": {
                "n": Decimal("9" * 38),
                "m": Decimal("9.99E+125"),
                "zero": Decimal("0E+999"),
            }
        },
        {"attributes": {"a": nested(30, "leaf")}},
        {"attributes": {"e": "\u0000\U0010ffff"}},
    ],
)
def test_valid_records_have_no_problems(more: dict[str, Any]) -> None:
    assert problems(GOOD | more) == {}


@pytest.mark.parametrize(
    ("more", "pointer", "detail"),
    [
        ({"type": ""}, "/type", "must be a string of 1 to 128 characters"),
        ({"type": "t" * 129}, "/type", "must be a string of 1 to 128 characters"),
        ({"type": Decimal(1)}, "/type", "must be a string of 1 to 128 characters"),
        ({"status": None}, "/status", "must be a string of 1 to 128 characters"),
        ({"status": "s" * 129}, "/status", "must be a string of 1 to 128 characters"),
        ({"message": ""}, "/message", "must be a string of 1 to 8192 characters"),
        ({"message": "m" * 8193}, "/message", "must be a string of 1 to 8192 characters"),
        ({"message": None}, "/message", "must be a string of 1 to 8192 characters"),
        ({"message": ["m"]}, "/message", "must be a string of 1 to 8192 characters"),
        (
            {"message": "\ud800"},
            "/message",
            "must be valid Unicode; it contains an unpaired surrogate",
        ),
        ({"attributes": None}, "/attributes", "must be a JSON object"),
        ({"attributes": []}, "/attributes", "must be a JSON object"),
        ({"attributes": "{}"}, "/attributes", "must be a JSON object"),
        (
            {"attributes": {"": 1}},
            "/attributes/",
            "the member name must be valid Unicode and not empty",
        ),
        (
            {"attributes": {"a": [{"": 1}]}},
            "/attributes/a/0/",
            "the member name must be valid Unicode and not empty",
        ),
        (
            {"attributes": {"\udfff": 1}},
            "/attributes/\\udfff",
            "the member name must be valid Unicode and not empty",
        ),
        (
            {"attributes": {"a": ["\ud83d"]}},
            "/attributes/a/0",
            "must be valid Unicode; it contains an unpaired surrogate",
        ),
        (
            {"attributes": {"a/b~c": "\ud83d"}},
            "/attributes/a~1b~0c",
            "must be valid Unicode; it contains an unpaired surrogate",
        ),
        ({"attributes": {"a": jsontext.REPEATED}}, "/attributes/a", "appears more than once"),
        ({"type": jsontext.REPEATED}, "/type", "appears more than once"),
        (
            {"attributes": nested(32, "leaf")},
            "/attributes" + "/a/0" * 15 + "/a",
            "is nested more than 31 levels deep",
        ),
        (
            {"Type": "x"},
            "/Type",
            "is not a known field; allowed fields: type, status, message, attributes",
        ),
        ({"": "x"}, "/", "is not a known field; allowed fields: type, status, message, attributes"),
        (
            {"a/b": "x"},
            "/a~1b",
            "is not a known field; allowed fields: type, status, message, attributes",
        ),
        (
            {"\ud800": "x"},
            "/\\ud800",
            "is not a known field; allowed fields: type, status, message, attributes",
        ),
        (
            {"writeToken": "x"},
            "/writeToken",
            "is not a known field; allowed fields: type, status, message, attributes",
        ),
        *(
            (
                {name: "x"},
                f"/{name}",
                "is set by the server; allowed fields: type, status, message, attributes",
            )
            for name in ("recordID", "createdAt", "updatedAt", "submittedBy", "version")
        ),
    ],
)
def test_each_invalid_field_is_reported(more: dict[str, Any], pointer: str, detail: str) -> None:
    assert problems(GOOD | more) == {pointer: detail}


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1" * 39,
        "1E+126",
        "-1E+126",
        "1E-131",
        "9.99E-131",
        "1." + "1" * 38,
    ],
)
def test_number_that_dynamodb_cannot_store_is_rejected(number: str) -> None:
    result = problems(GOOD | {"attributes": {"a": [Decimal(number)]}})
    assert result == {
        "/attributes/a/0": "must be a number with at most 38 significant digits that is 0 or has a "
        "magnitude from 1E-130 to less than 1E+126"
    }


@pytest.mark.parametrize("body", [None, [], "text", Decimal(1), True, jsontext.REPEATED])
def test_body_must_be_an_object(body: Any) -> None:
    assert problems(body) == {"": "the body must be a JSON object"}


def test_all_problems_are_reported_together() -> None:
    bad = {
        "status": "",
        "message": jsontext.REPEATED,
        "version": Decimal(3),
        "color": "red",
        "attributes": {"": "\ud800", "deep": nested(31), "n": [Decimal("NaN"), Decimal("1E+200")]},
    }
    assert list(problems(bad)) == [
        "/type",
        "/status",
        "/message",
        "/version",
        "/color",
        "/attributes/",
        "/attributes/deep" + "/0/a" * 15,
        "/attributes/n/0",
        "/attributes/n/1",
    ]


def test_only_removable_fields_may_be_null() -> None:
    nulls = dict.fromkeys(fields.CLIENT_FIELDS)
    assert list(problems(nulls, removable=("message", "attributes"))) == ["/type", "/status"]


@pytest.mark.parametrize("submitter", ["", "s" * 513, Decimal(7), None])
def test_submitter_has_a_length_limit_in_bodies(submitter: Any) -> None:
    with pytest.raises(fields.Invalid) as caught:
        fields.check({"submittedBy": submitter}, ["submittedBy"])
    assert [each["pointer"] for each in caught.value.errors] == ["/submittedBy"]
    fields.check({"submittedBy": "s" * 512}, ["submittedBy"])


def test_depth_limit_is_that_of_dynamodb() -> None:
    depths = itertools.takewhile(
        lambda levels: not problems(GOOD | {"attributes": {"a": nested(levels)}}), range(99)
    )
    assert 1 + max(depths) == fields.MAX_DEPTH


# Size of an error response.


def hostile(name: str, leaf: str, depth: int) -> Any:
    """Return the largest body whose leaves are all invalid, with `name` in all pointers."""
    head = f'{{"type":"t","status":"s","attributes":{{"{name}":' + "[" * depth
    tail = "]" * depth + "}}"
    leaves = leaf * ((records.MAX_RECORD_BYTES - len(head.encode()) - len(tail)) // len(leaf))
    return jsontext.parse(head + leaves[:-1] + tail)


# Without a limit, these cause responses of 269 to 715 MB.
@pytest.mark.parametrize(
    ("name", "leaf", "depth"),
    [("k" * 32700, "NaN,", 1), ("k" * 32700, "[],", 30), ("~" * 32700, "{},", 30)],
)
def test_errors_of_a_hostile_body_are_short(name: str, leaf: str, depth: int) -> None:
    body = hostile(name, leaf, depth)
    tracemalloc.start()
    with pytest.raises(fields.Invalid) as caught:
        fields.check(body, fields.CLIENT_FIELDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(jsontext.to_json(caught.value.errors)) < 150_000
    assert peak < 2_000_000
    assert len(caught.value.errors) == 100
    leaves = body["attributes"][name]
    for _ in range(depth - 1):
        (leaves,) = leaves
    # The number of values is the first problem.
    assert caught.value.omitted == len(leaves) + 1 - 100


@pytest.mark.parametrize(
    ("names", "pointer"),
    [
        (["a" * 1012], "/attributes/" + "a" * 1012),
        (["a" * 1013], "/attributes/" + "a" * 1009 + "…"),
        (["\U0001f600" * 300], "/attributes/" + "\U0001f600" * 252 + "…"),
        (["a" * 1008 + "~" * 9], "/attributes/" + "a" * 1008 + "…"),
        (["a" * 1007 + "~" * 9], "/attributes/" + "a" * 1007 + "~0…"),
        (["a" * 600, "b" * 9000, "c"], "/attributes/" + "a" * 600 + "/" + "b" * 408 + "…"),
        (["\ud800" * 300], "/attributes/" + r"\ud800" * 168 + r"\…"),
    ],
)
def test_long_pointers_are_truncated_with_an_ellipsis(names: list[str], pointer: str) -> None:
    value: Any = jsontext.REPEATED
    for name in reversed(names):
        value = {name: value}
    body = GOOD | {"attributes": value}
    with pytest.raises(fields.Invalid) as caught:
        fields.check(body, fields.CLIENT_FIELDS)
    shown = caught.value.errors[0]["pointer"]
    assert shown == pointer
    assert len(shown.encode()) <= 1024


@pytest.mark.parametrize(
    ("unknown", "listed", "omitted"), [(99, 99, 0), (100, 100, 0), (250, 100, 150)]
)
def test_at_most_100_problems_are_listed(unknown: int, listed: int, omitted: int) -> None:
    with pytest.raises(fields.Invalid) as caught:
        fields.check(dict.fromkeys(map(str, range(unknown))), fields.CLIENT_FIELDS)
    assert [each["pointer"] for each in caught.value.errors] == [f"/{n}" for n in range(listed)]
    assert caught.value.omitted == omitted


# The number of values.

TOO_MANY = "must have at most 1000 values, counted at all levels; it has "


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ({}, 0),
        ({"a": None}, 1),
        ({"a": [], "b": {}, "c": ""}, 3),
        ({"a": {"b": [{"c": 1}, [2, [3]]]}}, 8),
        ({"a": [Decimal(0)] * 999}, 1000),
        ({"a": [Decimal(0)] * 1000}, 1001),
        ({str(number): None for number in range(1001)}, 1001),
        ({"a": nested(29, [Decimal(0)] * 970)}, 1000),
    ],
)
def test_values_are_counted_at_every_depth(attributes: dict[str, Any], count: int) -> None:
    assert fields.count_values(attributes) == count
    expected = {"/attributes": f"{TOO_MANY}{count}"} if count > 1000 else {}
    assert problems(GOOD | {"attributes": attributes}) == expected


def test_deep_values_and_sets_are_counted() -> None:
    assert fields.count_values(jsontext.parse("[" * 900 + "0" + "]" * 900)) == 900
    assert fields.count_values(nested(50_000)) == 50_000
    assert fields.count_values({"set": {"a", "b"}, "bytes": b"abc", "text": "abc"}) == 5
    assert fields.count_values("text") == fields.count_values(None) == 0


@pytest.mark.parametrize(
    ("before", "after", "is_accepted"),
    [
        (0, 1000, True),
        (1000, 1001, False),
        (1001, 1001, True),
        (1001, 1002, False),
        (5000, 4999, True),
        (5000, 0, True),
    ],
)
def test_update_may_not_grow_beyond_the_limit(
    before: int, after: int, *, is_accepted: bool
) -> None:
    many = {count: dict.fromkeys(map(str, range(count))) for count in (before, after)}
    if is_accepted:
        fields.check_growth(many[before], many[after])
    else:
        with pytest.raises(fields.Invalid) as caught:
            fields.check_growth(many[before], many[after])
        assert caught.value.errors == [{"pointer": "/attributes", "detail": f"{TOO_MANY}{after}"}]
