"""The sample records of a new local stack, created through the API."""

from http import HTTPStatus
from urllib.parse import urlsplit

from lib.client import Caller
from lib.console import Failure
from lib.paths import LOCAL, LOGS

_DONE = LOCAL / "seeded"

RECORDS: list[dict[str, object]] = [
    {"type": "backup", "status": "succeeded", "message": "Nightly dump of the orders database",
     "attributes": {"database": "orders", "sizeGb": 41.7, "durationSeconds": 388}},
    {"type": "backup", "status": "succeeded", "message": "Nightly dump of the customers database",
     "attributes": {"database": "customers", "sizeGb": 12.3, "durationSeconds": 141}},
    {"type": "backup", "status": "failed",
     "message": "Dump of the reporting database ran out of disk",
     "attributes": {"database": "reporting", "host": "db-07", "freeGb": 0.4}},
    {"type": "health-check", "status": "ok", "attributes": {"target": "checkout", "latencyMs": 38}},
    {"type": "health-check", "status": "ok", "attributes": {"target": "search", "latencyMs": 52}},
    {"type": "health-check", "status": "degraded", "message": "Third slow response in a row",
     "attributes": {"target": "invoicing", "latencyMs": 2140, "thresholdMs": 800}},
    {"type": "health-check", "status": "ok",
     "attributes": {"target": "invoicing", "latencyMs": 95}},
    {"type": "deployment", "status": "started",
     "attributes": {"service": "checkout", "version": "2025.11.3"}},
    {"type": "deployment", "status": "succeeded",
     "attributes": {"service": "checkout", "version": "2025.11.3", "stages": ["build", "canary",
                    "fleet"]}},
    {"type": "deployment", "status": "rolled-back", "message": "Error rate above 1% in the canary",
     "attributes": {"service": "search", "version": "8.41.0", "previous": "8.40.2",
                    "errorRate": 0.017}},
    {"type": "access-review", "status": "open",
     "message": "Quarterly review of database administrators",
     "attributes": {"system": "orders", "due": "2025-12-15", "accounts": 9}},
    {"type": "access-review", "status": "approved",
     "attributes": {"system": "payroll", "accounts": 4, "reviewer": "m.okafor"}},
    {"type": "access-request", "status": "pending",
     "message": "Read access to audit logs for two weeks",
     "attributes": {"requester": "l.jansen", "role": "audit-reader", "days": 14}},
    {"type": "access-request", "status": "rejected",
     "message": "No named owner for the service account",
     "attributes": {"requester": "svc-import", "role": "orders-writer"}},
    {"type": "certificate", "status": "expiring",
     "attributes": {"host": "vpn.example.internal", "daysLeft": 12, "issuer": "Internal CA 3"}},
    {"type": "certificate", "status": "renewed",
     "attributes": {"host": "git.example.internal", "daysLeft": 90}},
    {"type": "incident", "status": "open", "message": "Invoices are delayed by up to forty minutes",
     "attributes": {"severity": 2, "services": ["invoicing", "mail"], "commander": "r.silva"}},
    {"type": "incident", "status": "resolved", "message": "Search index rebuilt after a full disk",
     "attributes": {"severity": 3, "services": ["search"], "minutes": 64,
                    "followUps": {"open": 2, "done": 1}}},
    {"type": "batch-import", "status": "succeeded",
     "attributes": {"source": "suppliers.csv", "rows": 18250, "rejected": 3}},
    {"type": "batch-import", "status": "failed", "message": "Line 4812: unknown currency 'EURO'",
     "attributes": {"source": "prices.csv", "rows": 4811, "line": 4812}},
    {"type": "approval", "status": "waiting", "message": "Credit note over the limit of one person",
     "attributes": {"workflow": "credit-note", "amount": 12840.50, "approvers": ["finance",
                    "sales"]}},
    {"type": "approval", "status": "granted",
     "attributes": {"workflow": "purchase", "amount": 2300, "currency": "EUR", "step": 2, "of": 2}},
    {"type": "maintenance", "status": "scheduled", "message": "Kernel updates on the build hosts",
     "attributes": {"window": {"from": "2025-12-06T20:00:00Z", "to": "2025-12-06T23:00:00Z"},
                    "hosts": 6}},
    {"type": "maintenance", "status": "done",
     "message": "Replaced a fan in rack C4 \N{EM DASH} no downtime",
     "attributes": {"rack": "C4", "ticket": None, "downtime": False}},
    {"type": "inventory", "status": "changed", "message": "Laptop handed to a new colleague",
     "attributes": {"asset": "NB-02931", "from": "stock", "to": "k.n\u00f8rgaard"}},
]  # fmt: skip


def seed(writer: Caller) -> int:
    """Create the records unless this stack has received them; return the number of requests.

    Each record has its own idempotency key, so a run after an interrupted one creates none twice.
    Raises Failure if a record is not created.
    """
    stack = urlsplit(writer.url).path  # contains the API ID, which differs for every stack
    if _DONE.is_file() and _DONE.read_text() == stack:
        return 0
    # One after the other, so that they are listed in this order.
    for number, record in enumerate(RECORDS, start=1):
        answer = writer.call(
            "POST", body=record, headers={"Idempotency-Key": f"first-records-{number:02}"}
        )
        if answer.status != HTTPStatus.CREATED:
            text = answer.body.decode(errors="replace")[:200]
            raise Failure(
                f"record {number} was not created: {answer.status} {text}",
                "see the log of the emulator, which runs the function",
                LOGS / "emulator.log",
            )
    _DONE.write_text(stack)
    return len(RECORDS)
