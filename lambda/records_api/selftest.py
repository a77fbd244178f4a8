"""The self-test: checks every enabled operation with the real role, table and key.

It writes nothing.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from . import __version__, config, dynamodb, probes, store

# Changes to roles and key policies take seconds to become effective (AWS IAM User Guide,
# "Troubleshoot IAM").
WAIT_SECONDS = 20.0
PAUSE_SECONDS = 1.0
# The description of a published version shows as many digits of a hash.
SHOWN_DIGITS = 12


class SelfTestFailed(Exception):
    """The function version is not the expected one, or an operation does not work."""


def run(
    settings: config.Settings,
    table: Callable[[float], store.Table],
    event: Mapping[str, Any],
    context: Any,
    deadline: float,
) -> dict[str, Any]:
    """Return a description of this function version if the self-test passes.

    `table(deadline)` returns the table for calls until `deadline` (seconds of time.monotonic()).
    `event` may have `sourceDigest` and `configurationHash`. The release gate sets them to the
    expected values of a new version; without them, nothing is compared. An operation that fails is
    retried until `deadline`. Raises SelfTestFailed with the cause of each failure.
    """
    digest = source_digest()
    _compare(settings, digest, event, context)
    pending = sorted(settings.operations)
    failures: dict[str, str] = {}
    while failures := _failures(table(deadline), pending, failures):
        if time.monotonic() + PAUSE_SECONDS >= deadline:
            raise SelfTestFailed(
                "; ".join(f"{operation}: {reason}" for operation, reason in failures.items())
            )
        pending = list(failures)
        time.sleep(PAUSE_SECONDS)
    return {
        "selfTest": "passed",
        "sourceDigest": digest,
        "configurationHash": settings.configuration_hash,
        "operations": sorted(settings.operations),
        "functionVersion": context.function_version,
        "serviceVersion": __version__,
    }


def source_digest() -> str | None:
    """Return the digest of the package's sources, or None if this code is not in a package."""
    try:
        path = os.path.join(os.path.dirname(__file__), "SOURCE_DIGEST")
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def _compare(
    settings: config.Settings, digest: str | None, event: Mapping[str, Any], context: Any
) -> None:
    """Raise SelfTestFailed if the event expects another code or configuration."""
    checks = [
        ("source digest", digest, event.get("sourceDigest")),
        ("configuration hash", settings.configuration_hash, event.get("configurationHash")),
    ]
    mismatches = [
        f"{name} {_short(actual)} does not match the expected {_short(expected)}"
        for name, actual, expected in checks
        if expected is not None and actual != expected
    ]
    if not mismatches:
        return
    publish = (
        f"aws lambda publish-version --region {settings.region}"
        f" --function-name {context.function_name}"
    )
    raise SelfTestFailed(
        f"version {context.function_version}: {'; '.join(mismatches)}."
        " If an earlier apply updated the function but did not publish it,"
        f" run: {publish} and apply again."
        " If the package does not match its manifest, run scripts/package"
    )


def _short(value: str | None) -> str:
    return value[:SHOWN_DIGITS] if value else "none"


def _failures(
    table: store.Table, operations: list[str], earlier: Mapping[str, str]
) -> dict[str, str]:
    """Return the cause of each failure by operation.

    An operation that no time is left for keeps its `earlier` cause.
    """
    failures = {}
    for operation in operations:
        if operation in earlier and time.monotonic() >= table.deadline:
            failures[operation] = earlier[operation]
            continue
        try:
            probes.probe(table, operation)
        except (dynamodb.Refused, store.Unavailable, store.OutcomeUnknown) as error:
            failures[operation] = str(error)
    return failures
