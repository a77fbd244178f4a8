"""Two more instances of the module beside the stack's own, and an issuer of bearer tokens for one of them.

The issuer is a bucket of the emulator's that everybody may read: an OpenID provider's two documents are all that an
authorizer asks for, and a bucket lives as long as the stack, whichever of the run's processes made it.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lib.paths import ENVIRONMENT, ROOT
from lib.stack import Stack
from lib.terraform import environment

AUDIENCE = "records-tests"
KEY_ID = "of-the-tests"
HEARTBEAT = "rate(1 minute)"  # of the instance that takes tokens
BUCKET = "issuer"
READ, WRITE = "records/read", "records/write"


class Instance(NamedTuple):
    """One instance of the service: the URL of its records, and the names of what it is made of."""

    url: str
    function: str
    table: str
    log_group: str


class Instances(NamedTuple):
    """`tokens` takes tokens of `issuer`, which signs with `private_key` (PEM); `open` lets everybody in."""

    tokens: Instance
    open: Instance
    issuer: str
    private_key: str

    def claims(self, changes: dict[str, object]) -> dict[str, object]:
        """Return the claims of a reader and writer named `tester`, with changes; one changed to None is left out."""
        usual: dict[str, object] = {
            "iss": self.issuer,
            "sub": "tester",
            "aud": AUDIENCE,
            "scope": f"{READ} {WRITE}",
        }
        changed = usual | {"exp": int(time.time()) + 300} | changes
        return {name: value for name, value in changed.items() if value is not None}

    def token(self, **changes: object) -> str:
        """Return a token of the issuer's with these claims."""
        return signed(self.claims(changes), self.private_key)


def signed(
    claims: dict[str, object], key: str, *, key_id: str = KEY_ID, algorithm: str = "RS256"
) -> str:
    """Return a token that claims to be signed by the key of that id."""
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id})


def new_key() -> str:
    """Return a new RSA private key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def apply(stack: Stack, folder: Path, aws: Callable[..., Any]) -> None:
    """Apply a root module of its own, in `folder`, to the stack's emulator."""
    folder.mkdir()
    (folder / "key.pem").write_text(new_key())
    issuer = f"{stack.url}/{BUCKET}"
    _publish(aws("s3"), issuer, (folder / "key.pem").read_text())
    (folder / "main.tf.json").write_text(json.dumps(_root(os.path.relpath(ROOT, folder), issuer)))
    shutil.copy(ENVIRONMENT / ".terraform.lock.hcl", folder)
    env = environment(stack.url)
    stack.terraform.run(folder, "init", "-no-color", "-lockfile=readonly", env=env)
    stack.terraform.run(folder, "apply", "-no-color", "-auto-approve", env=env)
    outputs = stack.terraform.read(folder, "output", "-json", env=env)
    (folder / "known.json").write_text(
        json.dumps(
            {"issuer": issuer}
            | {name: _instance(stack.url, outputs[name]["value"]) for name in ("tokens", "open")},
        )
    )


def known(folder: Path) -> Instances:
    """Return what `apply` made in `folder`."""
    made = json.loads((folder / "known.json").read_text())
    return Instances(
        Instance(*made["tokens"]),
        Instance(*made["open"]),
        made["issuer"],
        (folder / "key.pem").read_text(),
    )


def _publish(s3: Any, issuer: str, private_key: str) -> None:  # noqa: ANN401 (a boto3 client)
    public_key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    key = jwt.algorithms.RSAAlgorithm.to_jwk(public_key, as_dict=True)
    documents = {
        ".well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys.json"},
        "keys.json": {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]},
    }
    everybody = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/*",
            }
        ],
    }
    s3.create_bucket(Bucket=BUCKET)
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(everybody))
    for name, content in documents.items():
        s3.put_object(
            Bucket=BUCKET, Key=name, Body=json.dumps(content), ContentType="application/json"
        )


def _root(checkout: str, issuer: str) -> dict[str, Any]:
    """Return a root module in JSON syntax; `checkout` is the relative path to this repository."""
    common = {
        "source": f"{checkout}/modules/records-api",
        "environment": "local",
        "api": {"stage_name": "local"},
        "log_retention_days": 1,
    }
    tokens = {
        "name": "tokens",
        "auth": {"mode": "JWT", "issuer": issuer, "audience": [AUDIENCE, "another"]},
        "function": {"heartbeat": HEARTBEAT},
    }
    everybody = {
        "name": "open",
        "auth": {"mode": "NONE"},
        "operations": ["create", "get", "list"],
        "table": {
            "deletion_protection": False,
            "filter_indexes": ["type"],
            "record_retention_days": 30,
        },
    }
    modules = {
        "tokens": common | tokens | {"table": {"deletion_protection": False}},
        "open": common | everybody,
    }
    return {
        "terraform": {
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.100, < 7"}}
        },
        "provider": {"aws": {"allowed_account_ids": ["000000000000"]}},
        "module": modules,
        "output": {
            name: {"value": {output: f"${{module.{name}.{output}}}" for output in _OUTPUTS}}
            for name in modules
        },
    }


_OUTPUTS = ("api_id", "function_name", "log_group_names", "table_name")


def _instance(endpoint: str, outputs: dict[str, Any]) -> Instance:
    return Instance(
        f"{endpoint}/_aws/execute-api/{outputs['api_id']}/local/records",
        outputs["function_name"],
        outputs["table_name"],
        outputs["log_group_names"]["function"],
    )
