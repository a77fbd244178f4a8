"""Calls the local records API: list, get, create, update, delete."""

import argparse
import json
import sys
from http import HTTPStatus
from urllib.parse import quote

from lib import venvs
from lib.client import Answer, connected
from lib.console import Failure, main

_FILTERS = {
    "type": "only records of this type",
    "status": "only records of this status",
    "submittedBy": "only records of this caller",
    "createdAfter": "RFC 3339: only later ones",
    "createdBefore": "RFC 3339: only earlier ones",
    "order": "asc or desc (default: desc, newest first)",
    "limit": "records on the page",
    "cursor": "where to go on: what the page before has as next",
}
_FIELDS = {
    "type": "what kind of record, such as deployment",
    "status": "how it stands, such as ok",
    "message": "a text for people",
    "attributes": "whatever else: a JSON object",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/records", description=__doc__)
    parser.add_argument(
        "--as", dest="who", choices=("reader", "writer"), help="default: who is allowed to"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="newest first, one page")
    for name, meaning in _FILTERS.items():
        listing.add_argument(f"--{name}", help=meaning)
    get = verbs.add_parser("get", help="one record")
    create = verbs.add_parser("create", help="a new record")
    create.add_argument("--key", help="idempotency key: the same call again creates nothing new")
    update = verbs.add_parser("update", help="change the fields that are given")
    delete = verbs.add_parser("delete", help="remove a record")
    for verb in (get, update, delete):
        verb.add_argument("recordID")
    for verb in (update, delete):
        verb.add_argument(
            "--if-match",
            metavar="ETAG",
            help="only if the record still has this etag, which get prints",
        )
    for verb in (create, update):
        for name, meaning in _FIELDS.items():
            verb.add_argument(
                f"--{name}", required=verb is create and name in ("type", "status"), help=meaning
            )
    return parser


def _body(given: argparse.Namespace) -> dict[str, object]:
    body: dict[str, object] = {
        name: value for name in _FIELDS if (value := getattr(given, name)) is not None
    }
    if "attributes" in body:
        try:
            body["attributes"] = json.loads(given.attributes)
        except ValueError as error:
            raise Failure(
                f"--attributes is not JSON: {error}", 'quote it: --attributes \'{"host": "db-07"}\''
            ) from error
    return body


def _call(given: argparse.Namespace) -> Answer:
    caller = connected(given.who or ("reader" if given.verb in ("list", "get") else "writer"))
    path = f"/{quote(given.recordID, safe='')}" if "recordID" in given else ""
    condition = {"If-Match": given.if_match} if getattr(given, "if_match", None) is not None else {}
    match given.verb:
        case "list":
            return caller.call(
                "GET",
                query={
                    name: value for name in _FILTERS if (value := getattr(given, name)) is not None
                },
            )
        case "get":
            return caller.call("GET", path)
        case "create":
            return caller.call(
                "POST",
                body=_body(given),
                headers={} if given.key is None else {"Idempotency-Key": given.key},
            )
        case "update":
            return caller.call("PATCH", path, body=_body(given), headers=condition)
        case _:
            return caller.call("DELETE", path, headers=condition)


def _verb() -> None:
    given = _parser().parse_args()
    venvs.run_in("dev", "lib.records")
    try:
        answer = _call(given)
    except OSError as error:
        raise Failure(f"the API does not answer: {error}", "scripts/up") from error
    failed = answer.status >= HTTPStatus.BAD_REQUEST
    for name in ("etag", "idempotency-replayed"):
        if name in answer.headers:
            print(f"{name}: {answer.headers[name]}", file=sys.stderr)
    if answer.body:
        print(
            json.dumps(answer.json(), indent=2, ensure_ascii=False),
            file=sys.stderr if failed else sys.stdout,
        )
    if failed:
        raise Failure(f"the API answered {answer.status}", "mend what its answer above names")


if __name__ == "__main__":
    main(_verb)
