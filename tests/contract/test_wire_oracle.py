"""The wire client compared with botocore and boto3, on generated requests and items."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import boto3
import botocore.auth
import botocore.session
import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore import parsers, serialize
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.conftest import COMPARED
from records_api import attributes, dynamodb, signing, store

Count = Callable[..., None]

# The counter of a test counts over all of its examples.
GENERATED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SESSION = botocore.session.get_session()
MODEL = SESSION.get_service_model("dynamodb")
PUT_ITEM, GET_ITEM = MODEL.operation_model("PutItem"), MODEL.operation_model("GetItem")
SERIALIZER: Any = serialize.create_serializer("json")
PARSER: Any = parsers.create_parser("json")

visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
# Values that environment variables and headers can contain. Signing collapses spaces inside.
secrets = st.text(visible, min_size=1, max_size=60)
tokens = st.none() | st.lists(secrets, min_size=1, max_size=3).map(" ".join) | st.just("a  b")

numbers = st.builds(
    lambda digits, sign, exponent: Decimal((sign, digits, exponent)),
    st.lists(st.integers(0, 9), min_size=1, max_size=38).map(tuple),
    st.integers(0, 1),
    # The first of up to 38 digits is between 1E-130 and 1E+125.
    st.integers(-130, 125 - 37),
)
integers = st.integers(-(10**38) + 1, 10**38 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
binaries = st.binary(max_size=30)
sets = st.one_of(
    st.sets(texts, min_size=1, max_size=5),
    st.sets(numbers | integers, min_size=1, max_size=5),
    st.sets(binaries, min_size=1, max_size=5),
)
scalars = st.none() | st.booleans() | texts | numbers | integers | binaries | sets
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
items = st.dictionaries(texts.filter(bool), values, max_size=5)


@pytest.fixture
def compared(request: pytest.FixtureRequest, tally: Count) -> Iterator[Counter[str]]:
    """Count a test's comparisons, for the summary of the run."""
    counter = Counter[str]()
    yield counter
    tally(COMPARED, counter.total(), request.function.__name__.removeprefix("test_"))


class Case(NamedTuple):
    """A request, its endpoint, credentials and time."""

    url: str
    region: str
    key_id: str
    secret: str
    token: str | None
    moment: datetime
    operation: str
    body: bytes


def ours(case: Case) -> dict[str, str]:
    """Return the headers that the client sends."""
    with mock.patch("ssl.create_default_context"):  # unused, and slow: it reads all certificates
        client = dynamodb.Client(case.url, case.region)
    credentials = signing.Credentials(case.key_id, case.secret, case.token)
    with mock.patch("time.gmtime", return_value=case.moment.utctimetuple()):
        request = client._request(case.operation, case.body, credentials)
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == case.body
    line, *fields = head.decode().split("\r\n")
    assert line == "POST / HTTP/1.1"
    return dict(field.split(": ", 1) for field in fields)


urls = st.builds(
    lambda scheme, host, port: f"{scheme}://{host}{port and f':{port}'}",
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,15}[a-z0-9])?(\.[a-z]{2,8}){0,3}", fullmatch=True)
    | st.just("[::1]"),
    st.just("") | st.sampled_from([80, 443, 8000]) | st.integers(1, 65535),
)
START = datetime(1971, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # a naive bound, for Hypothesis
times = st.datetimes(START, START.replace(year=2999), timezones=st.just(UTC))
cases = st.builds(
    Case,
    urls,
    st.sampled_from(SESSION.get_available_regions("dynamodb"))
    | st.from_regex("[a-z0-9-]{1,20}", fullmatch=True),
    st.from_regex("[A-Z0-9]{16,32}", fullmatch=True),
    secrets,
    tokens,
    times,
    st.sampled_from(MODEL.operation_names),
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: json.dumps({"TableName": text}).encode()),
)


@GENERATED
@given(case=cases)
def test_botocore_sends_the_same_headers(compared: Counter[str], case: Case) -> None:
    compared["done"] += 1
    headers = ours(case)
    target = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{case.operation}",
    }
    request = AWSRequest("POST", f"{case.url}/", headers=target, data=case.body)
    keys = Credentials(case.key_id, case.secret, case.token)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=case.moment):
        botocore.auth.SigV4Auth(keys, "dynamodb", case.region).add_auth(request)
    theirs = {name.lower(): text for name, text in request.headers.items()}
    # botocore's connection adds these two, after the signature.
    sent_later = {"host": headers["host"], "content-length": str(len(case.body))}
    assert headers == theirs | sent_later


def transaction() -> dict[str, Any]:
    """Return the payload that the store sends for a transaction."""
    payloads: list[dict[str, Any]] = []
    client: Any = SimpleNamespace(
        call=lambda _operation, payload, _deadline: payloads.append(payload)
    )
    old = {"recordID": "1", "version": 3}
    writes = [
        store.put("records", old, store.is_unchanged(old)),
        store.put("records-history", old, store.is_absent(0)),
        store.remove("records", "2", store.is_impossible()),
    ]
    store.transact(store.Table(client, "records", "records-history", frozenset(), 0.0), writes)
    return payloads[0]


