"""JSON text: exact numbers, and repeated members."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import jsontext

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-130, 80),
)
values = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda children: st.lists(children) | st.dictionaries(texts, children),
    max_leaves=20,
)


@given(values)
def test_values_survive_a_round_trip(value: Any) -> None:
    assert jsontext.parse(jsontext.to_json(value)) == value


@given(values)
def test_output_is_json_for_other_parsers(value: Any) -> None:
    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: plain(member) for name, member in part.items()}
        if isinstance(part, list):
            return [plain(member) for member in part]
        return float(part) if isinstance(part, Decimal) else part

    assert json.loads(jsontext.to_json(value), parse_int=float) == plain(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1e0", "1"),
        ("10", "10"),
        ("1E+1", "10"),
        ("-0", "0"),
        ("-0.0e5", "0"),
        ("0.1", "0.1"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("-0.12345678901234567890123456789012345678", "-0.12345678901234567890123456789012345678"),
        (
            "9.9999999999999999999999999999999999999E125",
            "9.9999999999999999999999999999999999999E+125",
        ),
        ("1e-130", "1E-130"),
        ("1e38", "1" + "0" * 38),
        ("1e39", "1E+39"),
    ],
)
def test_numbers_are_exact_and_have_one_form(text: str, written: str) -> None:
    assert jsontext.to_json(jsontext.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e1000000",
        "1e-3000000",
        "-1e99999999999999999999",
        "1e-99999999999999999999",
    ],
)
def test_number_outside_all_limits_is_not_finite(text: str) -> None:
    assert not jsontext.parse(text).is_finite()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a":1,}',
        "{'a':1}",
        "01",
        "+1",
        "1.",
        ".5",
        "nul",
        '"\n"',
        "1 2",
        "\ufeff{}",
        "[" * 100_000,
    ],
)
def test_invalid_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsontext.parse(text)


def test_repeated_member_is_marked_in_its_object_only() -> None:
    parsed = jsontext.parse('{"a":1,"b":{"c":1,"c":1,"d":2},"\\u0061":2,"e":[{"f":1},{"f":1}]}')
    assert parsed == {
        "a": jsontext.REPEATED,
        "b": {"c": jsontext.REPEATED, "d": 2},
        "e": [{"f": 1}, {"f": 1}],
    }


def test_many_members_are_parsed_in_linear_time() -> None:
    text = "{" + ",".join(f'"{number:x}":1' for number in range(60_000)) + ',"0":2}'
    began = time.process_time()
    assert jsontext.parse(text)["0"] is jsontext.REPEATED
    assert time.process_time() - began < 5  # counting each name among all took minutes


def test_sets_and_bytes_have_a_json_form() -> None:
    stored = {"set": {"b", "a"}, "numbers": {Decimal(2), Decimal("1E+1")}, "bytes": b"\x00\xff"}
    assert jsontext.to_json(stored) == '{"set":["a","b"],"numbers":[2,10],"bytes":"AP8="}'


def test_keys_are_sorted_at_every_level() -> None:
    assert (
        jsontext.to_json({"b": [{"d": 1, "c": 2}], "a": None}, sort_keys=True)
        == '{"a":null,"b":[{"c":2,"d":1}]}'
    )


def test_type_without_a_json_form_is_rejected() -> None:
    with pytest.raises(TypeError):
        jsontext.to_json({"a": [object()]})
