"""Two more instances of the module on the emulator, and an issuer of bearer tokens for one of them.

The issuer is a public bucket of the emulator with the two documents of an OpenID provider that an
authorizer reads.
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

from lib.emulator import REGION
from lib.paths import ENVIRONMENT, ROOT
from lib.stack import Stack
from lib.terraform import environment

AUDIENCE = "records-tests"
KEY_ID = "test-key"
HEARTBEAT = "rate(1 minute)"  # of the instance `tokens`
BUCKET = "issuer"
DOMAIN = "records.example.com"  # of the instance `tokens`, besides the URLs below
CERTIFICATE = f"arn:aws:acm:{REGION}:000000000000:certificate/tests"
ORIGIN = "https://app.example.com"  # whose pages may call the instance `tokens`
READ, WRITE = "records/read", "records/write"


class Instance(NamedTuple):
    """One instance of the service: its URL and the names of its resources.

    `url_of_signers` and `writer_policy` belong to an instance that accepts signatures too.
    """

    url: str
    function: str
    table: str
    log_group: str
    url_of_signers: str = ""
    writer_policy: str = ""


class Instances(NamedTuple):
    """Two instances: `open` has no authentication, and `tokens` accepts signatures and tokens.

    The tokens are those of `issuer`, which signs with `private_key` (PEM).
    """

    tokens: Instance
    open: Instance
    issuer: str
    private_key: str

    def claims(self, changes: dict[str, object]) -> dict[str, object]:
        """Return the claims of a reader and writer with changes; claims of None are left out."""
        defaults: dict[str, object] = {
            "iss": self.issuer,
            "sub": "tester",
            "aud": AUDIENCE,
            "scope": f"{READ} {WRITE}",
        }
        changed = defaults | {"exp": int(time.time()) + 300} | changes
        return {name: value for name, value in changed.items() if value is not None}

    def token(self, **changes: object) -> str:
        """Return a token of the issuer with these claims."""
        return signed(self.claims(changes), self.private_key)


def signed(
    claims: dict[str, object], key: str, *, key_id: str | None = KEY_ID, algorithm: str = "RS256"
) -> str:
    """Return a signed token whose header has this key ID, or none."""
    headers = None if key_id is None else {"kid": key_id}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def new_key() -> str:
    """Return a new RSA private key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def apply(stack: Stack, folder: Path, aws: Callable[..., Any]) -> None:
    """Write a root module to `folder` and apply it to the emulator of the stack."""
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
    (folder / "instances.json").write_text(
        json.dumps(
            {"issuer": issuer}
            | {name: _instance(stack.url, outputs[name]["value"]) for name in ("tokens", "open")},
        )
    )


def load(folder: Path) -> Instances:
    """Return the instances that `apply` created in `folder`."""
    names = json.loads((folder / "instances.json").read_text())
    return Instances(
        Instance(*names["tokens"]),
        Instance(*names["open"]),
        names["issuer"],
        (folder / "key.pem").read_text(),
    )


def _publish(s3: Any, issuer: str, private_key: str) -> None:
    public_key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    key = jwt.algorithms.RSAAlgorithm.to_jwk(public_key, as_dict=True)
    documents = {
        ".well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys.json"},
        "keys.json": {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]},
    }
    policy = {
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
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
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
        "auth": {"mode": "IAM", "issuer": issuer, "audience": [AUDIENCE, "another"]},
        "api": {
            "stage_name": "local",
            "cors": {"allow_origins": [ORIGIN]},
            "domain": {"name": DOMAIN, "certificate_arn": CERTIFICATE},
        },
        "function": {"heartbeat": HEARTBEAT},
    }
    open_ = {
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
        "open": common | open_,
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


_OUTPUTS = (
    "api_id",
    "api_id_jwt",
    "function_name",
    "log_group_names",
    "table_name",
    "writer_policy_arn",
)


def _instance(endpoint: str, outputs: dict[str, Any]) -> Instance:
    main, for_tokens = (
        f"{endpoint}/_aws/execute-api/{outputs[name]}/local/records"
        for name in ("api_id", "api_id_jwt")
    )
    instance = Instance(
        main,
        outputs["function_name"],
        outputs["table_name"],
        outputs["log_group_names"]["function"],
    )
    if not outputs["api_id_jwt"]:
        return instance
    return instance._replace(
        url=for_tokens, url_of_signers=main, writer_policy=outputs["writer_policy_arn"]
    )
