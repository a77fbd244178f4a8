"""HTTP grammars: query strings (RFC 3986, HTML forms) and header values (RFC 9110)."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# RFC 9110, section 8.8.3. API Gateway may decode bytes beyond ASCII (obs-text) in different ways.
# Classes list what they exclude: one that ends with U+10FFFF takes milliseconds to compile.
ENTITY_TAG = r'(?:W/)?"[^\x00-\x20"\x7f]*"'
# Section 5.6.1: a recipient ignores empty list elements.
ENTITY_TAGS = re.compile(rf"[ \t,]*(?:{ENTITY_TAG}[ \t]*(?:,[ \t,]*|\Z))*")
# Sections 5.6.2, 5.6.4, 5.6.6 and 8.3.1.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (a grammar rule, not a secret)
QUOTED = r'"((?:[^\x00-\x08\x0a-\x1f"\\\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)"'
MEDIA_TYPE = re.compile(rf"{TOKEN}/{TOKEN}")
PARAMETER = re.compile(rf"[ \t]*;[ \t]*(?:({TOKEN})=(?:({TOKEN})|{QUOTED}))?")


def entity_tags(text: str) -> list[str]:
    """Return the entity tags of a header, or ["*"]. Raises ValueError if it is malformed."""
    if text == "*":
        return ["*"]
    if not ENTITY_TAGS.fullmatch(text):
        raise ValueError("not a list of entity tags")
    return re.findall(ENTITY_TAG, text)


def matches_strongly(tags: Sequence[str], tag: str) -> bool:
    """Return whether `tags` match `tag` by strong comparison; weak tags never match."""
    return "*" in tags or tag in tags


def matches_weakly(tags: Sequence[str], tag: str) -> bool:
    """Return whether `tags` match `tag` by weak comparison."""
    return "*" in tags or tag in [other.removeprefix("W/") for other in tags]


def media_type(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a media type and its parameters, with names in lower case.

    Raises ValueError if it is malformed.
    """
    essence = MEDIA_TYPE.match(text)
    if not essence:
        raise ValueError("not a media type")
    parameters, end = [], essence.end()
    while end < len(text):
        parameter = PARAMETER.match(text, end)
        if not parameter:
            raise ValueError("malformed media type parameters")
        name, token, quoted = parameter.groups()
        if name:
            parameters.append((name.lower(), token or re.sub(r"\\(.)", r"\1", quoted)))
        end = parameter.end()
    return essence[0].lower(), parameters


def accepts_gzip(text: str) -> bool:
    """Return whether an Accept-Encoding value allows gzip (section 12.5.3)."""
    codings = {}
    for part in text.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        codings[coding] = not re.fullmatch(r"0(\.0*)?", weight)
    return codings.get("gzip", codings.get("*", False))


def query_pairs(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the raw name, the decoded name and the decoded value of each query parameter.

    A decoded name or value is None if it is not percent-encoded UTF-8.
    """
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            yield name, _decoded(name), _decoded(value)


def _decoded(text: str) -> str | None:
    if BAD_PERCENT.search(text):
        return None
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except ValueError:
        return None
