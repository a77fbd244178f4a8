"""DynamoDB tables in memory, which count what each call reads and writes.

A Query takes as long in a large table as in a small one, which is not so in the emulator. A unit
test compares the results with those of moto.
"""

import re
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from lib.bench import units
from lib.bench.units import Call, Item

# A Query or Scan ends when it has read this much (Amazon DynamoDB API Reference, Query).
PAGE_BYTES = 2**20
_KEY_CONDITION = re.compile(
    r"#(?P<partition>\w+) = :(?P<equal>\w+)"
    r"(?: AND #\w+ (?:BETWEEN :(?P<lower>\w+) AND :(?P<upper>\w+)"
    r"|< :(?P<below>\w+)|> :(?P<above>\w+)))?"
)
_EQUALS = re.compile(r"#(\w+) = :(\w+)")
# The other conditions of the service's filters exclude items that have one of these attributes.
_EXCLUDED = ("deletedAt", "expiresAt")

Key = tuple[Any, ...]


class Stored(NamedTuple):
    """An item and its size in bytes."""

    item: Item
    size: int


class Table:
    """One table with its indexes; each projects all attributes.

    `keys` and the values of `indexes` are attribute names: partition key and, if any, sort key.
    """

    def __init__(self, keys: Sequence[str], indexes: Mapping[str, Sequence[str]]) -> None:
        self.keys = keys
        self.indexes = indexes
        self.items: dict[Key, Stored] = {}
        # Index (None: the table itself) -> value of the partition key -> sort key and key of each
        # item, in this order.
        self._orders: dict[str | None, dict[Any, list[tuple[Any, Key]]]] = {
            name: {} for name in (None, *indexes)
        }

    def key(self, item: Item) -> Key:
        """Return the values of an item's primary key."""
        return tuple(_value(item[name]) for name in self.keys)

    def put(self, item: Item) -> int:
        """Store an item and return its size."""
        key = self.key(item)
        if key in self.items:
            for partition, entry in self._entries(self.items[key].item):
                partition.remove(entry)
        self.items[key] = Stored(item, units.item_bytes(item))
        for partition, entry in self._entries(item):
            insort(partition, entry)
        return self.items[key].size

    def load(self, items: Iterable[Item]) -> None:
        """Store many new items, which is faster than to put them."""
        for item in items:
            key = self.key(item)
            self.items[key] = Stored(item, units.item_bytes(item))
            for partition, entry in self._entries(item):
                partition.append(entry)
        for order in self._orders.values():
            for partition in order.values():
                partition.sort()

    def clear(self) -> None:
        """Delete all items."""
        self.items.clear()
        for order in self._orders.values():
            order.clear()

    def indexes_of(self, item: Item) -> int:
        """Return the number of indexes that contain an item."""
        return sum(all(name in item for name in names) for names in self.indexes.values())

    def select(self, request: Mapping[str, Any]) -> Iterator[Stored]:
        """Yield the items that a Query selects, in its order and from its start key on."""
        index = request.get("IndexName")
        values = {
            name.removeprefix(":"): _value(value)
            for name, value in request["ExpressionAttributeValues"].items()
        }
        terms = _KEY_CONDITION.fullmatch(request["KeyConditionExpression"])
        if not terms:
            raise ValueError(f"cannot evaluate {request['KeyConditionExpression']!r}")
        partition = self._orders[index].get(values[terms["equal"]], [])
        start, end = _bounds(partition, terms, values)
        descending = not request.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in request:
            last = self._entry(index, request["ExclusiveStartKey"])
            if descending:
                end = min(end, bisect_left(partition, last))
            else:
                start = max(start, bisect_right(partition, last))
        positions = range(start, end)
        for position in reversed(positions) if descending else positions:
            yield self.items[partition[position][1]]

    def last_key(self, item: Item, index: str | None) -> Item:
        """Return the key of an item, as a LastEvaluatedKey has it."""
        names = {*self.keys, *self.indexes.get(index or "", ())}
        return {name: item[name] for name in names}

    def _entries(self, item: Item) -> Iterator[tuple[list[Any], tuple[Any, Key]]]:
        """Yield the partition and the entry of an item in the table and in each index."""
        for index, order in self._orders.items():
            names = self.keys if index is None else self.indexes[index]
            if all(name in item for name in names):
                yield order.setdefault(_value(item[names[0]]), []), self._entry(index, item)

    def _entry(self, index: str | None, item: Item) -> tuple[Any, Key]:
        names = self.keys if index is None else self.indexes[index]
        return (_value(item[names[1]]) if len(names) > 1 else ""), self.key(item)


