"""What a change of the OpenAPI document takes away from callers, compared with a release.

A request that was valid must stay valid, and a response must keep what it contained. Additions to
responses are allowed: docs/upgrade.md asks callers to ignore members that they do not know.
"""

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lib import changelog
from lib.console import Failure
from lib.paths import ROOT
from records_api import __version__

DOCUMENT = "lambda/openapi.yaml"
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
# Limits of a schema, and whether a greater value admits more.
_LIMITS = {
    "maxLength": True,
    "maximum": True,
    "exclusiveMaximum": True,
    "maxItems": True,
    "maxProperties": True,
    "minLength": False,
    "minimum": False,
    "exclusiveMinimum": False,
    "minItems": False,
    "minProperties": False,
}
Node = Mapping[str, Any]


class _Comparison(NamedTuple):
    """The documents that `$ref` refers to, and where the comparison is.

    `sent` says whether callers send the values, and not receive them; `seen` are the schemas that
    contain the current one.
    """

    old: Node
    new: Node
    sent: bool = False
    seen: tuple[tuple[int, int], ...] = ()

    def resolved(self, old: Node, new: Node) -> tuple[Node, Node]:
        return _resolved(self.old, old), _resolved(self.new, new)


def breaks(old: Node, new: Node) -> list[str]:
    """Return what the OpenAPI document `new` takes away from callers of `old`; empty if nothing."""
    comparison = _Comparison(old, new)
    found: list[str] = []
    for route, operation in _operations(old):
        later = dict(_operations(new)).get(route)
        if later is None:
            found.append(f"{route}: removed")
        else:
            found += [f"{route}: {problem}" for problem in _operation(comparison, operation, later)]
    return list(dict.fromkeys(found))


def last_release() -> str | None:
    """Return the tag of the newest release before this version, or None if there is none."""
    listed = subprocess.run(
        ["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    below = changelog.number(__version__.removesuffix(changelog.SUFFIX))
    numbers = {changelog.number(tag.removeprefix("v")): tag for tag in listed}
    earlier = [number for number in numbers if () < number < below]
    return numbers[max(earlier)] if earlier else None


def check() -> str:
    """Compare the document with that of the last release; return what was compared.

    Raises Failure if the document breaks callers and the major version is that of the release.
    """
    import yaml

    tag = last_release()
    if tag is None:
        return "nothing has been released yet"
    released = subprocess.run(
        ["git", "show", f"{tag}:{DOCUMENT}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    problems = breaks(yaml.safe_load(released), yaml.safe_load((ROOT / DOCUMENT).read_text()))
    same_major = __version__.split(".")[0] == tag.removeprefix("v").split(".")[0]
    if problems and same_major:
        raise Failure(
            f"{DOCUMENT} breaks callers of {tag}",
            "restore what was removed, or release it as the next major version",
            report="\n".join(problems),
        )
    return f"{len(problems)} breaking changes since {tag}"


def _operations(document: Node) -> Iterator[tuple[str, Node]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                yield f"{method.upper()} {path}", {**item[method], "parameters": parameters}


def _resolved(document: Node, node: Node) -> Node:
    while "$ref" in node:
        target: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def _operation(at: _Comparison, old: Node, new: Node) -> Iterator[str]:
    if old.get("operationId") != new.get("operationId"):
        yield f"operationId is {new.get('operationId')}, was {old.get('operationId')}"
    sending = at._replace(sent=True)
    yield from _parameters(sending, old, new)
    if "requestBody" in new:
        before, after = at.resolved(old.get("requestBody", {}), new["requestBody"])
        if after.get("required") and not before.get("required"):
            yield "the body is newly required"
        yield from _content(sending, before, after, "body")
    elif "requestBody" in old:
        yield "the body: removed"
    for status, response in old["responses"].items():
        if status not in new["responses"]:
            yield f"response {status}: removed"
            continue
        before, after = at.resolved(response, new["responses"][status])
        for name in before.get("headers", {}).keys() - after.get("headers", {}).keys():
            yield f"response {status}: header {name}: removed"
        yield from _content(at, before, after, f"response {status}")


def _parameters(at: _Comparison, old: Node, new: Node) -> Iterator[str]:
    before = {p["name"]: p for each in old["parameters"] if (p := _resolved(at.old, each))}
    after = {p["name"]: p for each in new["parameters"] if (p := _resolved(at.new, each))}
    for name, parameter in before.items():
        if name not in after:
            yield f"parameter {name}: removed"
        else:
            place = f"parameter {name}"
            yield from _schema(at, parameter["schema"], after[name]["schema"], place)
    for name, parameter in after.items():
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield f"parameter {name}: newly required"


def _content(at: _Comparison, old: Node, new: Node, place: str) -> Iterator[str]:
    for media_type, content in old.get("content", {}).items():
        if media_type not in new.get("content", {}):
            yield f"{place}: {media_type}: removed"
        else:
            later = new["content"][media_type]
            yield from _schema(at, content.get("schema", {}), later.get("schema", {}), place)


def _schema(at: _Comparison, old: Node, new: Node, place: str) -> Iterator[str]:
    """Yield how `new` refuses values of `old` if callers send them, or lacks what they received."""
    old, new = at.resolved(old, new)
    if (id(old), id(new)) in at.seen:
        return
    at = at._replace(seen=(*at.seen, (id(old), id(new))))
    yield from _value(old, new, place, sent=at.sent)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, schema in before.items():
        inner = f"{place}.{name}"
        if name not in after:
            yield f"{inner}: removed"
        else:
            yield from _schema(at, schema, after[name], inner)
    required, later = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(later - required if at.sent else required - later):
        yield f"{place}.{name}: {'newly required' if at.sent else 'no longer always there'}"
    if "items" in old and "items" in new:
        yield from _schema(at, old["items"], new["items"], f"{place}[]")
    for keyword in ("allOf", "anyOf", "oneOf"):
        for one, other in zip(old.get(keyword, []), new.get(keyword, []), strict=False):
            yield from _schema(at, one, other, place)


def _value(old: Node, new: Node, place: str, *, sent: bool) -> Iterator[str]:
    """Yield which types, values and lengths `new` refuses (`sent`), or returns as the first."""
    types, later = _types(old), _types(new)
    if later and (not types or types - later if sent else later - types):
        yield f"{place}: the type is {_listed(later)}, was {_listed(types)}"
    if "const" in old and "const" in new and old["const"] != new["const"]:
        yield f"{place}: is {new['const']!r}, was {old['const']!r}"
    if "enum" in old and (missing := set(old["enum"]) - set(new.get("enum", old["enum"]))):
        yield f"{place}: the values {_listed(missing)}: removed"
    if not sent:
        return
    if "enum" in new and "enum" not in old:
        yield f"{place}: newly limited to {_listed(set(new['enum']))}"
    for name, grows in _LIMITS.items():
        before, after = old.get(name), new.get(name)
        if after is not None and (before is None or (after < before if grows else after > before)):
            yield f"{place}: {name} is {after}, was {'unlimited' if before is None else before}"
    if new.get("pattern") and new.get("pattern") != old.get("pattern"):
        yield f"{place}: another pattern"


def _types(schema: Node) -> set[str]:
    stated = schema.get("type", [])
    return {stated} if isinstance(stated, str) else set(stated)


def _listed(values: set[Any]) -> str:
    return ", ".join(sorted(map(str, values))) or "any"
