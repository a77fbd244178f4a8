"""Creates a record for each row of a file: several requests at once, none of them twice."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event
from typing import NamedTuple, Protocol

from records_cli import attempts
from records_cli.client import Response
from records_cli.failure import Failure
from records_cli.journal import Journal
from records_cli.preparing import Duplicate, Prepared, Refusal, Row

# What the API says about the row itself. Any other error concerns the whole import.
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class Failed(NamedTuple):
    """What stops the whole import: a response, or why there is none."""

    row: Row
    outcome: "Outcome"


Outcome = Response | OSError | Failure


@dataclass
class Counts:
    """What happened to the rows. `replayed` were created by an earlier request with their key."""

    created: int = 0
    replayed: int = 0
    confirmed: int = 0  # in the journal, so not sent again
    duplicates: int = 0
    refused: int = 0
    failed: list[Failed] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return the number of rows with an outcome."""
        return self.created + self.replayed + self.confirmed + self.duplicates + self.refused


class Caller(Protocol):
    """The part of `client.Caller` that is used here."""

    def call(
        self, method: str, path: str = "", *, body: object = None, headers: dict[str, str]
    ) -> Response:
        """Send one request and return the response. Raises OSError when there is none."""


@dataclass
class Import:
    """One import: at most `parallel` requests are sent at once. Refused rows go to `refuse`.

    `notice` as in `attempts.send`.
    """

    caller: Caller
    journal: Journal | None
    parallel: int
    refuse: Callable[[Refusal], object]
    progress: Callable[[Counts], object] = lambda _: None
    counts: Counts = field(default_factory=Counts)
    notice: attempts.Notice = lambda _: None
    _stop: Event = field(default_factory=Event)
    _pending: set[Future[tuple[Row, Outcome]]] = field(default_factory=set)

    def run(self, prepared: Iterable[Prepared]) -> None:
        """Import the rows and count them.

        The first error that does not concern a single row stops the import; it is then in
        `counts.failed`. An interruption stops it too: requests that were sent are still answered
        and noted. Raises OSError if the journal can't be written.
        """
        with ThreadPoolExecutor(self.parallel) as pool:
            try:
                for row in filter(None, map(self._to_send, prepared)):
                    self._pending.add(pool.submit(self._send, row))
                    if len(self._pending) >= 2 * self.parallel:
                        self._settle_some()
                    if self.counts.failed:
                        break
                while self._pending and not self.counts.failed:
                    self._settle_some()
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                self._settle_all(self._pending)

    def _to_send(self, each: Prepared) -> Row | None:
        """Return a row to send, or count why there is nothing to send."""
        if isinstance(each, Refusal):
            self.counts.refused += 1
            self.refuse(each)
        elif isinstance(each, Duplicate):
            self.counts.duplicates += 1
        elif self.journal and each.id in self.journal.confirmed:
            self.counts.confirmed += 1
        else:
            return each
        return None

    def _send(self, row: Row) -> tuple[Row, Outcome]:
        """Create a record. To repeat it is safe, whatever the outcome, thanks to the key."""
        headers = {"Idempotency-Key": row.key}
        try:
            return row, attempts.send(
                lambda: self.caller.call("POST", body=row.body, headers=headers),
                wait=self._stop.wait,
                notice=self.notice,
            )
        except (OSError, Failure) as error:  # a Failure says that the credentials have expired
            return row, error

    def _settle_some(self) -> None:
        """Wait for an outcome, and note all that there are."""
        self._settle_all(wait(self._pending, return_when=FIRST_COMPLETED).done)

    def _settle_all(self, done: Iterable[Future[tuple[Row, Outcome]]]) -> None:
        for future in list(done):
            self._pending.discard(future)  # first: an interruption must not note it twice
            if not future.cancelled():
                self._settle(*future.result())
        self.progress(self.counts)

    def _settle(self, row: Row, outcome: Outcome) -> None:
        if isinstance(outcome, Response) and outcome.status == HTTPStatus.CREATED:
            if "idempotency-replayed" in outcome.headers:
                self.counts.replayed += 1
            else:
                self.counts.created += 1
            if self.journal:
                self.journal.confirm(row.id, row.line, str(outcome.json()["recordID"]))
        elif isinstance(outcome, Response) and outcome.status in _REFUSED:
            self.counts.refused += 1
            self.refuse(Refusal(row.line, reason(outcome), outcome.status))
        else:
            self.counts.failed.append(Failed(row, outcome))


def reason(response: Response) -> str:
    """Return why the API refused a row, on one line."""
    try:
        problem = response.json()
        errors = [
            f"{each.get('pointer') or each.get('header') or 'body'}: {each['detail']}"
            for each in problem.get("errors", [])
        ]
        text = "; ".join(errors) or problem.get("detail") or problem.get("message")
    except (ValueError, AttributeError, KeyError, TypeError):
        text = None
    return " ".join(str(text or f"the API returned {response.status}").split())
