"""Changes of the OpenAPI document that break callers are reported, and additions are not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from lib import compatibility
from lib.console import Failure
from lib.paths import ROOT

Document = dict[str, Any]
DOCUMENT: Document = yaml.safe_load((ROOT / compatibility.DOCUMENT).read_text())


def schemas(document: Document) -> Any:
    return document["components"]["schemas"]


def operation(document: Document, method: str, path: str = "/records") -> Any:
    return document["paths"][path][method]


def limit(document: Document) -> Any:
    parameters = document["components"]["parameters"]
    names = (
        each.get("$ref", "").rpartition("/")[2] for each in operation(document, "get")["parameters"]
    )
    described = [*operation(document, "get")["parameters"], *map(parameters.get, names)]
    (found,) = [each for each in described if each and each.get("name") == "limit"]
    return found


BREAKS: list[tuple[Callable[[Document], object], str]] = [
    (lambda d: d["paths"].pop("/changes"), "GET /changes: removed"),
    (
        lambda d: operation(d, "post").update(operationId="add"),
        "POST /records: operationId is add, was create",
    ),
    (
        lambda d: operation(d, "get")["parameters"].pop(0),
        "GET /records: parameter type: removed",
    ),
    (lambda d: limit(d).update(required=True), "GET /records: parameter limit: newly required"),
    (
        lambda d: limit(d)["schema"].update(minimum=10),
        "GET /records: parameter limit: minimum is 10, was 1",
    ),
    (
        lambda d: schemas(d)["NewRecord"]["properties"].pop("message"),
        "POST /records: body.message: removed",
    ),
    (
        lambda d: schemas(d)["NewRecord"]["required"].append("message"),
        "POST /records: body.message: newly required",
    ),
    (
        lambda d: schemas(d)["Type"].update(maxLength=64),
        "POST /records: body.type: maxLength is 64, was 128",
    ),
    (
        lambda d: schemas(d)["Record"]["properties"].pop("updatedBy"),
        "GET /records: response 200.records[].updatedBy: removed",
    ),
    (
        lambda d: schemas(d)["Record"]["required"].remove("version"),
        "GET /records: response 200.records[].version: no longer always there",
    ),
    (
        lambda d: schemas(d)["Record"]["properties"]["version"].update(type="string"),
        "GET /records: response 200.records[].version: the type is string, was integer",
    ),
    (
        lambda d: schemas(d)["HistoryEntry"]["properties"]["change"]["enum"].remove("adopt"),
        "GET /changes: response 200.changes[].change: the values adopt: removed",
    ),
    (
        lambda d: operation(d, "post")["responses"].pop("201"),
        "POST /records: response 201: removed",
    ),
]
ADDITIONS: list[Callable[[Document], object]] = [
    lambda d: d["paths"].update({"/more": d["paths"]["/changes"]}),
    lambda d: schemas(d)["Record"]["properties"].update(more={"type": "string"}),
    lambda d: schemas(d)["Record"]["required"].append("message"),
    lambda d: schemas(d)["NewRecord"]["properties"].update(more={"type": "string"}),
    lambda d: schemas(d)["HistoryEntry"]["properties"]["change"]["enum"].append("more"),
    lambda d: schemas(d)["Type"].update(maxLength=256),
    lambda d: limit(d)["schema"].update(minimum=0),
]


@pytest.mark.parametrize(("change", "problem"), BREAKS, ids=[problem for _, problem in BREAKS])
def test_changes_that_break_callers_are_reported(
    change: Callable[[Document], object], problem: str
) -> None:
    changed = copy.deepcopy(DOCUMENT)
    change(changed)
    assert problem in compatibility.breaks(DOCUMENT, changed)


@pytest.mark.parametrize("change", ADDITIONS)
def test_additions_are_compatible(change: Callable[[Document], object]) -> None:
    changed = copy.deepcopy(DOCUMENT)
    change(changed)
    assert changed != DOCUMENT
    assert compatibility.breaks(DOCUMENT, changed) == []


def test_document_is_compatible_with_itself() -> None:
    assert compatibility.breaks(DOCUMENT, copy.deepcopy(DOCUMENT)) == []


def released(monkeypatch: pytest.MonkeyPatch, version: str, tag: str | None) -> None:
    """Make `version` the current one and HEAD the commit of the last release."""
    monkeypatch.setattr(compatibility, "__version__", version)
    monkeypatch.setattr(compatibility, "last_release", lambda: tag)


def test_breaks_fail_within_a_major_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "breaks", lambda *_: ["GET /changes: removed"])
    monkeypatch.setattr("subprocess.run", lambda *_, **__: Released)
    released(monkeypatch, "1.1.0-dev", "v1.0.0")
    with pytest.raises(Failure, match=r"breaks callers of v1\.0\.0") as failure:
        compatibility.check()
    assert failure.value.report == "GET /changes: removed"
    released(monkeypatch, "2.0.0-dev", "v1.0.0")
    assert compatibility.check() == "1 breaking changes since v1.0.0"
    released(monkeypatch, "1.0.0-dev", None)
    assert compatibility.check() == "nothing has been released yet"


class Released:
    stdout = "{}"


@pytest.mark.parametrize(
    ("version", "tag"),
    [("1.0.0-dev", None), ("1.0.1", "v1.0.0"), ("1.11.0-dev", "v1.10.0"), ("2.0.0", "v1.10.0")],
)
def test_last_release_is_the_newest_below(
    monkeypatch: pytest.MonkeyPatch, version: str, tag: str | None
) -> None:
    class Tags:
        stdout = "v1.0.0\nv1.10.0\nv1.9.0\nv2.0.0\nvery-old\n"

    monkeypatch.setattr(compatibility, "__version__", version)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: Tags)
    assert compatibility.last_release() == tag
