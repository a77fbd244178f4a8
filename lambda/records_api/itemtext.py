"""Write stored records as JSON text in one pass. Pages of records are mostly this work.

The text is the same as that of the decoded record, which is written if the item has another form
than this service gives it.
"""

import re
from json.encoder import encode_basestring as quoted
from typing import Any

from . import store
from .attributes import AttributeValue, decode
from .jsontext import to_json
from .representation import public
from .store import Item

# A version of which the text is canonical, and which is less than representation.MAX_VERSION.
PLAIN_VERSION = re.compile("[1-9][0-9]{0,14}")
# A number that DynamoDB and `to_json` write alike.
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,37})(?:\.[0-9]{1,38})?")


def record_json(item: Item) -> str:
    """Return `to_json(public(store.decode(item)))`."""
    try:
        version = item["version"]["N"]
        if version == item["last"]["M"]["version"]["N"] and PLAIN_VERSION.fullmatch(version):
            message = f',"message":{quoted(item["message"]["S"])}' if "message" in item else ""
            return (
                f'{{"recordID":{quoted(item["recordID"]["S"])}'
                f',"createdAt":{quoted(item["createdAt"]["S"])}'
                f',"updatedAt":{quoted(item["updatedAt"]["S"])}'
                f',"updatedBy":{quoted(item["updatedBy"]["S"])}'
                f',"submittedBy":{quoted(item["submittedBy"]["S"])}'
                f',"type":{quoted(item["type"]["S"])}'
                f',"status":{quoted(item["status"]["S"])}{message}'
                f',"attributes":{_members_json(item["attributes"]["M"])}'
                f',"version":{version}}}'
            )
    except KeyError:
        pass
    return to_json(public(store.decode(item)))


def attribute_json(attribute: AttributeValue) -> str:
    """Return `to_json(attributes.decode(attribute))`."""
    if "S" in attribute:
        return quoted(attribute["S"])
    if "M" in attribute:
        return _members_json(attribute["M"])
    if "L" in attribute:
        return f"[{','.join([attribute_json(element) for element in attribute['L']])}]"
    if "N" in attribute and PLAIN_NUMBER.fullmatch(attribute["N"]):
        return str(attribute["N"])
    return to_json(decode(attribute))


def _members_json(members: dict[str, Any]) -> str:
    texts = [
        # Most members are strings, which take no call.
        f"{quoted(name)}:{quoted(value['S']) if 'S' in value else attribute_json(value)}"
        for name, value in members.items()
    ]
    return f"{{{','.join(texts)}}}"
