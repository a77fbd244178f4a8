"""What may stand in a record: every problem is found, all at once, each with a pointer to its place."""

import itertools
from decimal import Decimal
from typing import Any

import pytest

from records_api import fields, jsontext

GOOD = {"type": "backup", "status": "ok"}


def problems(body: Any, **how: Any) -> dict[str, str]:  # noqa: ANN401 (any JSON value)
    """Return the details of what is wrong, by pointer."""
    errors: list[dict[str, str]] = []
    try:
        fields.check(body, fields.CLIENT_FIELDS, required=("type", "status"), **how)
    except fields.Invalid as error:
        errors = error.errors
    assert all(set(each) == {"pointer", "detail"} for each in errors)
    return {each["pointer"]: each["detail"] for each in errors}


def nested(levels: int, innermost: Any = None) -> Any:  # noqa: ANN401 (any JSON value)
    """Return containers in each other, lists and objects in turn."""
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
def test_what_may_stand_in_a_record(more: dict[str, Any]) -> None:
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
        ({"message": "\ud800"}, "/message", "must be valid Unicode: a surrogate stands alone"),
        ({"attributes": None}, "/attributes", "must be a JSON object"),
        ({"attributes": []}, "/attributes", "must be a JSON object"),
        ({"attributes": "{}"}, "/attributes", "must be a JSON object"),
        ({"attributes": {"": 1}}, "/attributes/", "a name must be valid Unicode and not empty"),
        (
            {"attributes": {"a": [{"": 1}]}},
            "/attributes/a/0/",
            "a name must be valid Unicode and not empty",
        ),
        (
            {"attributes": {"\udfff": 1}},
            "/attributes/\\udfff",
            "a name must be valid Unicode and not empty",
        ),
        (
            {"attributes": {"a": ["\ud83d"]}},
            "/attributes/a/0",
            "must be valid Unicode: a surrogate stands alone",
        ),
        (
            {"attributes": {"a/b~c": "\ud83d"}},
            "/attributes/a~1b~0c",
            "must be valid Unicode: a surrogate stands alone",
        ),
        ({"attributes": {"a": jsontext.REPEATED}}, "/attributes/a", "appears more than once"),
        ({"type": jsontext.REPEATED}, "/type", "appears more than once"),
        (
            {"attributes": nested(32, "leaf")},
            "/attributes" + "/a/0" * 15 + "/a",
            "is nested more than 31 levels deep",
        ),
        ({"Type": "x"}, "/Type", "is not a field; fields are type, status, message, attributes"),
        ({"": "x"}, "/", "is not a field; fields are type, status, message, attributes"),
        ({"a/b": "x"}, "/a~1b", "is not a field; fields are type, status, message, attributes"),
        (
            {"\ud800": "x"},
            "/\\ud800",
            "is not a field; fields are type, status, message, attributes",
        ),
        (
            {"writeToken": "x"},
            "/writeToken",
            "is not a field; fields are type, status, message, attributes",
        ),
        *(
            (
                {name: "x"},
                f"/{name}",
                "is set by the server; fields are type, status, message, attributes",
            )
            for name in ("recordID", "createdAt", "updatedAt", "submittedBy", "version")
        ),
    ],
)
def test_what_may_not(more: dict[str, Any], pointer: str, detail: str) -> None:
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
def test_a_number_that_would_not_survive_is_refused(number: str) -> None:
    found = problems(GOOD | {"attributes": {"a": [Decimal(number)]}})
    assert found == {
        "/attributes/a/0": "must be a number of at most 38 digits, magnitude 1E-130 to under 1E+126"
    }


@pytest.mark.parametrize("body", [None, [], "text", Decimal(1), True, jsontext.REPEATED])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:  # noqa: ANN401 (any JSON value)
    assert problems(body) == {"": "must be a JSON object"}


def test_all_problems_are_told_at_once() -> None:
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


def test_the_deepest_attributes_are_as_deep_as_dynamodb_holds() -> None:
    depths = itertools.takewhile(
        lambda levels: not problems(GOOD | {"attributes": {"a": nested(levels)}}), range(99)
    )
    assert 1 + max(depths) == fields.MAX_DEPTH
