"""The checks of `records doctor` that concern credentials."""

import time
from datetime import UTC, datetime
from http import HTTPStatus

from records_cli import problems, sign_in, tokens
from records_cli.app_options import Role
from records_cli.client import Caller, Response
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.service import Service

_SIGN = "sign in with AWS credentials: AWS_PROFILE or --profile, and no --auth"
_SEND_BEARER = "set RECORDS_TOKEN, or pass --token-command, and no --auth"
_SIGN_IN = "sign in again, and check the issuer, audience and expiry of the token"


def credentials(caller: Caller, known: Service, role: Role) -> str:
    """Return what is known of the credentials, without secrets. Raises Failure if they expired."""
    if isinstance(caller, sign_in.AnonymousCaller):
        return "none"
    if isinstance(caller, sign_in.TokenCaller):
        return _token(caller.token())
    if isinstance(caller, sign_in.ChainCaller):
        with sign_in.explained():
            key = caller.credentials.get_frozen_credentials()
        kind = "temporary" if key.token else "long-term"
        return (
            f"AWS access key {shortened(key.access_key)}, {kind}, from {caller.credentials.method}"
        )
    return f"the {role} of {known.source}"


def shortened(key_id: str) -> str:
    """Return the ends of an access key's ID, enough to recognize it."""
    return f"{key_id[:4]}...{key_id[-4:]}"


def _token(token: str) -> str:
    claims, expiry = tokens.claims(token), tokens.expiry(token)
    if expiry <= time.time():
        moment = datetime.fromtimestamp(expiry, UTC)
        raise Failure(
            f"the token expired at {moment:%Y-%m-%d %H:%M:%S} UTC", "sign in again", Exit.REFUSED
        )
    names = {"issuer": "iss", "subject": "sub", "client": "client_id", "scope": "scope"}
    notes = [f"{name} {claims[claim]}" for name, claim in names.items() if claims.get(claim)]
    return ", ".join(["bearer token", *notes])


def region(caller: Caller) -> str:
    """Return the region that is signed for. Raises Failure if the URL names another one."""
    expected = sign_in.region_of(caller.url)
    if expected not in {None, caller.region}:
        raise Failure(
            f"requests are signed for {caller.region}, but the URL is in {expected}",
            f"omit --region (and the region of the context), or pass --region {expected}",
            Exit.BAD_INPUT,
        )
    return caller.region


def check_credentials(caller: Caller, known: Service, unsigned: Response, signed: Response) -> None:
    """Raise Failure if the service takes other credentials than those, or does not accept them.

    `unsigned` and `signed` are the responses to a list without and with the credentials.
    """
    if signed.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return
    text = f"{problems.message(signed)} ({signed.status})"
    takes_tokens = unsigned.status == HTTPStatus.UNAUTHORIZED
    if isinstance(caller, sign_in.AnonymousCaller):
        way = _SEND_BEARER if takes_tokens else _SIGN
        raise _wrong(f"the service takes no requests without credentials: {text}", way)
    if isinstance(caller, sign_in.TokenCaller):
        if not takes_tokens:
            way = f"{_SIGN}; or use the URL in the output records_url_jwt, if there is one"
            raise _wrong(f"this URL takes AWS signatures, not bearer tokens: {text}", way)
        if signed.status == HTTPStatus.UNAUTHORIZED:
            reason = signed.headers.get("www-authenticate", text)
            raise _wrong(f"the token is not accepted: {reason}", _SIGN_IN)
    elif takes_tokens:
        raise _wrong(f"this URL takes bearer tokens, not AWS signatures: {text}", _SEND_BEARER)
    elif remedy := problems.wrong_credentials(signed):
        if known.connection is not None and not isinstance(caller, sign_in.ChainCaller):
            remedy = f"run scripts/up, which writes the keys to {known.connection} again"
        raise _wrong(f"the credentials are not accepted: {text}", remedy)


def _wrong(cause: str, remedy: str) -> Failure:
    return Failure(cause, remedy, Exit.REFUSED)
