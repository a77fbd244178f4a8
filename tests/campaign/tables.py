"""The two tables as modules/records-api/table.tf and history.tf define them."""

from typing import Any

from records_api import entries, store


def create(client: Any, name: str, history_name: str) -> None:
    """Create the records table and its history table."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=_strings("recordID", "position", *store.INDEXES),
        KeySchema=_key("recordID"),
        GlobalSecondaryIndexes=[
            _index(index, attribute) for attribute, index in store.INDEXES.items()
        ],
    )
    client.create_table(
        TableName=history_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            *_strings("recordID", "feed", "position"),
            {"AttributeName": "version", "AttributeType": "N"},
        ],
        KeySchema=_key("recordID", "version"),
        GlobalSecondaryIndexes=[_index(entries.CHANGES_INDEX, "feed")],
    )


def _strings(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def _key(partition: str, *sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        *({"AttributeName": name, "KeyType": "RANGE"} for name in sort),
    ]


def _index(name: str, partition: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _key(partition, "position"),
        "Projection": {"ProjectionType": "ALL"},
    }
