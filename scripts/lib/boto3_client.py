"""The service's DynamoDB calls, made by boto3 with the user's credentials.

Scripts that use the code of `records_api` pass this to `store.Table` instead of the wire client.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from records_api import dynamodb

_CONDITION_FAILED = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class Boto3Client(dynamodb.Client):
    """A client with the interface of the wire client. `client` is boto3's for DynamoDB."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._methods: dict[str, Callable[..., dict[str, Any]]] = {
            "GetItem": client.get_item,
            "Query": client.query,
            "TransactWriteItems": client.transact_write_items,
        }

    def call(
        self,
        operation: str,
        payload: Mapping[str, Any],
        deadline: float,  # noqa: ARG002 (boto3 has its own time limits)
    ) -> dict[str, Any]:
        """Return the response to a call.

        Raises dynamodb.ConditionFailed if a transaction was canceled because an item was changed
        or is being changed, otherwise boto3's errors.
        """
        try:
            response = self._methods[operation](**_binaries(payload, b64decode))
        except self._client.exceptions.TransactionCanceledException as error:
            codes = {reason["Code"] for reason in error.response["CancellationReasons"]}
            if codes - {"None"} <= _CONDITION_FAILED:
                raise dynamodb.ConditionFailed(
                    "TransactionCanceledException", str(error)
                ) from error
            raise
        converted: dict[str, Any] = _binaries(response, lambda value: b64encode(value).decode())
        return converted


def _binaries(value: Any, convert: Callable[[Any], object]) -> Any:
    """Return a payload with binary values converted: base64 on the wire, bytes in boto3."""
    if isinstance(value, dict):
        if len(value) == 1:
            [(kind, content)] = value.items()
            if kind == "B" and isinstance(content, str | bytes):
                return {"B": convert(content)}
            if kind == "BS":
                return {"BS": [convert(each) for each in content]}
        return {name: _binaries(member, convert) for name, member in value.items()}
    if isinstance(value, list):
        return [_binaries(element, convert) for element in value]
    return value
