"""Repeats requests that another attempt may answer, with growing pauses."""

import math
import random
import time
from collections.abc import Callable
from http import HTTPStatus

from records_cli.client import Response

# Statuses after which another attempt may succeed. 500 and 502 come from API Gateway too, when the
# function did not respond.
TRANSIENT = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
ATTEMPTS = 10  # over about a minute
_LONGEST_PAUSE_SECONDS = 20.0
_LONGEST_RETRY_AFTER_SECONDS = 60.0

_SILENT_SECONDS = 1.0  # shorter pauses are not worth a line

Wait = Callable[[float], object]
Notice = Callable[[str], object]


def send(
    request: Callable[[], Response],
    *,
    attempts: float = ATTEMPTS,
    wait: Wait = time.sleep,
    notice: Notice = lambda _: None,
) -> Response:
    """Return the response of the first attempt that is not transient, otherwise of the last one.

    Use it only for requests that are safe to repeat. `wait` is called with a number of seconds
    before each further attempt; there is none if it returns true. `notice` is called with what
    there is to say about a pause that people notice. Raises OSError if the last attempt got no
    response.
    """
    attempt = 1
    while True:
        response, error = None, None
        try:
            response = request()
        except OSError as reason:
            error = reason
        is_final = response is not None and response.status not in TRANSIENT
        if is_final or attempt >= attempts:
            break
        seconds = pause(attempt, response)
        if seconds >= _SILENT_SECONDS:
            notice(_waiting(response or error, attempt + 1, attempts, seconds))
        if wait(seconds):
            break
        attempt += 1
    if response is None:
        raise error or OSError("no response")
    return response


def _waiting(
    outcome: Response | OSError | None, attempt: int, attempts: float, seconds: float
) -> str:
    """Return what to say before the next attempt."""
    if isinstance(outcome, Response):
        what = f"it responds with {outcome.status}"
    else:
        what = f"no response: {outcome}"
    limit = f" of {attempts:.0f}" if math.isfinite(attempts) else ""
    return f"waiting for the API ({what}): attempt {attempt}{limit} in {seconds:.0f} s"


def pause(attempt: int, response: Response | None = None) -> float:
    """Return the seconds to wait after this attempt: at least `Retry-After`, and a random part.

    The random part has "full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter"), so
    that callers who were refused together do not return together.
    """
    longest = min(_LONGEST_PAUSE_SECONDS, 0.2 * 2 ** min(attempt, 20))
    return _retry_after(response) + random.uniform(0, longest)  # noqa: S311 (a pause)


def _retry_after(response: Response | None) -> float:
    text = "" if response is None else response.headers.get("retry-after", "")
    return min(float(text), _LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() else 0.0