class Tables:
    """Tables by name, and the calls that they have answered."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to a call, and append the call to `calls`.

        Conditions are taken as true. Raises ValueError for other operations and expressions.
        """
        with self._lock:
            match operation:
                case "Query" | "Scan":
                    return self._page(operation, request)
                case "GetItem":
                    return self._get(request)
                case "PutItem":
                    return self._write(operation, [request])
                case "TransactWriteItems":
                    return self._write(
                        operation, [part["Put"] for part in request["TransactItems"]]
                    )
            raise ValueError(f"cannot answer {operation}")

    def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.tables[request["TableName"]]
        stored = table.items.get(table.key(request["Key"]))
        used = units.read_units(
            stored.size if stored else 0, consistent=request.get("ConsistentRead", False)
        )
        self.calls.append(Call("GetItem", read_units=used))
        return {"Item": stored.item} if stored else {}

    def _write(self, operation: str, puts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        used = 0.0
        for put in puts:
            table, item = self.tables[put["TableName"]], put["Item"]
            size, indexes = table.put(item), table.indexes_of(item)
            is_transaction = operation == "TransactWriteItems"
            used += units.write_units(size, indexes, transactional=is_transaction)
        self.calls.append(Call(operation, write_units=used))
        return {}

    def _page(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.tables[request["TableName"]]
        selected = table.select(request) if operation == "Query" else _scanned(table, request)
        items, scanned, size = [], 0, 0
        response: dict[str, Any] = {}
        limit = request.get("Limit")
        for stored in selected:
            scanned += 1
            size += stored.size
            if _passes(stored.item, request):
                items.append(stored.item)
            if scanned == limit or size >= PAGE_BYTES:
                key = table.last_key(stored.item, request.get("IndexName"))
                response["LastEvaluatedKey"] = key
                break
        used = units.read_units(size, consistent=request.get("ConsistentRead", False))
        self.calls.append(Call(operation, scanned, size, used))
        return response | {"Items": items, "Count": len(items), "ScannedCount": scanned}


def _scanned(table: Table, request: Mapping[str, Any]) -> Iterator[Stored]:
    """Yield the items that a Scan reads, in the order in which they were stored."""
    stored = iter(table.items.items())
    if "ExclusiveStartKey" in request:
        last = table.key(request["ExclusiveStartKey"])
        for key, _ in stored:
            if key == last:
                break
    return (value for _, value in stored)


def _bounds(
    partition: Sequence[tuple[Any, Key]], terms: re.Match[str], values: Mapping[str, Any]
) -> tuple[int, int]:
    """Return the first position in a partition that a key condition selects, and the one after."""

    def before(name: str) -> int:
        return bisect_left(partition, values[terms[name]], key=_sort_key)

    def after(name: str) -> int:
        return bisect_right(partition, values[terms[name]], key=_sort_key)

    if terms["lower"]:
        return before("lower"), after("upper")
    if terms["below"]:
        return 0, before("below")
    return after("above") if terms["above"] else 0, len(partition)


def _sort_key(entry: tuple[Any, Key]) -> Any:
    return entry[0]


def _passes(item: Item, request: Mapping[str, Any]) -> bool:
    """Return whether an item passes the filter of a request."""
    expression = request.get("FilterExpression")
    if not expression:
        return True
    if any(name in item for name in _EXCLUDED):
        raise ValueError(f"cannot filter items that have one of {', '.join(_EXCLUDED)}")
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    return all(
        item.get(names[f"#{name}"]) == values[f":{value}"]
        for name, value in _EQUALS.findall(expression)
    )


def _value(attribute: Item) -> Any:
    """Return a key's value, so that values are in DynamoDB's order."""
    return Decimal(attribute["N"]) if "N" in attribute else attribute["S"]


def total(calls: Sequence[Call]) -> dict[str, float]:
    """Return the number of calls, and the sums of their items and units."""
    return {
        "calls": len(calls),
        "items": sum(call.scanned for call in calls),
        "read_units": sum(call.read_units for call in calls),
        "write_units": sum(call.write_units for call in calls),
    }
