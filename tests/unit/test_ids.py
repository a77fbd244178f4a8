"""IDs of records: UUIDs of version 7, and of version 8 for idempotency keys."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from records_api import fields, ids
from unit.support import NOW

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.datetimes(
    EPOCH.replace(tzinfo=None), EPOCH.replace(tzinfo=None, year=9999), timezones=st.just(UTC)
)


@given(TIMES)
def test_new_id_is_a_uuid_7_of_its_time(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    new_id = UUID(ids.uuid7(moment))
    assert (new_id.version, new_id.variant) == (7, "specified in RFC 4122")
    assert new_id.int >> 80 == (moment - EPOCH) // timedelta(milliseconds=1)
    assert ids.uuid7(moment) != ids.uuid7(moment)
    assert fields.RECORD_ID.fullmatch(str(new_id))


def test_other_bits_of_a_new_id_are_random() -> None:
    made = [UUID(ids.uuid7(NOW)).int for _ in range(200)]
    ones = zeros = 0
    for number in made:
        ones |= number
        zeros |= ~number
    fixed = 0xF << 76 | 0x3 << 62 | (2**48 - 1) << 80
    assert ones & zeros & (2**128 - 1) == ~fixed & (2**128 - 1)


def test_derived_id_is_unique_to_namespace_and_key() -> None:
    texts = [
        "".join(letters)
        for length in range(4)
        for letters in itertools.product("a:1", repeat=length)
    ]
    made = [ids.derived_id(namespace, key) for namespace in texts for key in texts]
    assert len(set(made)) == len(made) == 1600
    assert made[-1] == ids.derived_id("111", "111")
    assert {(UUID(each).version, UUID(each).variant) for each in made} == {
        (8, "specified in RFC 4122")
    }
