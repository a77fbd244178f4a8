"""Log lines are single JSON objects, and metric lines have the format that CloudWatch reads."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from records_api import __version__, logs
from unit.support import metric_values


def test_line_is_one_json_object(log_lines: list[str]) -> None:
    logs.configure("records-dev", "INFO")
    logs.logger.warning("several\nlines", extra={"status": 503, "caller": "ä"})
    (line,) = log_lines
    assert "\n" not in line
    content = json.loads(line)
    moment = datetime.fromisoformat(content.pop("timestamp"))
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert content == {
        "level": "WARNING",
        "message": "several\nlines",
        "service": "records-dev",
        "serviceVersion": __version__,
        "status": 503,
        "caller": "ä",
    }


def test_timestamp_is_rfc_3339(log_lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure("records-dev", "INFO")
    for moment in (1769851800_123_456_000, 1769851800_000_000_000):
        monkeypatch.setattr("time.time_ns", lambda moment=moment: moment)
        monkeypatch.setattr("time.time", lambda moment=moment: moment / 1e9)
        logs.logger.info("x")
    pattern = r"2026-01-31T09:30:00(\.\d+)?(Z|\+00:00)"
    assert all(re.fullmatch(pattern, json.loads(line)["timestamp"]) for line in log_lines)


def test_repeated_configuration_does_not_repeat_lines(log_lines: list[str]) -> None:
    handlers = logging.getLogger().handlers[:]
    for _ in range(3):
        logs.configure("records-dev", "INFO")
    logs.logger.info("one")
    logging.getLogger("a.library").error("two")
    assert [json.loads(line)["message"] for line in log_lines] == ["one", "two"]
    assert logging.getLogger().handlers == handlers


def test_without_a_handler_lines_go_to_standard_output(
    log_lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger().handlers.clear()
    logs.configure("records-dev", "INFO")
    logs.logger.info("one")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"] == "one"
    assert log_lines == []


def test_exception_is_one_line_with_its_traceback(log_lines: list[str]) -> None:
    logs.configure("records-dev", "INFO")
    try:
        raise LookupError("x")  # noqa: TRY301 (needs an exception)
    except LookupError:
        logs.logger.exception("failed")
    (line,) = log_lines
    assert "\n" not in line
    assert re.search(
        r"Traceback .*test_logs\.py.*LookupError: x", json.loads(line)["exc_info"], re.DOTALL
    )


@pytest.mark.parametrize(
    ("level", "count"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)]
)
def test_level_is_a_threshold(log_lines: list[str], level: str, count: int) -> None:
    logs.configure("records-dev", level)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logs.logger.log(severity, "x")
    assert len(log_lines) == count


def test_lines_of_requests_have_the_standard_fields_too(
    log_lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("records-dev", "INFO")
    logs.logger.warning("request", extra={"operation": "list"})
    logs.write_request("records-dev", logging.WARNING, {"operation": "list"}, {}, {})
    through_logger, directly = json.loads(log_lines[0]), json.loads(capsys.readouterr().out)
    moments = [datetime.fromisoformat(each.pop("timestamp")) for each in (through_logger, directly)]
    assert moments[1].utcoffset() == moments[0].utcoffset()
    assert abs(moments[1] - moments[0]) < timedelta(minutes=1)
    assert list(directly.items()) == list(through_logger.items())


@pytest.mark.parametrize("name", ["message", "name", "args", "exc_info"])
def test_extra_field_cannot_replace_a_standard_field(log_lines: list[str], name: str) -> None:
    logs.configure("records-dev", "INFO")
    extra: dict[str, Any] = {name: "record contents"}
    with pytest.raises(KeyError):
        logs.logger.info("request", extra=extra)
    assert log_lines == []


def test_metrics_are_one_line_in_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    traffic, faults = {"ColdStarts": 1.0, "ConsumedReadUnits": 2.5}, {"UnhandledExceptions": 1.0}
    logs.emit_metrics("records-dev", "list", traffic, faults)
    printed = capsys.readouterr().out
    assert metric_values(printed) == {("records-dev", "list"): traffic, ("records-dev",): faults}
    assert {each["Namespace"] for each in json.loads(printed)["_aws"]["CloudWatchMetrics"]} == {
        "RecordsApi"
    }


def test_zero_is_not_sent_as_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    logs.emit_metrics("records-dev", "get", {"ColdStarts": 0.0, "ConsumedReadUnits": 0.5}, {})
    logs.emit_metrics("records-dev", "get", {"ColdStarts": 0.0, "ConsumedReadUnits": 0.0}, {})
    assert metric_values(capsys.readouterr().out) == {
        ("records-dev", "get"): {"ConsumedReadUnits": 0.5}
    }
