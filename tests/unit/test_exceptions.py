"""The ledger of skipped policy checks."""

import datetime as dt
from pathlib import Path

import pytest

from lib import checkov, exceptions
from lib.checkov import Skip
from lib.console import Failure

HCL = """\
resource "aws_s3_bucket" "trail" {
  #checkov:skip=CKV_1:a reason
}

resource "aws_sqs_queue" "q" {
  #checkov:skip=CKV_2
}
"""
BUCKET = Skip("CKV_1", "audit", "aws_s3_bucket.trail")
REVIEW = exceptions.Review("service owner", dt.date(2027, 1, 31))


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "audit"
    folder.mkdir()
    (folder / "main.tf").write_text(HCL.replace("CKV_2", "CKV_2:another"))
    return folder


def test_skips_have_their_resource_and_reason(module: Path) -> None:
    queue = Skip("CKV_2", "audit", "aws_sqs_queue.q")
    assert exceptions.in_sources([module]) == {BUCKET: "a reason", queue: "another"}


def test_skip_without_a_reason_is_rejected(module: Path) -> None:
    (module / "main.tf").write_text(HCL)
    with pytest.raises(Failure, match="without a reason: CKV_2 in audit/aws_sqs_queue"):
        exceptions.in_sources([module])


def test_ledger_names_owner_and_date_of_each_skip() -> None:
    text = """
        [[exception]]
        rule = "CKV_1"
        resource = "audit/aws_s3_bucket.trail"
        owner = "service owner"
        review = 2027-01-31
    """
    assert exceptions.ledger(text) == {BUCKET: REVIEW}


@pytest.mark.parametrize(
    ("sources", "ledger", "skipped", "message"),
    [
        ([BUCKET], [], None, "without owner"),
        ([], [BUCKET], None, "do not skip CKV_1"),
        ([BUCKET], [BUCKET], [], "match no finding: CKV_1"),
    ],
)
def test_sources_ledger_and_findings_must_agree(
    sources: list[Skip], ledger: list[Skip], skipped: list[Skip] | None, message: str
) -> None:
    with pytest.raises(Failure, match=message):
        exceptions.compare(sources, ledger, skipped)
    exceptions.compare([BUCKET], [BUCKET], [BUCKET])


def test_review_is_overdue_the_day_after_its_date() -> None:
    assert not exceptions.overdue({BUCKET: REVIEW}, REVIEW.date)
    [line] = exceptions.overdue({BUCKET: REVIEW}, REVIEW.date + dt.timedelta(days=1))
    assert "service owner" in line


def test_page_has_a_row_for_each_skip() -> None:
    row = "| CKV_1 | `audit/aws_s3_bucket.trail` | a reason | service owner | 2027-01-31 |"
    assert row in exceptions.page({BUCKET: "a reason"}, {BUCKET: REVIEW}).splitlines()


def test_failed_checks_and_unread_files_fail_the_scan() -> None:
    check = {
        "check_id": "CKV_1",
        "check_name": "a rule",
        "resource": "module.records.aws_s3_bucket.trail",
        "file_path": "/audit/main.tf",
        "file_line_range": [1, 3],
    }
    skipped = check | {"resource": 'module.records.aws_s3_bucket.trail["own"]'}
    passing = {"summary": {"passed": 2}, "results": {"skipped_checks": [skipped]}}
    assert checkov.summarized([passing]) == checkov.Result(2, frozenset({BUCKET}))
    for results in ({"failed_checks": [check]}, {"parsing_errors": ["/audit/main.tf"]}):
        with pytest.raises(Failure, match="1 problem") as raised:
            checkov.summarized([{"summary": {"passed": 2}, "results": results}])
        assert "/audit/main.tf" in raised.value.report
