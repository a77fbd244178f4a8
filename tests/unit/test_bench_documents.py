"""The results of scripts/bench in the documents are those of docs/bench.json."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lib.bench import publish, results
from lib.paths import ROOT

SOAK = {"soak.svg", "soak_memory.svg"}  # of scripts/soak


@pytest.fixture(scope="module")
def published() -> Any:
    return json.loads(publish.RESULTS.read_text())


@pytest.mark.parametrize("document", publish.DOCUMENTS, ids=lambda path: str(path.name))
def test_tables_are_those_of_the_results(document: Path, published: Any) -> None:
    assert publish.documented(document, published) == document.read_text(), (
        "run scripts/bench --publish"
    )


def test_charts_are_those_of_the_results(published: Any) -> None:
    drawn = publish.charts(published)
    assert {path.name for path in publish.CHARTS.iterdir()} - SOAK == drawn.keys()
    for name, chart in drawn.items():
        assert (publish.CHARTS / name).read_text() == chart, name


def test_results_follow_from_the_samples(published: Any) -> None:
    assert published["summary"] == results.summary(published["samples"])
    assert results.violations(published["ratios"]) == []


def test_default_memory_is_the_cheapest_of_the_model(published: Any) -> None:
    variables = (ROOT / "modules/records-api/variables.tf").read_text()
    default = re.findall(r"memory_mb += optional\(number, (\d+)\)", variables)
    assert default == [str(published["money"]["memory_mb"])]
