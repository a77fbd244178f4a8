"""Files to import, parsed row by row, and what each row becomes."""

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from records_cli import csvcells, jsontext, preparing, rows
from records_cli.choices import Duplicates, Extra
from records_cli.failure import Failure
from records_cli.preparing import Duplicate, Refusal, Row, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = {"type": "t", "status": "ok"}


def csv_of(text: str | bytes, **options: Any) -> list[tuple[int, Any]]:
    octets = text if isinstance(text, bytes) else text.encode()
    return list(rows.csv_rows(io.BytesIO(octets), **options))


def ndjson_of(octets: bytes) -> list[tuple[int, Any]]:
    return list(rows.ndjson(io.BytesIO(octets)))


def shown(parsed: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Return rows with the text of what is wrong in place of the error."""
    return [(line, str(each) if isinstance(each, ValueError) else each) for line, each in parsed]


def prepared(*fields: Any, **settings: Any) -> list[Any]:
    numbered: Iterator[Any] = enumerate(fields, start=1)
    return list(preparing.prepare(numbered, Settings(**settings)))


def test_ndjson_rows_keep_their_lines_and_numbers() -> None:
    text = b'\xef\xbb\xbf{"type":"t","attributes":{"exact":1.10}}\r\n\r\n{"type":"\xc3\xa4"}'
    assert ndjson_of(text) == [
        (1, {"type": "t", "attributes": {"exact": "1.10"}}),
        (3, {"type": "ä"}),
    ]
    (_, first), _ = ndjson_of(text)
    assert jsontext.compact(first) == '{"type":"t","attributes":{"exact":1.10}}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"type":', "is not JSON: Expecting value at character 9"),
        (b'{"type":"\xe4"}', "is not UTF-8"),
        (b"[1]", "is a JSON array; NDJSON has one object per line: jq -c '.[]' FILE"),
        (b"1", "is not a JSON object"),
        (b'{"a":{"b":1,"b":2}}', "has the member 'b' more than once"),
        (b'{"a":NaN}', "is not JSON: NaN"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_malformed_line_is_named_and_the_next_is_read(line: bytes, reason: str) -> None:
    assert shown(ndjson_of(line + b'\n{"type":"t"}\n')) == [(1, reason), (2, {"type": "t"})]


def test_csv_columns_become_fields_and_attributes() -> None:
    text = (
        "\ufefftype, status ,message,attributes,attributes.disk.free,attributes.tag\r\n"
        'backup,failed,"two\r\nlines, ""quoted""","{""host"":""db"",""disk"":{""size"":10}}",'
        "0.5,\r\n"
        "\r\n"
        "backup,ok,,,,'=1+1\r\n"
    )
    attributes: dict[str, Any] = {"host": "db", "disk": {"size": "10", "free": "0.5"}}
    first = {"type": "backup", "status": "failed", "message": 'two\r\nlines, "quoted"'}
    second = {"type": "backup", "status": "ok", "attributes": {"tag": "=1+1"}}
    assert csv_of(text) == [(2, first | {"attributes": attributes}), (5, second)]
    # A cell is text, so that 1.10 stays a version; as JSON only if that is wanted.
    (_, text_row), _ = csv_of(text)
    (_, json_row), _ = csv_of(text, json_cells=True)
    assert '"free":"0.5"' in jsontext.compact(text_row)
    assert '"free":0.5' in jsontext.compact(json_row)
    (_, _), (_, unguarded) = csv_of(text, guarded=False)
    assert unguarded["attributes"] == {"tag": "'=1+1"}


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        ("type,status\na,b,c\na,b\n", (2, "has 3 cells, but line 1 has 2 columns")),
        ('type,status\n"a"x,b\na,b\n', (2, "is not CSV: ',' expected after '\"'")),
        (b"type,status\n\xe4,b\na,b\n",
         (2, "is not UTF-8 in column 'type'; save it as UTF-8 (in Excel: CSV UTF-8)")),
        ("type,attributes\na,[]\na,{}\n", (2, "column 'attributes' is not a JSON object")),
        ("type,attributes\na,}\na,{}\n",
         (2, "column 'attributes' is not JSON: Expecting value at character 1")),
        ("attributes.a,attributes.a.b\n1,2\n1,\n", (2, "sets attributes.a in two columns")),
    ],
)  # fmt: skip
def test_malformed_csv_row_is_named(text: str | bytes, malformed: tuple[int, str]) -> None:
    first, second = shown(csv_of(text))
    assert first == malformed
    assert second[0] == 3
    assert isinstance(second[1], dict)


def test_unclosed_quote_is_reported_at_its_first_line() -> None:
    parsed = shown(csv_of('type,status\na,b\n"c,d\ne,f\n'))
    assert parsed[1:] == [(3, "is not CSV: unexpected end of data")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"", "column 1 has no name in line 1"),
        (b"type,,status\n", "column 2 has no name in line 1"),
        (b"type,type\n", "line 1 has the column 'type' twice"),
        (b"type;status\n", "line 1 has only one column with the delimiter ','"),
        ("type,status\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b'"type', "line 1 is not CSV: unexpected end of data"),
    ],
)
def test_unusable_csv_header_is_rejected(text: bytes, cause: str) -> None:
    with pytest.raises(Failure) as failure:
        csv_of(text)
    assert failure.value.cause == cause


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0", "\uff1d1", "'=1"]
)
def test_formula_guard_can_be_taken_off(text: str) -> None:
    assert csvcells.guard(text) == f"'{text}"
    assert csvcells.unguard(csvcells.guard(text)) == text


