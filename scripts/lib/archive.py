"""Write a zip file that has the same bytes on every machine.

Versions of zlib compress the same content to different bytes, and zipfile uses the one that is
installed. This encoder is simpler, and its output depends on nothing but the content.
"""

import struct
import zlib
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

# Fields of the zip format (PKWARE, "APPNOTE.TXT", sections 4.3 and 4.4).
_VERSION, _UNIX, _DEFLATED = 20, 3, 8
_DATE = 1 << 5 | 1  # 1980-01-01, the earliest one
_MODE = 0o100644 << 16  # a file that everybody can read
# Of the earlier positions with the same three bytes, only the latest are tried.
_CANDIDATES = 16
_MIN_LENGTH, _MAX_LENGTH, _MAX_DISTANCE = 3, 258, 32768
_BLOCK_HEADER = "110"  # the last block, with the fixed Huffman codes
_END_OF_BLOCK, _FIRST_LENGTH, _LAST_LENGTH = 256, 257, 285
# The extra bits of each code, and the first value that it stands for (RFC 1951, section 3.2.5).
_LENGTH_BITS = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)]
_LENGTHS = list(accumulate((2**bits for bits in _LENGTH_BITS[:-1]), initial=_MIN_LENGTH))
_DISTANCE_BITS = [0] * 4 + [bits for bits in range(1, 14) for _ in range(2)]
_DISTANCES = list(accumulate((2**bits for bits in _DISTANCE_BITS[:-1]), initial=1))
# The first symbol of each range of the fixed code, its code and the number of bits (3.2.6).
_SYMBOLS = ((280, 0xC0, 8), (256, 0, 7), (144, 0x190, 9), (0, 0x30, 8))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of `files`, path -> content. Paths are ASCII."""
    entries, directory = b"", b""
    for name, content in sorted(files.items()):
        path, compressed = name.encode("ascii"), deflated(content)
        sizes = (zlib.crc32(content), len(compressed), len(content), len(path), 0)
        header = struct.pack("<5H3L2H", _VERSION, 0, _DEFLATED, 0, _DATE, *sizes)
        offset = len(entries)
        entries += b"PK\3\4" + header + path + compressed
        directory += struct.pack("<4s2B", b"PK\1\2", _VERSION, _UNIX) + header
        directory += struct.pack("<3H2L", 0, 0, 0, _MODE, offset) + path
    counts = (len(files), len(files), len(directory), len(entries))
    return entries + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, 0)


def deflated(content: bytes) -> bytes:
    """Return `content` in the deflate format (RFC 1951), as one block with the fixed codes."""
    bits = _BLOCK_HEADER + "".join(_codes(content)) + _symbol(_END_OF_BLOCK)
    # The first bit of the stream is the lowest one of the first byte.
    return int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")


def _codes(content: bytes) -> Iterator[str]:
    """Yield the bits of each literal byte, and of each repetition of earlier bytes."""
    earlier: dict[bytes, deque[int]] = defaultdict(lambda: deque(maxlen=_CANDIDATES))
    position = 0
    while position < len(content):
        starts = earlier[content[position : position + _MIN_LENGTH]]
        length, distance = _longest(content, position, starts)
        yield _repetition(length, distance) if distance else _symbol(content[position])
        for passed in range(position, position + length):
            earlier[content[passed : passed + _MIN_LENGTH]].append(passed)
        position += length


def _longest(content: bytes, position: int, starts: Sequence[int]) -> tuple[int, int]:
    """Return length and distance of the longest repetition at `position`, or (1, 0) if none."""
    longest, distance = _MIN_LENGTH - 1, 0
    limit = min(_MAX_LENGTH, len(content) - position)
    for start in reversed(starts):
        if position - start > _MAX_DISTANCE:
            break
        length = longest
        while length < limit and content.startswith(
            content[position : position + length + 1], start
        ):
            length += 1
        if length > longest:
            longest, distance = length, position - start
    return (longest, distance) if distance else (1, 0)


def _repetition(length: int, distance: int) -> str:
    """Return the bits for `length` bytes that begin `distance` bytes before."""
    if length == _MAX_LENGTH:
        bits = _symbol(_LAST_LENGTH)
    else:
        code, extra = _code(length, _LENGTHS, _LENGTH_BITS)
        bits = _symbol(_FIRST_LENGTH + code) + extra
    code, extra = _code(distance, _DISTANCES, _DISTANCE_BITS)
    return f"{bits}{code:05b}{extra}"


def _code(value: int, firsts: Sequence[int], widths: Sequence[int]) -> tuple[int, str]:
    """Return the code of a length or distance, and its extra bits, the lowest first."""
    code = bisect_right(firsts, value) - 1
    extra = f"{value - firsts[code]:0{widths[code]}b}"[::-1] if widths[code] else ""
    return code, extra


def _symbol(symbol: int) -> str:
    """Return the bits of a literal byte, the end of the block, or the code of a length."""
    first, code, width = next(each for each in _SYMBOLS if symbol >= each[0])
    return f"{code + symbol - first:0{width}b}"
