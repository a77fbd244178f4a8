"""Unit tests of the store and of scripts/reindex, run against the emulator's DynamoDB.

They are the tests of tests/unit that need only the tables, with the function's HTTP client.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lib.emulator import REGION, Emulator
from records_api import dynamodb, store
from unit import (
    test_listing,
    test_probes,
    test_records,
    test_reindex,
    test_restores,
    test_store,
    test_writes,
)
from unit.support import new_table

SECONDS = 10.0

test_read_back = test_store.test_record_is_read_as_it_was_written
test_expired_is_absent = test_store.test_item_is_absent_when_it_has_expired
test_write_condition = test_store.test_write_requires_the_record_as_it_was_read
test_write_to_what_is_gone = test_store.test_write_does_not_bring_a_deleted_record_back
test_foreign = test_store.test_foreign_record_without_version_is_replaced_once
test_transaction = test_store.test_transaction_is_applied_as_a_whole
test_chain = test_writes.test_each_change_leaves_one_linked_entry
test_adopted = test_writes.test_change_outside_the_service_is_adopted
test_foreign_adopted = test_writes.test_foreign_record_is_adopted_at_its_version
test_large_adopted = test_writes.test_foreign_record_too_large_to_embed_can_be_deleted
test_backup = test_writes.test_restored_table_continues_the_history
test_restored = test_restores.test_restored_version_is_a_new_one_with_the_old_content
test_deleted_restored = test_restores.test_deleted_record_is_restored_as_it_was
test_late_retry = test_records.test_late_retry_does_not_bring_a_deleted_record_back
test_paging = test_listing.test_each_index_lists_every_record_once_in_order
test_one_millisecond = test_listing.test_records_of_one_millisecond_are_sorted_by_id
test_bounds = test_listing.test_bounds_limit_the_list
test_projection = test_listing.test_pages_read_no_more_of_an_item_than_they_show
test_several_filters = test_listing.test_all_filters_apply
test_moves = test_listing.test_changed_field_moves_the_record_between_indexes
test_expired_is_not_listed = test_listing.test_expired_records_are_not_listed
test_others_are_listed = test_listing.test_irregular_items_are_listed_once
test_not_listed = test_listing.test_unreadable_items_are_skipped
test_reindexed = test_reindex.test_items_of_other_writers_are_listed_in_order_of_time
test_repaired = test_reindex.test_repair_changes_the_etag_and_the_version_if_visible
test_repair_condition = test_reindex.test_modified_item_is_not_overwritten
test_repair_stands = test_reindex.test_concurrent_update_does_not_undo_the_repair
test_probe = test_probes.test_probe_writes_nothing


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for this file, without saved state."""
    home = tmp_path_factory.mktemp("emulator")
    started = Emulator(home, home / "log")
    started.start(persist=False)
    yield started
    started.stop()


@pytest.fixture
def table(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[store.Table]:
    """An empty table with the function's HTTP client."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    new = new_table(boto3.client("dynamodb", region_name=REGION, endpoint_url=emulator.url))
    new.client = dynamodb.Client(emulator.url, REGION)
    new.deadline = time.monotonic() + SECONDS
    yield new
    new.client.close()


@pytest.fixture
def raw(emulator: Emulator, table: store.Table) -> Iterator[Any]:
    """The table as a boto3 resource, for writes that bypass the service."""
    resource: Any = boto3.resource("dynamodb", region_name=REGION, endpoint_url=emulator.url)
    yield resource.Table(table.name)
    resource.meta.client.close()


@pytest.fixture
def progress(tmp_path: Path) -> Path:
    """The file in which scripts/reindex stores its position."""
    return tmp_path / "progress.json"
