"""The dashboard of every set of operations, against the grammar that CloudWatch publishes.

The emulator stores any text. CloudWatch rejects the whole dashboard for one widget without metrics.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lib import terraform
from lib.paths import ROOT

RENDERER = ROOT / "modules/records-api/tests/dashboard"

# Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax". "Widgets Array Structure":
# the grid has 24 columns, and a dashboard at most 500 widgets.
COLUMNS = 24
MOST_WIDGETS = 500
MOST_HEIGHT = 1000
# "Properties of a Metric Widget Object", and "Metric Widget: Format for Each Metric in the Array".
PROPERTIES = {
    "annotations": dict,
    "metrics": list,
    "period": int,
    "region": str,
    "stat": str,
    "title": str,
    "view": str,
}
VIEWS = {"bar", "gauge", "pie", "singleValue", "table", "timeSeries"}
RENDERING = {"color", "id", "label", "period", "region", "stat", "visible", "yAxis"}
MOST_DIMENSIONS = 30  # PutMetricData

Body = dict[str, Any]


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("dashboards")
    runner = terraform.ensure(folder / "terraform.log")
    env = terraform.environment(data=folder / "data")
    plan = folder / "plan"
    runner.run(RENDERER, "init", "-no-color", env=env)
    runner.run(RENDERER, "plan", "-no-color", "-lock=false", f"-out={plan}", env=env)
    shown = runner.read(RENDERER, "show", "-json", str(plan), env=env)
    rendered = shown["planned_values"]["outputs"]["dashboards"]["value"]
    return {key: each | {"body": json.loads(each["body"])} for key, each in rendered.items()}


def problems(body: Body) -> Iterator[str]:
    """Yield what CloudWatch would reject, or show nothing for."""
    widgets = body["widgets"]
    if not 0 < len(widgets) <= MOST_WIDGETS:
        yield f"{len(widgets)} widgets"
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        title = widget["properties"].get("title", "a widget")
        for problem in itertools.chain(
            place_problems(widget, taken), property_problems(widget["properties"])
        ):
            yield f"{title}: {problem}"


def place_problems(widget: dict[str, Any], taken: set[tuple[int, int]]) -> Iterator[str]:
    if widget["type"] != "metric":
        yield f"type {widget['type']}"
    x, y, width, height = (widget[name] for name in ("x", "y", "width", "height"))
    if not (
        x >= 0 and width >= 1 and x + width <= COLUMNS and y >= 0 and 1 <= height <= MOST_HEIGHT
    ):
        yield f"outside the grid: {x}, {y}, {width}, {height}"
    cells = set(itertools.product(range(x, x + width), range(y, y + height)))
    if cells & taken:
        yield "overlaps another widget"
    taken |= cells


def property_problems(properties: dict[str, Any]) -> Iterator[str]:
    for name in {"metrics", "region", "title"} - properties.keys():
        yield f"no {name}"
    for name, value in properties.items():
        if not isinstance(value, PROPERTIES.get(name, ())):
            yield f"{name}: {value}"
    if properties.get("view") not in VIEWS:
        yield f"view {properties.get('view')}"
    if properties.get("period", 0) % 60 or not properties.get("period"):
        yield f"period {properties.get('period')}"
    if not properties.get("metrics"):
        yield "no metrics"
    for metric in properties.get("metrics", []):
        yield from metric_problems(metric)
    yield from annotation_problems(properties.get("annotations"))


def metric_problems(metric: list[Any]) -> Iterator[str]:
    rendering = metric[-1] if isinstance(metric[-1], dict) else {}
    names = metric[:-1] if rendering else metric
    if not all(isinstance(name, str) and name for name in names):
        yield f"not an array of strings with an optional object at its end: {metric}"
    if not 2 <= len(names) <= 2 + 2 * MOST_DIMENSIONS or len(names) % 2:
        yield f"not namespace, name, and pairs of dimension and value: {metric}"
    if unknown := rendering.keys() - RENDERING:
        yield f"rendering properties {unknown}"


def annotation_problems(annotations: dict[str, Any] | None) -> Iterator[str]:
    if annotations is None:
        return
    if annotations.keys() != {"horizontal"} or not annotations["horizontal"]:
        yield f"annotations without a line: {annotations}"
    for line in annotations.get("horizontal", []):
        if not isinstance(line.get("value"), int | float) or not isinstance(line.get("label"), str):
            yield f"annotation {line}"


def test_every_dashboard_follows_the_grammar(dashboards: dict[str, dict[str, Any]]) -> None:
    assert (
        len(dashboards) == 255 + 2 * 3 * 2 - 1
    )  # all operations, no budget, aws, one API: in both
    errors = {key: list(problems(each["body"])) for key, each in dashboards.items()}
    assert not {key: problems for key, problems in errors.items() if problems}


def test_charges_are_shown_where_aws_publishes_them(
    dashboards: dict[str, dict[str, Any]],
) -> None:
    for key, each in dashboards.items():
        properties = [widget["properties"] for widget in each["body"]["widgets"]]
        charges = [one for one in properties if one["metrics"][0][0] == "AWS/Billing"]
        assert len(charges) == (each["partition"] == "aws"), key
        assert {one["region"] for one in charges} <= {"us-east-1"}, key
        assert ("annotations" in str(charges)) == bool(charges and each["budget_usd"]), key
        others = {one["region"] for one in properties if one not in charges}
        assert len(others) == 1, key
        assert "us-east-1" not in others, key


def test_every_api_metric_is_shown_for_every_api(dashboards: dict[str, dict[str, Any]]) -> None:
    for key, each in dashboards.items():
        metrics = [
            metric
            for widget in each["body"]["widgets"]
            for metric in widget["properties"]["metrics"]
            if metric[0] == "AWS/ApiGateway"
        ]
        ids = {f"id-of-{api}" for api in each["apis"].split(",")}
        for name in ("4xx", "5xx", "Count", "Latency"):
            assert {metric[3] for metric in metrics if metric[1] == name} == ids, key
        labels = [metric[-1]["label"] for metric in metrics]
        assert len(set(labels)) == len(labels), key


GOOD: dict[str, Any] = {
    "type": "metric",
    "x": 0,
    "y": 0,
    "width": 8,
    "height": 6,
    "properties": {
        "title": "Requests",
        "view": "timeSeries",
        "region": "eu-west-1",
        "period": 300,
        "metrics": [["AWS/ApiGateway", "Count", "ApiId", "abc", {"label": "all"}]],
    },
}


@pytest.mark.parametrize(
    ("place", "properties"),
    [
        ({"x": 17}, {}),
        ({"height": 0}, {}),
        ({}, {"metrics": []}),
        ({}, {"metrics": [["AWS/ApiGateway", "Count", "ApiId"]]}),
        ({}, {"metrics": [["AWS/ApiGateway", "Count", {"name": "all"}]]}),
        ({}, {"metrics": [["AWS/ApiGateway", "Count", "ApiId", None]]}),
        ({}, {"annotations": {"horizontal": []}}),
        ({}, {"annotations": {"horizontal": [{"label": "budget", "value": None}]}}),
        ({}, {"region": None}),
        ({}, {"period": 90}),
    ],
)
def test_each_invalid_widget_is_reported(place: dict[str, Any], properties: dict[str, Any]) -> None:
    assert not list(problems({"widgets": [GOOD]}))
    broken = GOOD | place | {"properties": {**GOOD["properties"], **properties}}
    assert list(problems({"widgets": [broken]}))


def test_overlapping_widgets_are_reported() -> None:
    assert list(problems({"widgets": [GOOD, GOOD]}))
