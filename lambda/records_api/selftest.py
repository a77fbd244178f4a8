"""The self-test: proves every enabled operation with the real role, table and key; writes nothing."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import config, dynamodb, store

# A new role, and a new grant on a key, take seconds to take effect everywhere ("Troubleshoot IAM").
WAIT_SECONDS = 20.0
PAUSE_SECONDS = 1.0
# What an invocation keeps back to answer in.
RESERVE_SECONDS = 0.5
# As many digits of a hash as the description of a published version shows.
SHOWN_DIGITS = 12


class SelfTestFailed(Exception):
    """This version does not run what was released, or an operation does not work."""


def run(
    settings: config.Settings,
    table: Callable[[float], store.Table],
    event: Mapping[str, Any],
    context: Any,
) -> dict[str, Any]:
    """Return what this version runs, or raise SelfTestFailed, which names what fails and why.

    `table(deadline)` is the table for calls that end by `deadline` (time.monotonic() seconds).
    `event` may hold `sourceDigest` and `configurationHash`, which the release gate expects of a
    new version; a pinned version and the heartbeat are compared with nothing. An operation that
    fails is tried again for WAIT_SECONDS.
    """
    digest = source_digest()
    _compare(settings, digest, event, context)
    remaining = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    deadline = time.monotonic() + min(WAIT_SECONDS, remaining)
    pending = sorted(settings.operations)
    while failures := _failures(table(deadline), pending):
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
    }


def source_digest() -> str | None:
    """Return the digest of the sources this package was built from, or None outside a package."""
    try:
        return Path(__file__).with_name("SOURCE_DIGEST").read_text("ascii").strip()
    except FileNotFoundError:
        return None


def _compare(
    settings: config.Settings, digest: str | None, event: Mapping[str, Any], context: Any
) -> None:
    """Raise SelfTestFailed if the event expects other code or configuration than this version's."""
    parts = [
        ("source", digest, event.get("sourceDigest")),
        ("configuration", settings.configuration_hash, event.get("configurationHash")),
    ]
    compared = [part for part in parts if part[2] is not None]
    if all(actual == expected for _, actual, expected in compared):
        return
    runs = ", ".join(f"{name} {_short(actual)}" for name, actual, _ in compared)
    wanted = ", ".join(f"{name} {_short(expected)}" for name, _, expected in compared)
    publish = (
        f"aws lambda publish-version --region {settings.region}"
        f" --function-name {context.function_name}"
    )
    raise SelfTestFailed(
        f"version {context.function_version} runs {runs}; this apply expects {wanted}."
        f" If an earlier apply changed the function but failed to publish it, run: {publish}"
        " and apply again. If the package does not match its manifest, run scripts/package"
    )


def _short(value: str | None) -> str:
    return value[:SHOWN_DIGITS] if value else "none"


def _failures(table: store.Table, operations: list[str]) -> dict[str, str]:
    failures = {}
    for operation in operations:
        try:
            store.probe(table, operation)
        except (dynamodb.Refused, store.Unavailable, store.OutcomeUnknown) as error:
            failures[operation] = str(error)
    return failures
