"""JSON log lines (python-json-logger) and CloudWatch embedded-metric lines."""

import json
import logging
import sys
import time
from collections.abc import Mapping

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

NAMESPACE = "RecordsApi"
# What the Lambda runtime adds to every LogRecord; our own lines carry the request id as `requestId`.
RUNTIME_ATTRS = ["aws_request_id", "tenant_id"]

logger = logging.getLogger("records_api")


def configure(service: str, level: str) -> None:
    """Make the root logger write one JSON object a line, with `timestamp` (RFC 3339), `level`, `message`, `service`.

    The Lambda runtime has put a handler on the root logger: it gets our formatter. A second one would double lines.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    formatter = JsonFormatter(
        ["levelname", "message"],
        rename_fields={"levelname": "level"},
        static_fields={"service": service},
        reserved_attrs=[*RESERVED_ATTRS, *RUNTIME_ATTRS],
        timestamp=True,
    )
    for handler in root.handlers:
        handler.setFormatter(formatter)
    root.setLevel(level)


def emit_metrics(
    service: str, operation: str, traffic: Mapping[str, float], watched: Mapping[str, float]
) -> None:
    """Print one embedded-metric line, whatever LOG_LEVEL says; a metric of 0 is not sent.

    `traffic` has the dimensions Service and Operation; `watched`, the metrics of alarms, has
    Service only. Format: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
    """
    groups = [(["Service", "Operation"], traffic), (["Service"], watched)]
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
        line = {"_aws": metadata, "Service": service, "Operation": operation, **traffic, **watched}
        print(json.dumps(line), flush=True)
