"""Bodies of at most 64 KiB that are meant to take much time, memory or space in the response."""

LIMIT = 65_536


def record(attributes: bytes) -> bytes:
    """Return a new record with these attributes as JSON text."""
    return b'{"type":"a","status":"b","attributes":' + attributes + b"}"


def filled(begin: bytes, unit: bytes, end: bytes) -> bytes:
    """Return `begin`, as many copies of `unit` as the limit allows, and `end`."""
    return begin + unit * ((LIMIT - len(begin) - len(end)) // len(unit)) + end


_START, _END = record(b"{|}").split(b"|")
_MEMBERS = b",".join(b'"%d":0' % number for number in range(7_000))
# The service responds to all of them with 400.
BOMBS = {
    "deep arrays": b"[" * (LIMIT // 2) + b"]" * (LIMIT // 2),
    "deep arrays without an end": b"[" * LIMIT,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep attributes": record(b'{"a":' * 900 + b"1" + b"}" * 900),
    "deep and wide": filled(_START + b'"a":[', b"[" * 40 + b"0" + b"]" * 40 + b",", b"0]" + _END),
    "repeated members": filled(_START, b'"a":[],', b'"b":1' + _END),
    "many members": record(b"{" + _MEMBERS + b"}"),
    "many unknown fields": b"{" + _MEMBERS + b"}",
    "long member name": filled(_START + b'"', b"~/", b'":1e400' + _END),
    "long name above many errors": filled(
        _START + b'"' + b"n" * 30_000 + b'":[', b'{"":0},', b"0]" + _END
    ),
    "long number": filled(_START + b'"n":', b"9", _END),
    "long fraction": filled(_START + b'"n":0.', b"3", _END),
    "huge exponent": record(b'{"n":1e999999999}'),
    "huge negative exponent": record(b'{"n":-1e-999999999999999999999}'),
    "many huge numbers": filled(_START + b'"n":[', b"1e999999,", b"0]" + _END),
    "not a number": filled(_START + b'"n":[', b"NaN,-Infinity,", b"0]" + _END),
    "empty arrays": filled(_START + b'"a":[', b"[],", b"[]]" + _END),
    "unpaired surrogates": filled(b'{"type":"a","status":"b","message":"', rb"\ud83d", b'"}'),
    "long text": filled(b'{"type":"a","status":"b","message":"', b"x", b'"}'),
    "escapes": filled(b'{"type":"a","status":"', rb"\u0000", b'"}'),
    "spaces": filled(b"[", b" ", b"]"),
    "byte order mark": filled(b"\xef\xbb\xbf[", b"0,", b"0]"),
    "UTF-16": filled(b"\xff\xfe{\x00", b" \x00", b"}\x00"),
}
