"""Verification of histories: tampering is detected, and the finding names the entry."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import history
from records_cli import chains, jsontext, seals, verification
from records_cli.failure import Failure
from unit.fake_history import AUTHOR, Service, Stored, moment, parsed

EXPIRED, LATER = 1_000_000_000, 10**10


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def service() -> Service:
    """Return a service whose record `r` has three entries between those of other records."""
    api = Service()
    api.write("a", "create")
    api.write("r", "create")
    api.write("gone", "create")
    api.write("r", "update")
    api.write("gone", "delete")
    api.write("r", "restore")
    api.write("b:1", "create", expires_at=LATER)
    return api


def findings_of(api: Service, seal: seals.Seal | None = None) -> list[str]:
    """Return the findings of `verify --all`; check that `verify ID` returns the same."""
    outcome = verification.verify_all(api, seal)
    findings = [each for each in outcome.findings if each.kind != chains.NOT_IN_FEED]
    for record_id in {each.record_id for each in findings}:
        assert verification.verify_records(api, [record_id], seal).findings == [
            each for each in findings if each.record_id == record_id
        ]
    return [str(each) for each in outcome.findings]


@pytest.mark.parametrize("page", [1, 2, 100])
def test_intact_histories_are_verified_from_feed_and_list(page: int) -> None:
    api = service()
    api.page = page
    outcome = verification.verify_all(api)
    assert outcome == (7, 4, [])
    assert set(api.calls) == {"/changes", "/records"}
    assert verification.verify_records(api, ["r", "gone", "b:1"]) == (6, 3, [])


def test_adopted_records_may_begin_late_and_skip_versions() -> None:
    api = Service()
    api.write("r", "adopt", version=7)
    api.write("r", "update")
    api.write("r", "adopt", version=12)
    api.write("r", "delete")
    assert verification.verify_all(api) == (4, 1, [])


def changed(api: Service) -> None:
    api.entries["r", 2]["changedBy"] = "somebody"


def content_changed(api: Service) -> None:
    entry = api.entries["r", 2]
    entry["record"] = entry["record"].replace("at 4", "forged")


def content_removed(api: Service) -> None:
    api.entries["r", 2]["record"] = None


def secretly_redacted(api: Service) -> None:
    api.entries["r", 2] |= {"record": None, "redacted": True}


def secretly_omitted(api: Service) -> None:
    api.entries["r", 2] |= {"record": None, "omitted": True}


def marked_as_redacted(api: Service) -> None:
    api.entries["r", 2]["redacted"] = True


def hash_removed(api: Service) -> None:
    del api.entries["r", 2]["hash"]


def removed(api: Service) -> None:
    del api.entries["r", 2]


def beginning_removed(api: Service) -> None:
    del api.entries["r", 1]


def beginning_forged(api: Service) -> None:
    del api.entries["r", 1]
    api.rehash("r")


def beginning_before_adoption_removed(api: Service) -> None:
    api.entries["r", 2]["change"] = "adopt"
    api.rehash("r")
    del api.entries["r", 1]


def version_skipped(api: Service) -> None:
    api.entries["r", 4] = api.entries.pop(("r", 3)) | {"version": 4}
    api.rehash("r")


def end_removed(api: Service) -> None:
    del api.entries["r", 3]


def all_removed(api: Service) -> None:
    for version in (1, 2, 3):
        del api.entries["r", version]


def inserted(api: Service) -> None:
    api.entries["r", 4] = api.entries["r", 3] | {"version": 4, "changedAt": moment(60)}
    api.entries["r", 4]["hash"] = history.entry_hash(api.entries["r", 4])


def swapped(api: Service) -> None:
    second, third = api.entries["r", 2], api.entries["r", 3]
    api.entries["r", 2], api.entries["r", 3] = third | {"version": 2}, second | {"version": 3}
    api.records["r"] = json.loads(second["record"])


def replaced(api: Service) -> None:
    other = Service()
    for change in ("create", "update", "update"):
        other.minute += 30
        other.write("r", change)
    api.entries["r", 2] = other.entries["r", 2]


def backdated(api: Service) -> None:
    api.entries["r", 3]["changedAt"] = moment(0)
    api.rehash("r")


def record_removed(api: Service) -> None:
    del api.records["r"]


def record_changed(api: Service) -> None:
    api.records["r"]["status"] = "forged"


def record_revived(api: Service) -> None:
    api.records["gone"] = json.loads(api.entries["gone", 1]["record"])


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (changed, "r v2: broken: its hash does not match its fields"),
        (content_changed, "r v2: broken: its record does not match recordHash"),
        (content_removed, "r v2: broken: its record was removed"),
        (secretly_redacted, "r v2: broken: its record was removed, and no redact entry names it"),
        (
            secretly_omitted,
            "r v2: broken: it is marked as omitted, which only adopt and redact entries can be",
        ),
        (
            marked_as_redacted,
            "r v2: broken: it is marked as redacted or omitted, but has a record",
        ),
        (hash_removed, "r v2: broken: its hash does not match its fields"),
        (removed, "r v3: broken: version 2 is missing before it"),
        (beginning_removed, "r v2: truncated: the entries before it are missing"),
        (beginning_forged, "r v2: truncated: the entries before it are missing"),
        (
            beginning_before_adoption_removed,
            "r v2: truncated: the entries before it are missing",
        ),
        (version_skipped, "r v4: broken: version 3 is missing before it"),
        (
            end_removed,
            "r v3: broken: the record was written with this entry, which is missing",
        ),
        (
            all_removed,
            "r v3: broken: the record was written with this entry, but its history is empty",
        ),
        (inserted, "r v4: broken: its previousHash is not the hash of version 3"),
        (swapped, "r v2: broken: its hash does not match its fields"),
        (replaced, "r v2: broken: its previousHash is not the hash of version 1"),
        (backdated, "r v3: broken: its changedAt is not later than that of version 2"),
        (record_removed, "r v3: differs: the record is gone, and no delete entry says so"),
        (record_changed, "r v3: differs: the record is not what this entry says"),
        (record_revived, "gone v2: differs: there is a record, although this entry deleted it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_tampering_without_new_hashes_is_reported(
    tamper: Callable[[Service], None], finding: str
) -> None:
    api = service()
    tamper(api)
    assert findings_of(api) == [finding]
    assert verification.verify_all(api).damage


def test_only_the_first_broken_entry_is_reported() -> None:
    api = service()
    changed(api)
    api.entries["r", 3]["changedBy"] = "somebody"
    assert len(findings_of(api)) == 1


def test_write_outside_the_service_is_not_damage() -> None:
    api = service()
    api.records["r"] = {"recordID": "r", "version": 9}
    api.records["old"] = {"recordID": "old", "version": 3}
    assert findings_of(api) == [
        "old: no history: unchanged since before the service kept one; the next change adopts it",
        "r v3: foreign write: the record is at version 9; the next change adopts it",
    ]
    assert verification.verify_all(api).damage == []


def test_expired_record_may_be_deleted() -> None:
    api = Service()
    api.write("r", "create", expires_at=EXPIRED)
    del api.records["r"]
    assert findings_of(api) == []
    assert set(api.calls) == {"/changes", "/records"}
    assert verification.verify_records(api, ["r"]).findings == []


def test_redaction_with_a_later_entry_is_intact() -> None:
    api = service()
    secretly_redacted(api)
    api.write("r", "redact", reason="a password", redactedVersions=[2])
    assert findings_of(api) == []
    api.entries["r", 1] |= {"record": None, "redacted": True}
    assert findings_of(api) == [
        "r v1: broken: its record was removed, and no redact entry names it"
    ]


def test_omitted_record_is_compared_by_its_hash() -> None:
    api = Service()
    api.write("r", "adopt")
    api.entries["r", 1] |= {"record": None, "omitted": True}
    assert findings_of(api) == []
    record_changed(api)
    assert findings_of(api) == ["r v1: differs: the record is not what this entry says"]


@pytest.mark.parametrize("versions", [{1}, {2}, {3}, {1, 2, 3}])
def test_entries_missing_from_the_feed_are_reported(versions: set[int]) -> None:
    api = service()
    api.unindexed = {("r", version) for version in versions}
    what = "not in the feed: GET /changes does not show it in its place"
    assert findings_of(api) == [f"r v{version}: {what}" for version in sorted(versions)]


def test_entry_too_new_for_the_feed_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    api = service()
    api.unindexed = {("r", 3)}
    monkeypatch.setattr(verification, "timestamp", lambda _: api.entries["r", 3]["changedAt"])
    assert findings_of(api) == []


def test_record_missing_from_the_list_is_read_by_id() -> None:
    api = service()
    api.unlisted = {"r"}
    assert findings_of(api) == []
    assert api.calls[-2:] == ["/records/r/history", "/records/r"]


@pytest.mark.parametrize("change", ["update", "delete", "create"])
def test_change_during_verification_is_not_a_finding(change: str) -> None:
    """The change happens before the feed, the list, the history or the record is read."""
    for moment_ in ("/changes", "/records", "/records/r/history", "/records/r"):
        api = service()

        def act(path: str, api: Service = api, moment_: str = moment_) -> None:
            if path == moment_:
                api.before_get = lambda _: None
                api.write("new" if change == "create" else "r", change)

        api.clock = lambda minute: moment(minute).replace("2026", "9999")
        api.unlisted = {"r"}  # so that it is read by its ID in any case
        api.before_get = act
        assert verification.verify_all(api).findings == []


def test_record_that_keeps_changing_is_not_compared() -> None:
    api = service()

    def act(path: str) -> None:
        if path == "/records/r":
            api.write("r", "update")

    api.before_get = act
    [finding] = verification.verify_records(api, ["r"]).findings
    assert str(finding) == "r: not compared: it changed during each of 5 readings"


def test_unknown_id_is_an_error() -> None:
    with pytest.raises(Failure, match="neither a record nor a history with the ID 'x'"):
        verification.verify_records(service(), ["x"])


# Seals.

UP_TO = moment(6)  # covers all of `r` but its third entry


def sealed(api: Service, path: Path, up_to: str = UP_TO, **head: Any) -> seals.Seal:
    leaves = seals.Leaves()
    assert verification.verify_all(api, leaves=leaves, up_to=up_to).findings == []
    seals.write(path, leaves, {"upTo": up_to, **head})
    return seals.read(path)


@pytest.fixture
def seal(tmp_path: Path) -> seals.Seal:
    return sealed(service(), tmp_path / "seal")


def forged(api: Service) -> None:
    content_changed(api)
    api.rehash("r")
    newest = api.last("r")
    assert newest
    api.records["r"] = json.loads(newest["record"])


def forged_removed(api: Service) -> None:
    del api.entries["r", 2], api.entries["r", 3]
    api.records["r"] = json.loads(api.entries["r", 1]["record"])


def forged_all_removed(api: Service) -> None:
    all_removed(api)
    del api.records["r"]


def forged_inserted(api: Service) -> None:
    api.minute = 4
    api.write("new", "create")


def forged_swapped(api: Service) -> None:
    second, third = api.entries["r", 2], api.entries["r", 3]
    for name in ("record", "changedBy", "change"):
        second[name], third[name] = third[name], second[name]
    api.rehash("r")
    api.records["r"] = json.loads(third["record"])


def forged_postdated(api: Service) -> None:
    api.entries["r", 2]["changedAt"] = moment(6) + "0"
    api.entries["r", 3]["changedAt"] = moment(9)
    api.rehash("r")


def forged_expiring(api: Service) -> None:
    api.entries["gone", 1]["expiresAt"] = LATER
    api.rehash("gone")


@pytest.mark.parametrize(
    ("tamper", "findings"),
    [
        (forged, ["r v2: altered"]),
        (forged_removed, ["r v2: removed"]),
        (forged_all_removed, ["r v1: removed", "r v2: removed"]),
        (forged_inserted, ["new v1: inserted"]),
        (forged_swapped, ["r v2: altered"]),
        (forged_postdated, ["r v2: altered"]),
        (forged_expiring, ["gone v1: altered", "gone v2: altered"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_seal_exposes_recomputed_hashes(
    tamper: Callable[[Service], None], findings: list[str], seal: seals.Seal
) -> None:
    api = service()
    tamper(api)
    assert findings_of(api) == []
    assert [each.rpartition(": ")[0] for each in findings_of(api, seal)] == findings


def test_later_changes_do_not_affect_a_seal(seal: seals.Seal) -> None:
    api = service()
    api.write("later", "create")
    api.write("r", "delete")
    assert findings_of(api, seal) == []
    assert set(api.calls) == {"/changes", "/records"}


def test_redaction_does_not_affect_a_seal(seal: seals.Seal) -> None:
    api = service()
    secretly_redacted(api)
    api.write("r", "redact", reason="a password", redactedVersions=[2])
    assert findings_of(api, seal) == []


def test_expired_entries_are_not_missing(tmp_path: Path) -> None:
    before = service()
    before.minute = 0
    before.write("old", "create", expires_at=EXPIRED)
    before.write("old", "update", expires_at=EXPIRED)
    del before.records["old"]
    seal = sealed(before, tmp_path / "seal")
    api = service()
    assert findings_of(api, seal) == []
    assert set(api.calls) == {"/changes", "/records"}
    # TTL deletes items one by one, and can be prevented.
    api.entries["old", 2] = before.entries["old", 2]
    findings = verification.verify_records(api, ["old"], seal).findings
    assert [each.kind for each in findings] == ["truncated"]
    api.entries["old", 1] = before.entries["old", 1]
    for version in (1, 2):
        api.entries["old", version]["expiresAt"] = LATER
    assert "old v1: altered: its hash or expiresAt is not the one in the seal" in findings_of(
        api, seal
    )


def test_expired_id_can_be_used_again(tmp_path: Path) -> None:
    before = Service()
    before.write("key", "create", expires_at=EXPIRED)
    del before.records["key"]
    seal = sealed(before, tmp_path / "seal")
    api = Service(minute=10)
    api.write("key", "create", expires_at=LATER)
    assert findings_of(api, seal) == []
    assert verification.verify_records(api, ["key"], seal).findings == []


def test_leaves_of_a_record_are_replaced() -> None:
    leaves = seals.Leaves()
    for record_id in ("a", "b"):
        for version in (10, 9):
            leaves.add(chains.Leaf(record_id, version, "old", None))
    leaves.replace("a", [chains.Leaf("a", 10, "new", 5)])
    assert list(leaves.lines()) == ['["a",10,"new",5]', '["b",9,"old",null]', '["b",10,"old",null]']


def test_entry_missing_from_the_feed_is_sealed_and_reported(tmp_path: Path) -> None:
    api = service()
    api.unindexed = {("gone", 1), ("gone", 2)}
    seal = sealed(service(), tmp_path / "complete")
    assert [each.split(": ")[1] for each in findings_of(api, seal)] == ["not in the feed"] * 2
    leaves = seals.Leaves()
    api.unindexed = {("r", 1), ("gone", 1)}
    verification.verify_all(api, leaves=leaves, up_to=UP_TO)
    assert [seals.line(each) for _, group in seal.by_record() for each in group] == list(
        leaves.lines()
    )


def test_root_and_hash_of_a_seal_match_its_bytes(seal: seals.Seal) -> None:
    content = seal.path.read_bytes()
    first, rest = content.split(b"\n", 1)
    head = json.loads(first)
    assert head["root"] == hashlib.sha256(rest).hexdigest()
    assert seal.sha256 == hashlib.sha256(content).hexdigest()
    assert head["entries"] == seal.entries == 5
    leaf = chains.leaf(parsed(service().entries["a", 1]))
    assert rest.splitlines()[0].decode() == json.dumps(leaf, separators=(",", ":"))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda lines: lines[:-1], "its leaves do not match its root"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 3 is not sorted"),
        (lambda lines: [lines[0].replace("-1", "-9"), *lines[1:]], "its format is"),
        (lambda lines: lines[1:], "it is not a seal"),
        (lambda _: ["\x00"], "it is not a seal"),
        (lambda _: [], "it is not a seal"),
    ],
)
def test_damaged_seal_is_rejected(
    damage: Callable[[list[str]], list[str]], problem: str, seal: seals.Seal
) -> None:
    lines = seal.path.read_text().splitlines()
    seal.path.write_text("".join(f"{line}\n" for line in damage(lines)))
    with pytest.raises(seals.Damaged, match=problem):
        seals.read(seal.path)


def test_seal_is_never_replaced(seal: seals.Seal) -> None:
    before = seal.path.read_bytes()
    with pytest.raises(FileExistsError):
        seals.write(seal.path, seals.Leaves(), {})
    assert (seal.path.read_bytes(), list(seal.path.parent.iterdir())) == (before, [seal.path])


# Properties.

CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=2, max_size=15)


def grown(steps: list[tuple[str, bool]]) -> Service:
    api = Service(page=4)
    for record_id, deletes in steps:
        last = api.last(record_id)
        is_alive = last is not None and last["record"] is not None
        kind = "delete" if deletes else "update"
        api.write(record_id, kind if is_alive else "restore" if last else "create")
    return api


def alterations(entry: Stored) -> Iterator[Stored]:
    """Yield the entry with each of its public fields altered."""
    for name in set(entry) - {"hash", "record"}:
        value = entry[name]
        yield entry | {name: value + 1 if isinstance(value, int) else f"{value}0"}


@given(steps=CHANGES, random=st.randoms(use_true_random=False))
def test_any_altered_entry_is_reported(steps: list[tuple[str, bool]], random: Any) -> None:
    api = grown(steps)
    assert findings_of(api) == []
    key = random.choice(sorted(api.entries))
    api.entries[key] = random.choice(
        [each for each in alterations(api.entries[key]) if each["recordID"] == key[0]]
    )
    place = f"{key[0]} v{api.entries[key]['version']}: "
    assert any(each.startswith(place) for each in findings_of(api))


@given(steps=CHANGES, random=st.randoms(use_true_random=False))
def test_any_removed_entry_is_reported_with_a_seal(
    steps: list[tuple[str, bool]], random: Any, tmp_path: Path
) -> None:
    api = grown(steps)
    (tmp_path / "seal").unlink(missing_ok=True)
    seal = sealed(api, tmp_path / "seal", moment(60))
    key = random.choice(sorted(api.entries))
    del api.entries[key]
    api.rehash(key[0])
    finding = f"{key[0]} v{key[1]}: removed: it is in the seal, but not in the history"
    assert finding in findings_of(api, seal)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(10**37), 10**37))
def test_canonical_text_and_hashes_match_the_service(text: str, number: int) -> None:
    record = {text: [number, {text: None}, True], "é": "\u2028\x7f"}
    entry = history.entry(
        "create", text, record, AUTHOR, None, version=1, changed_at=moment(0), expires_at=number
    )
    shown = parsed(entry)
    assert chains.entry_problem(shown) is None
    assert jsontext.canonical(jsontext.parse(jsontext.pretty(shown))) == jsontext.canonical(shown)
    assert jsontext.canonical(shown["record"]) == entry["record"]
