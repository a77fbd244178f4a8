"""JSON text of stored records in one pass, compared with the text of the decoded record."""

import random
import string
from decimal import Decimal
from typing import Any

import pytest

from records_api import attributes, itemtext, representation, store
from records_api.fields import PUBLIC_FIELDS
from records_api.jsontext import to_json
from unit.support import ALICE

CHARACTERS = string.printable + '\x7fé€\u2028\ud7ff\U0001f600"\\'
NUMBERS = ["0", "-0", "0.0", "1E+2", "1E+125", "-1E-130", "0.4", "-12.50", "100", "9" * 38]
VERSIONS: list[Any] = [1, 2, 7, 10**15 - 1, 10**15, 2**53, 0, -1, "1", None, Decimal("1.5")]


def expected(item: store.Item) -> str:
    """Return the text by the definition of `record_json`."""
    return to_json(representation.public(store.decode(item)))


class Items:
    """Random items, with a fixed seed."""

    def __init__(self, seed: int) -> None:
        self.numbers = random.Random(seed)

    def text(self) -> str:
        return "".join(self.numbers.choices(CHARACTERS, k=self.numbers.randrange(12)))

    def number(self) -> Decimal:
        digits = Decimal(self.numbers.randrange(-(10**9), 10**9))
        scaled = digits.scaleb(self.numbers.randrange(-50, 50)).normalize()
        return self.numbers.choice([digits, scaled, Decimal(self.numbers.choice(NUMBERS))])

    def value(self, depth: int = 0) -> Any:
        kinds: list[Any] = [
            self.text,
            self.number,
            lambda: self.numbers.choice([True, False, None]),
            lambda: b"\x00\xff",
            lambda: {"a", "b"},
            lambda: {Decimal(1), Decimal(2)},
        ]
        if depth < 4:
            kinds.append(lambda: {self.text(): self.value(depth + 1) for _ in range(3)})
            kinds.append(lambda: [self.value(depth + 1) for _ in range(3)])
        return self.numbers.choice(kinds)()

    def item(self) -> store.Item:
        """Return an item as the service stores it, in which a few attributes may be different."""
        version = self.numbers.choice([1, 2, 12, 345])
        record: dict[str, Any] = {name: self.text() for name in PUBLIC_FIELDS}
        record |= {
            "attributes": {self.text(): self.value() for _ in range(3)},
            "version": version,
            "last": {"version": version, "hash": b"h", "state": b"s"},
            "feed": store.FEED,
            "position": "p",
            "writeToken": "t",
        }
        for name in self.numbers.sample(sorted(record), k=self.numbers.choice([0, 0, 1, 2])):
            change = self.numbers.randrange(4)
            if change == 0:
                del record[name]
            elif name == "last":
                record[name] = {"version": self.numbers.choice(VERSIONS)}
            else:
                other = self.numbers.choice(VERSIONS) if name == "version" else self.value()
                record[name] = other
        return store.encode(record)


@pytest.mark.parametrize("number", [500, pytest.param(60_000, marks=pytest.mark.full)])
def test_text_is_that_of_the_decoded_record(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[store.Item] = []
    decode = store.decode

    def recording(item: store.Item) -> store.Record:
        decoded.append(item)
        return decode(item)

    items = Items(seed=number)
    for _ in range(number):
        item = items.item()
        text = expected(item)
        with monkeypatch.context() as patch:
            patch.setattr(store, "decode", recording)
            assert itemtext.record_json(item) == text
    assert number / 5 < len(decoded) < number * 4 / 5  # both ways were taken


def test_numbers_in_every_notation_keep_their_text() -> None:
    for text in [*NUMBERS, "007", "+1", ".5", "1.", "1e2", "0" * 40 + "1", "0." + "0" * 38 + "1"]:
        attribute = {"N": text}
        assert itemtext.attribute_json(attribute) == to_json(attributes.decode(attribute))


def test_records_of_other_programs_get_their_defaults() -> None:
    item = store.encode({"recordID": "r", "createdAt": "c", "submittedBy": ALICE.identity})
    assert itemtext.record_json(item) == expected(item)
    assert '"attributes":{}' in itemtext.record_json(item)
