"""Times as people write them: `2h`, `yesterday`, `2026-01-31`, `2026-01-31T09:30`, RFC 3339."""

import re
from datetime import UTC, date, datetime, time, timedelta

from records_cli.exit_codes import Exit
from records_cli.failure import Failure

FORMS = "2h, 3d, 1h30m, today, yesterday, 2026-01-31, 2026-01-31T09:30 or an RFC 3339 time"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d+[smhdw])+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def since(text: str, now: datetime, option: str = "--since") -> str:
    """Return the exclusive lower bound that includes the time `text`, as an RFC 3339 time.

    A day begins at midnight of the local time zone. `now` has a time zone. Raises Failure, which
    names `option`, if `text` is not a time.
    """
    return _rfc3339(_interval(text, now, option)[0] - timedelta(milliseconds=1))


def until(text: str, now: datetime, option: str = "--until") -> str:
    """Return the exclusive upper bound, as an RFC 3339 time; a day is included to its end.

    Raises like `since`.
    """
    return _rfc3339(_interval(text, now, option)[1])


def _interval(text: str, now: datetime, option: str) -> tuple[datetime, datetime]:
    """Return begin and end of a day, or a time twice."""
    try:
        if (day := _day(text, now)) is not None:
            return _midnight(day), _midnight(day + timedelta(days=1))
        moment = _moment(text, now)
    except (ValueError, OverflowError):
        raise Failure(f"{option}: {text!r} is not a time", f"use {FORMS}", Exit.BAD_INPUT) from None
    return moment, moment


def _day(text: str, now: datetime) -> date | None:
    today = now.astimezone().date()
    if text in {"today", "yesterday"}:
        return today - timedelta(days=text == "yesterday")
    return date.fromisoformat(text) if _DAY.fullmatch(text) else None


def _moment(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    if _DURATION.fullmatch(text):
        parts = re.findall(r"(\d+)([smhdw])", text)
        return now - sum(
            (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta()
        )
    if not _DAY.match(text):  # fromisoformat also takes 20260131 and week dates
        raise ValueError(text)
    return datetime.fromisoformat(text).astimezone(UTC)  # the local time zone if it names none


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
