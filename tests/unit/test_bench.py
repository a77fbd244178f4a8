"""How scripts/bench computes and judges its results."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from lib.bench import charts, endpoint, results, stack_times
from lib.bench.runtime import Cold
from lib.bench.workload import OURS, PEER_LABELS, RECORD_ID, event

SVG = "{http://www.w3.org/2000/svg}"
SUBJECTS = {OURS: "this service", **PEER_LABELS}
RATIOS = {
    "cold_boto3_client",
    "cold_fastapi",
    "cold_over_floor",
    "cold_powertools",
    "memory_boto3_client",
    "page_units_growth",
    "warm_get_boto3_client",
    "warm_get_powertools",
    "warm_page_100_boto3_client",
    "warm_page_100_powertools",
    "warm_page_1000_boto3_client",
    "warm_page_1000_powertools",
    "zip_bytes",
}


def samples(times: dict[str, list[float]]) -> tuple[Any, Any]:
    """Return cold and warm samples in which all measures of a subject have the same values."""
    measures = (*Cold._fields, "peak_megabytes")
    cold = {name: dict.fromkeys(measures, times.get(name, [1.0])) for name in SUBJECTS}
    requests = ("page_100", "page_1000", "get", "create")
    warm = {
        request: {name: {"cpu": times.get(name, [1.0])} for name in SUBJECTS}
        for request in requests
    }
    return cold, warm


def test_ratio_is_the_median_of_pairs() -> None:
    # The machine was twice as slow in the second round and was interrupted in the third.
    cold, warm = samples({OURS: [10, 20, 10], "boto3_client": [50, 100, 500]})
    cold["one_request"] = cold["powertools"] = cold["fastapi_mangum"] = cold[OURS]
    for measures in warm.values():
        measures["powertools"] = measures[OURS]
    computed = results.ratios(cold, warm, 1000, 1.0)
    assert computed.keys() == RATIOS
    assert computed["cold_boto3_client"] == computed["warm_get_boto3_client"] == 5.0
    assert computed["cold_over_floor"] == 1.0


def test_incomplete_samples_are_not_paired() -> None:
    with pytest.raises(ValueError, match="zip"):
        results.paired([1, 2], [1])


def test_each_ratio_has_a_limit() -> None:
    assert results.AT_LEAST.keys() | results.AT_MOST.keys() == RATIOS == results.GOALS.keys()
    within = results.AT_LEAST | results.AT_MOST
    assert results.violations(within) == []
    slow = {name: limit - 0.01 for name, limit in results.AT_LEAST.items()}
    large = {name: limit + 1 for name, limit in results.AT_MOST.items()}
    sentences = results.violations(slow | large)
    assert [sentence.split()[0] for sentence in sentences] == [*results.AT_LEAST, *results.AT_MOST]


def test_missed_goal_is_named() -> None:
    assert results.missed(results.GOALS) == set()
    changed = results.GOALS | {"cold_boto3_client": 4.99, "cold_over_floor": 2.51}
    assert results.missed(changed) == {"cold_boto3_client", "cold_over_floor"}


def test_pages_hold_items_as_they_were_written() -> None:
    tables = endpoint.Tables()
    item = {
        "recordID": {"S": "a"},
        "createdAt": {"S": "2026-01-01T00:00:00.000Z"},
        "position": {"S": "2026-01-01T00:00:00.000Z#a"},
        "version": {"N": "1"},
    }
    tables.answer("PutItem", {"TableName": "t", "Item": item})
    first, *others = list(endpoint.similar(item, 3))
    assert first == item
    assert len({other["recordID"]["S"] for other in others}) == 2
    for other in others:
        assert other["version"] == item["version"]
        expected = f"{other['createdAt']['S']}#{other['recordID']['S']}"
        assert other["position"]["S"] == expected


def test_event_names_the_record_in_its_path() -> None:
    sent = event("GET /records/{recordID}")
    assert sent["rawPath"] == f"/records/{RECORD_ID}"
    assert sent["pathParameters"] == {"recordID": RECORD_ID}


def parsed(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314 (our own text)


def test_bar_chart_is_valid_and_labelled() -> None:
    rows = [
        charts.Bar("<scan> & dump", 9.0, "9 ms"),
        charts.Bar("ours", 3.0, "3 ms", is_ours=True, first=1.0),
    ]
    root = parsed(charts.bars("Title", "Note", "milliseconds", rows))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"Title", "Note", "milliseconds", "<scan> & dump", "ours", "0", "8"} <= set(texts)
    assert len(list(root.iter(f"{SVG}rect"))) == 3


def test_line_chart_marks_what_is_modelled() -> None:
    points = [(1000, 8.0), (10_000, 80.0), (100_000, 800.0)]
    row = charts.Line("Scan", points, modelled=1)
    root = parsed(charts.lines("Title", "Note", ("records", "units"), [row]))
    paths = {element.get("class"): element.get("points") for element in root.iter(f"{SVG}polyline")}
    assert [len((paths[kind] or "").split()) for kind in ("line", "line model")] == [2, 2]
    assert len(list(root.iter(f"{SVG}circle"))) == 2


def test_provider_requests_are_counted_by_service() -> None:
    log = """
[DEBUG] provider: HTTP Request Sent: http.method=POST rpc.service=IAM tf_rpc=Read
http.request.body="
  | {"a": 1}" rpc.service=unrelated
[DEBUG] provider: HTTP Request Sent: rpc.service="CloudWatch Logs" http.method=POST
[DEBUG] provider: HTTP Response Received: rpc.service=IAM
[DEBUG] provider: HTTP Request Sent:
  | body rpc.service=IAM
"""
    assert stack_times.requests(log) == {"IAM": 2, "CloudWatch Logs": 1}