KEY: dict[str, Any] = {"recordID": {"S": "1"}}
PAYLOADS: dict[str, dict[str, Any]] = {
    "DeleteItem": {"TableName": "records", "Key": KEY},
    "GetItem": {"TableName": "records", "Key": KEY, "ConsistentRead": True},
    "PutItem": {
        "TableName": "records",
        "Item": KEY,
        "ConditionExpression": "attribute_not_exists(recordID)",
    },
    "Query": {"TableName": "records", "KeyConditionExpression": "feed = :f", "Limit": 1},
    "TransactWriteItems": transaction(),
}


@pytest.mark.parametrize("operation", PAYLOADS)
def test_boto3_sends_the_same_request(operation: str, compared: Counter[str]) -> None:
    compared["done"] += 1
    caught: list[Any] = []

    def catch(request: AWSPreparedRequest, **_: object) -> None:
        caught.append(request)
        raise InterruptedError

    client: Any = boto3.client(
        "dynamodb",
        "eu-west-3",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="s",
        aws_session_token="t",
    )
    client.meta.events.register("before-send.dynamodb", catch)
    with pytest.raises(InterruptedError):
        client._make_api_call(operation, PAYLOADS[operation])
    (request,) = caught
    assert (request.method, request.url) == ("POST", f"{dynamodb.regional_endpoint('eu-west-3')}/")
    assert json.loads(request.body) == PAYLOADS[operation]
    theirs = {
        name.lower(): text if isinstance(text, str) else text.decode()
        for name, text in request.headers.items()
    }
    moment = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    headers = ours(
        Case(request.url, "eu-west-3", "AKIDEXAMPLE", "s", "t", moment, operation, request.body)
    )
    for name in ("content-type", "x-amz-date", "x-amz-security-token", "x-amz-target"):
        assert headers[name] == theirs[name]


def canonical(attribute: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute value with its sets sorted."""
    ((kind, value),) = attribute.items()
    if kind == "M":
        return {"M": {name: canonical(member) for name, member in value.items()}}
    if kind == "L":
        return {"L": [canonical(member) for member in value]}
    return {kind: sorted(value)} if kind in ("SS", "NS", "BS") else attribute


def on_the_wire(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item in the body of a PutItem, as boto3 and botocore serialize it."""
    item = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    request = SERIALIZER.serialize_to_request({"TableName": "records", "Item": item}, PUT_ITEM)
    sent: dict[str, Any] = json.loads(request["body"])["Item"]
    return sent


def plain(value: Any) -> Any:
    """Return a value with its type, so that 1, True and 1.0 differ."""
    match value:
        case dict():
            return {name: plain(member) for name, member in value.items()}
        case list():
            return [plain(member) for member in value]
        case set():
            return {plain(member) for member in value}
        case Binary():
            value = bytes(value)  # type: ignore[call-overload]  # absent from its stub
    return type(value), value.as_tuple() if isinstance(value, Decimal) else value


@GENERATED
@given(item=items)
def test_boto3_encodes_the_same_item_to_the_same_text(
    compared: Counter[str], item: dict[str, Any]
) -> None:
    compared["done"] += 1
    encoded = {name: canonical(attributes.encode(value)) for name, value in item.items()}
    assert encoded == {name: canonical(value) for name, value in on_the_wire(item).items()}


@GENERATED
@given(item=items)
def test_boto3_decodes_the_same_response_to_the_same_item(
    compared: Counter[str], item: dict[str, Any]
) -> None:
    compared["done"] += 1
    body = json.dumps({"Item": on_the_wire(item)}).encode()
    parsed = PARSER.parse({"body": body, "headers": {}, "status_code": 200}, GET_ITEM.output_shape)
    decoded = {name: attributes.decode(value) for name, value in json.loads(body)["Item"].items()}
    assert plain(decoded) == {
        name: plain(TypeDeserializer().deserialize(value)) for name, value in parsed["Item"].items()
    }
    assert decoded == item


@pytest.mark.parametrize("value", [1.5, object(), {1.5}])
def test_unsupported_types_are_rejected_by_both(value: object) -> None:
    with pytest.raises(TypeError):
        attributes.encode(value)
    with pytest.raises(TypeError):
        TypeSerializer().serialize(value)


def test_unknown_attribute_type_is_rejected_by_both() -> None:
    unknown: Any = {"X": "1"}
    with pytest.raises(ValueError, match="unknown attribute type X"):
        attributes.decode(unknown)
    with pytest.raises(TypeError):
        TypeDeserializer().deserialize(unknown)


@pytest.mark.parametrize("partition", SESSION.get_available_partitions())
def test_botocore_has_the_same_endpoints_in_partition(
    partition: str, compared: Counter[str]
) -> None:
    regions = {
        *SESSION.get_available_regions("dynamodb", partition),
        *SESSION.get_available_regions("ec2", partition),
    }
    assert regions
    for region in sorted(regions):
        compared["done"] += 1
        client = SESSION.create_client(
            "dynamodb", region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        assert dynamodb.regional_endpoint(region) == client.meta.endpoint_url