def test_cells_keep_values_and_escape_formulas_of_text_alone() -> None:
    record = jsontext.parse(
        '{"type":"=1","attributes":{"n":-1.50,"none":null,"yes":true,"a.b":{"c":[1]},"a":{"x":2}}}'
    )
    columns = ["type", "attributes.n", "attributes.none", "attributes.yes", "attributes.a.b.c"]
    columns += ["attributes.a.x", "attributes.absent.x", "attributes.n.x"]
    assert csvcells.rows([record], columns, guarded=True) == "'=1,-1.50,,true,[1],2,,\r\n"
    assert csvcells.rows([record], ["type"], guarded=False) == "=1\r\n"
    for text in ('a"b', "a,b", "a\r\nb", "a\nb", "-2"):
        line = csvcells.rows([{"type": text}], ["type"], guarded=True)
        assert csv_of(f"type\r\n{line}")[0][1] == {"type": text}


def test_exported_csv_has_a_header_and_optionally_a_bom() -> None:
    assert csvcells.header(["type", "=x"], guarded=True, bom=True) == "\ufefftype,'=x\r\n"
    assert csvcells.header(["type"], guarded=True, bom=False) == "type\r\n"


def test_key_depends_on_content_alone() -> None:
    one, two, three = prepared(PLAIN, {"status": "ok", "type": "t"}, PLAIN | {"message": "m"})
    assert two == Duplicate(2, 1)
    assert isinstance(one, Row)
    assert one.key != three.key
    assert prepared(PLAIN | {"message": "m"}, PLAIN)[1].key == one.key


def test_equal_rows_are_skipped_created_or_refused() -> None:
    assert prepared(PLAIN, PLAIN)[1] == Duplicate(2, 1)
    assert prepared(PLAIN, PLAIN, duplicates=Duplicates.REFUSE)[1] == Refusal(
        2, "is equal to line 1"
    )
    created = prepared(PLAIN, PLAIN, PLAIN, duplicates=Duplicates.CREATE)
    assert len({each.key for each in created}) == len({each.id for each in created}) == 3
    # The first row has the key that it has alone, and each later one the same in every run.
    assert created[0].key == prepared(PLAIN)[0].key
    other = PLAIN | {"message": "m"}
    apart = prepared(PLAIN, other, PLAIN, duplicates=Duplicates.CREATE)
    assert apart[2].key == created[1].key


def test_key_column_decides_which_rows_are_the_same() -> None:
    first, other = PLAIN | {"id": "7"}, PLAIN | {"id": "8"}
    changed, missing = first | {"status": "failed"}, PLAIN | {"id": ""}
    result = prepared(first, other, changed, first, missing, key_column="id")
    assert isinstance(result[0], Row)
    assert isinstance(result[1], Row)
    assert result[0].body == result[1].body
    assert result[0].key != result[1].key
    assert result[2:] == [
        Refusal(3, "has the key of line 1, but other content"),
        Duplicate(4, 1),
        Refusal(5, "has no text or number as its key, id"),
    ]
    # A number in NDJSON is the same key as its text in CSV.
    number = jsontext.parse('{"type":"t","status":"ok","id":7}')
    assert prepared(number, key_column="id")[0].key == result[0].key
    nested = PLAIN | {"attributes": {"ticket": "7"}}
    assert isinstance(prepared(nested, key_column="attributes.ticket")[0], Row)


def test_fields_of_the_server_are_refused_dropped_or_kept() -> None:
    row = PLAIN | {"recordID": "r", "owner": "me", "attributes": {"host": "db"}}
    (refused,) = prepared(row)
    assert refused == Refusal(1, "has fields that callers can't set: recordID, owner; see --extra")
    (dropped,) = prepared(row, extra=Extra.DROP)
    assert json.loads(dropped.body) == PLAIN | {"attributes": {"host": "db"}}
    (kept,) = prepared(row, extra=Extra.ATTRIBUTES)
    attributes = {"host": "db", "recordID": "r", "owner": "me"}
    assert json.loads(kept.body) == PLAIN | {"attributes": attributes}
    (both,) = prepared(row | {"host": "x"}, extra=Extra.ATTRIBUTES)
    assert both == Refusal(1, "has host both as a field and in attributes")


def test_unpaired_surrogate_is_refused_before_a_request() -> None:
    (refused,) = prepared(rows.parse('{"type":"\\ud800","status":"ok"}'))
    assert refused.reason == "has an unpaired surrogate, which is not valid Unicode"


def test_row_above_the_size_limit_is_refused_before_a_request() -> None:
    (large,) = prepared(PLAIN | {"message": "x" * 65_536})
    assert large.reason.endswith("bytes; a record has at most 65536")
