"""Checks a deployed records API from outside: what only a real account can confirm, in a minute."""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin

from lib import account, venvs
from lib.client import Answer, Caller, connected, send
from lib.console import Failure, main, step

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_ATTEMPTS = 3  # others may change or delete a record between two requests for it


@dataclass(frozen=True)
class Bearer:
    """Somebody with a bearer token (or, where nobody is asked for one, without)."""

    url: str
    token: str

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request to `url` + `path`. Raises OSError when there is no answer."""
        sent = dict(headers or {}) | (
            {"authorization": f"Bearer {self.token}"} if self.token else {}
        )
        return send(method, f"{self.url}{path}{'?' if query else ''}{query}", b"", sent)


def lists(caller: Caller | Bearer) -> str:
    """Read two pages of one record, following the `Link`; return a note."""
    first = _expect(caller.call("GET", query="limit=1"), HTTPStatus.OK)
    seen = [record["recordID"] for record in first.json()["records"]]
    if "next" in first.json():
        query = urljoin(
            caller.url, first.headers["link"].partition(">")[0].removeprefix("<")
        ).partition("?")[2]
        second = _expect(caller.call("GET", query=query), HTTPStatus.OK)
        seen += [record["recordID"] for record in second.json()["records"]]
    if len(set(seen)) != len(seen):
        raise Failure(
            "two pages have a record in common",
            "the order of the index is not what the API relies on",
        )
    return f"{len(seen)} records on the first pages"


def gets(caller: Caller | Bearer) -> str:
    """Read the newest record by its id, then again under its ETag; return a note."""
    statuses: list[int] = []
    for _ in range(_ATTEMPTS):
        records = _expect(caller.call("GET", query="limit=1"), HTTPStatus.OK).json()["records"]
        if not records:
            return "no record to get"
        path = f"/{records[0]['recordID']}"
        answer = caller.call("GET", path)
        again = caller.call("GET", path, headers={"if-none-match": answer.headers.get("etag", "")})
        statuses = [answer.status, again.status]
        if statuses == [HTTPStatus.OK, HTTPStatus.NOT_MODIFIED] and answer.json() == records[0]:
            return answer.headers["etag"]
    cause = f"GET of a listed record answers {statuses[0]}, under its ETag {statuses[1]}, or not what is listed"
    raise Failure(cause, "compare GET /records?limit=1 with GET /records/{recordID}")


def refuses_typos(caller: Caller | Bearer) -> str:
    """Send an unknown parameter and an unknown id; return a note."""
    problem = _expect(caller.call("GET", query="stauts=failed"), HTTPStatus.BAD_REQUEST).json()
    if [error["parameter"] for error in problem["errors"]] != ["stauts"]:
        raise Failure(
            "an unknown parameter is not named", "look at the answer to GET /records?stauts=failed"
        )
    _expect(caller.call("GET", "/00000000-0000-7000-8000-000000000000"), HTTPStatus.NOT_FOUND)
    return str(problem["requestId"])


def refuses_strangers(caller: Caller | Bearer) -> str:
    """Ask without credentials; return a note. Raises Failure when that is answered."""
    answer = send("GET", caller.url, b"", {})
    if answer.status not in _REFUSED:
        raise Failure(
            f"a request without credentials is answered {answer.status}", "look at auth.mode"
        )
    return str(answer.status)


CHECKS: dict[str, Callable[[Caller | Bearer], str]] = {
    "lists in pages": lists,
    "gets one record": gets,
    "refuses typos by name": refuses_typos,
    "refuses strangers": refuses_strangers,
}


def checked(check: Callable[[Caller | Bearer], str], caller: Caller | Bearer) -> str:
    """Make one check and return its note. Raises Failure also where no answer comes, or none of this service's."""
    try:
        return check(caller)
    except OSError as error:
        raise Failure(
            f"{caller.url} does not answer: {error}", "look at the URL and the network"
        ) from error
    except (LookupError, TypeError, ValueError) as error:
        cause = f"what answers at {caller.url} is not this service: {error!r}"
        raise Failure(cause, "look at the URL: it is the output records_url") from error


def _expect(answer: Answer, status: HTTPStatus) -> Answer:
    if answer.status != status:
        said = answer.body.decode(errors="replace")[:300]
        raise Failure(
            f"answered {answer.status} instead of {status}: {said}",
            "the requestId finds the log line",
        )
    if "x-request-id" not in answer.headers:
        raise Failure(
            "the answer has no x-request-id", "something else than this service answers at that URL"
        )
    return answer


def _caller(given: argparse.Namespace) -> Caller | Bearer:
    if given.url is None:
        return connected("reader")
    if given.auth != "iam":
        return Bearer(given.url, os.environ.get("RECORDS_TOKEN", "") if given.auth == "jwt" else "")
    session = account.session(given.region)
    found = session.get_credentials()
    if found is None:
        raise Failure("no AWS credentials to sign with", "set AWS_PROFILE, or sign in first")
    key = found.get_frozen_credentials()
    return Caller(
        given.url, session.region_name, key.access_key or "", key.secret_key or "", key.token
    )


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/smoke", description=__doc__)
    parser.add_argument(
        "url", nargs="?", help="the output records_url (default: the local stack, as its reader)"
    )
    parser.add_argument(
        "--auth",
        choices=("iam", "jwt", "none"),
        default="iam",
        help="sign with the AWS credentials at hand, send the token in RECORDS_TOKEN, or nothing (default: iam)",
    )
    parser.add_argument(
        "--region", help="region to sign for (default: AWS_REGION or the profile's)"
    )
    given = parser.parse_args()
    venvs.run_in("dev", "lib.smoke")
    caller = _caller(given)
    for name, check in CHECKS.items():
        if given.auth == "none" and check is refuses_strangers:
            continue
        with step(name) as this:
            this.note = checked(check, caller)


if __name__ == "__main__":
    main(_verb)
