"""Write JSON log lines (python-json-logger) and CloudWatch embedded metrics."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter

from . import __version__

NAMESPACE = "RecordsApi"
# The Lambda runtime adds these to every LogRecord. The service logs the request ID as `requestId`.
RUNTIME_ATTRS = ["aws_request_id", "tenant_id"]

logger = logging.getLogger("records_api")


class Formatter(BaseJsonFormatter):
    """Formats log records as JSON, as pythonjsonlogger.json does.

    Importing that module would take a tenth of a cold start, so the package does not contain it.
    """

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the JSON text of a log line."""
        return _ENCODER.encode(log_data)


def configure(service: str, level: str) -> None:
    """Make the root logger write one JSON object per line.

    Each has `timestamp` (RFC 3339), `level`, `message`, `service` and `serviceVersion`. The handler
    that the Lambda runtime added to the root logger is reused, because a second one would duplicate
    every line.
    """
    # No line shows where it was logged, or by which thread and process, so no time is spent to find
    # out (Python Logging HOWTO, "Optimization").
    logging._srcfile = None  # noqa: SLF001 (named by the HOWTO)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    formatter = Formatter(
        ["levelname", "message"],
        rename_fields={"levelname": "level"},
        static_fields={"service": service, "serviceVersion": __version__},
        reserved_attrs=[*RESERVED_ATTRS, *RUNTIME_ATTRS],
        timestamp=True,
    )
    for handler in root.handlers:
        handler.setFormatter(formatter)
    root.setLevel(level)


def write_request(
    service: str,
    level: int,
    entry: Mapping[str, Any],
    traffic: Mapping[str, float],
    alarmed: Mapping[str, float],
) -> None:
    """Print the line of a request: its log fields, and its metrics as in `emit_metrics`.

    If `level` is not enabled, the line has the metrics only. It does not go through `logger`, whose
    detours would be a tenth of a short request, but has the same standard fields.
    """
    fields: dict[str, Any] = {}
    if logger.isEnabledFor(level):
        fields = {
            "level": logging.getLevelName(level),
            "message": "request",
            "service": service,
            "serviceVersion": __version__,
            **entry,
            "timestamp": datetime.now(UTC).isoformat(),
        }
    emit_metrics(service, entry["operation"], traffic, alarmed, fields)


def emit_metrics(
    service: str,
    operation: str,
    traffic: Mapping[str, float],
    alarmed: Mapping[str, float],
    fields: Mapping[str, Any] | None = None,
) -> None:
    """Print one line of embedded metrics, at any log level. Metrics with the value 0 are omitted.

    The metrics in `traffic` have the dimensions Service and Operation. Those in `alarmed`, which
    alarms use, have the dimension Service. `fields` begin the line. Without fields and metrics,
    nothing is printed. Source: Amazon CloudWatch User Guide, "Specification: Embedded metric
    format".
    """
    line = dict(fields or {})
    groups = [(["Service", "Operation"], traffic), (["Service"], alarmed)]
    directives = [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in sent],
        }
        for dimensions, values in groups
        if (sent := [name for name in values if values[name]])
    ]
    if directives:
        metadata = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}
        line |= {"_aws": metadata, "Service": service, "Operation": operation, **traffic, **alarmed}
    if line:
        # In one write: the runtime flushes after each, and a newline of its own would be a second.
        sys.stdout.write(f"{_ENCODER.encode(line)}\n")
        sys.stdout.flush()


def _text(value: Any) -> str:
    """Return a value that is not JSON as text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


_ENCODER = json.JSONEncoder(default=_text)
