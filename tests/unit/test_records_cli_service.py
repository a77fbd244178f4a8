"""Which service `records` calls, and with which credentials."""

import base64
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from records_cli import contexts, local, service, sign_in, tokens
from records_cli.app_options import Options, Role
from records_cli.auth import Auth
from records_cli.client import Caller, Response
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from unit.test_records_cli import CONNECTION, run

URL = "https://a1b2.execute-api.eu-central-1.amazonaws.com/records"
EMULATED = "http://127.0.0.1:1/_aws/execute-api"
ENVIRONMENT = (
    *(service.URL, service.CONTEXT, local.VARIABLE, tokens.TOKEN),
    *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "https_proxy"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory without settings: no contexts, variables or AWS profiles."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """The callers of all requests, which are not sent."""
    callers: list[Caller] = []

    def call(caller: Caller, *_: object, **__: object) -> Response:
        callers.append(caller)
        return Response(200, {}, b'{"records": []}')

    monkeypatch.setattr(Caller, "call", call)
    return callers


def keep(**known: contexts.Context) -> None:
    contexts.save(contexts.Contexts(known, next(iter(known))))


def connection(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(CONNECTION))
    return file


def jwt(**claims: object) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


def test_options_precede_environment_context_and_checkout(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step adds a place that goes before all that were there."""
    with pytest.raises(Failure, match="there is no service to call"):
        service.find(Options())
    connection(folder / ".local" / "connection.json")
    assert service.find(Options()).source.startswith("the local stack (")
    keep(current=contexts.Context("https://current/records"), other=contexts.Context("https://o"))
    assert service.find(Options()).url == "https://current/records"
    monkeypatch.setenv(local.VARIABLE, str(connection(folder / "elsewhere.json")))
    assert service.find(Options()).source == f"the local stack ({folder / 'elsewhere.json'})"
    monkeypatch.setenv(service.CONTEXT, "other")
    assert service.find(Options()).source == "context other (RECORDS_CONTEXT)"
    monkeypatch.setenv(service.URL, "https://variable")
    assert service.find(Options()).url == "https://variable/records"
    assert service.find(Options(context="current")).source == "context current (--context)"
    assert service.find(Options(url="https://option")).url == "https://option/records"
    with pytest.raises(Failure, match="--url and --context exclude each other"):
        service.find(Options(url="https://option", context="current"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://h/records", "https://h/records"),
        ("https://h/stage/records/", "https://h/stage/records"),
        (f"{EMULATED}/x/y", f"{EMULATED}/x/y/records"),
    ],
)  # fmt: skip
def test_urls_may_omit_the_collection(text: str, url: str) -> None:
    assert service.checked_url(text, "--url") == url


@pytest.mark.parametrize(
    "text",
    ["", "h/records", "ftp://h", "https://", "https://[h", "https://h:0", "https://h/?a=1",
     "https://h/#x", "https://u:p@h", "https://u@h", "https://h/a b", "https://hé"],
)  # fmt: skip
def test_other_urls_are_rejected_with_their_source(text: str) -> None:
    with pytest.raises(Failure, match=r"^error: RECORDS_URL: ") as failure:
        service.checked_url(text, "RECORDS_URL")
    assert failure.value.code == Exit.BAD_INPUT


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (f"echo '{json.dumps({'records_url': {'value': URL}})}'", URL),
        ("echo '{}'", "has no output records_url"),
        (
            "printf '╷\\n│ Error: Init required\\n│ \\n│ Reason: x\\n╵\\n' >&2; exit 1",
            r"terraform output failed in envs/dev: Init required\n",
        ),
    ],
)
def test_terraform_outputs_name_the_service(
    output: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = folder / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = -chdir=envs/dev ] || exit 9\n{output}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    options = Options(terraform=Path("envs/dev"))
    if expected == URL:
        assert service.find(options).url == URL
    else:
        with pytest.raises(Failure, match=expected):
            service.find(options)


def test_contexts_are_added_used_listed_and_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ("context", "add")
    assert run(monkeypatch, *add, "dev", "--url", URL, "--profile", "dev") == 0
    assert "It is the current context now" in capsys.readouterr().err
    assert run(monkeypatch, "--url", "https://p", *add, "prod", "--token-command", "idp token") == 0
    assert capsys.readouterr().err == "prod: https://p/records\n"
    file = folder / "config" / "records" / "config.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    capsys.readouterr()
    assert run(monkeypatch, "context", "use", "prod") == 0
    assert run(monkeypatch, "context", "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"  dev {URL} profile=dev",
        "* prod https://p/records token-command=idp token",
    ]
    assert run(monkeypatch, "context", "remove", "prod") == 0
    assert contexts.load().current is None
    assert run(monkeypatch, "context", "use", "dev") == 0
    assert run(monkeypatch, "context", "use", "--none") == 0
    assert contexts.load().current is None
    assert run(monkeypatch, "context", "use") == Exit.BAD_INPUT
    assert run(monkeypatch, "context", "use", "prod") == Exit.BAD_INPUT
    assert "there is no context 'prod'; known: dev" in capsys.readouterr().err
    assert run(monkeypatch, *add, "a/b", "--url", URL) == Exit.BAD_INPUT
    assert run(monkeypatch, *add, "x") == Exit.BAD_INPUT
    for content in (
        "{",
        "[]",
        '{"contexts": {"x": {"url": 1}}}',
        '{"contexts": {"x": {"a": "b"}}}',
    ):
        file.write_text(content)
        assert run(monkeypatch, "context", "list") == Exit.ERROR
        assert f"{file} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", URL, "--region", "r", "list"),
        ("--url", URL, "list", "--region", "r"),
        ("list", "--url", URL, "--region", "r"),
        ("--url", "https://first", "list", "--url", URL, "--region", "r"),
    ],
)
def test_global_options_stand_in_any_position(
    arguments: tuple[str, ...], calls: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert run(monkeypatch, *arguments) == 0
    assert [(caller.url, caller.region) for caller in calls] == [(URL, "r")]


def signed(caller: Caller) -> str:
    return caller.sign("GET", caller.url, b"", {}).get("authorization", "") or caller.sign(
        "GET", caller.url, b"", {}
    ).get("Authorization", "")


def test_a_context_applies_as_a_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its profile signs, even if the environment has a token for another service."""
    (folder / "credentials").write_text(
        "[p]\naws_access_key_id=of-p\naws_secret_access_key=x\n"
        "[q]\naws_access_key_id=of-q\naws_secret_access_key=x\n"
    )
    monkeypatch.setenv(tokens.TOKEN, "token")
    known = service.Service("https://h/records", "", region="eu-west-1", profile="p")
    assert "of-p/" in signed(sign_in.caller(known, Options(), Role.READER))
    assert "/eu-west-1/execute-api/" in signed(sign_in.caller(known, Options(), Role.READER))
    other = Options(profile="q", region="eu-west-3")
    assert "of-q/" in signed(sign_in.caller(known, other, Role.READER))
    assert "/eu-west-3/" in signed(sign_in.caller(known, other, Role.READER))
    bare = service.Service(URL, "--url")
    assert signed(sign_in.caller(bare, Options(), Role.READER)) == "Bearer token"
    anonymous = sign_in.caller(bare, Options(auth=Auth.NONE), Role.READER)
    assert signed(anonymous) == ""


@pytest.mark.parametrize(
    ("url", "environment", "region"),
    [
        (URL, {"AWS_REGION": "us-east-1"}, "eu-central-1"),
        ("https://a.execute-api.cn-north-1.amazonaws.com.cn/records", {}, "cn-north-1"),
        ("https://h/records", {"AWS_REGION": "us-east-1"}, "us-east-1"),
        ("https://h/records", {"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
    ],
)
def test_region_comes_from_the_url_or_the_environment(
    url: str, environment: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"}.items():
        monkeypatch.setenv(name, value)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert sign_in.caller(service.Service(url, ""), Options(), Role.READER).region == region


def token_command(folder: Path, *tokens: str) -> str:
    """Return a command that prints these tokens in turn."""
    program = folder / "token.py"
    program.write_text(
        f"from pathlib import Path\nimport sys\ntokens, file = {tokens!r}, Path(sys.argv[1])\n"
        "n = len(file.read_text()) if file.exists() else 0\n"
        "file.write_text('x' * (n + 1))\nprint(tokens[min(n, len(tokens) - 1)])\n"
    )
    return f"'{sys.executable}' '{program}' '{folder / 'count'}'"


def test_token_command_runs_again_before_the_token_expires(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = jwt(exp=1_000), jwt(exp=9_000, n=2)
    now = [100.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    options = Options(token_command=token_command(folder, first, second))
    caller = sign_in.caller(service.Service(URL, ""), options, Role.READER)
    assert signed(caller) == signed(caller) == f"Bearer {first}"
    now[0] = 941
    assert signed(caller) == f"Bearer {second}"


SECRET = "top secret"


@pytest.mark.parametrize(
    ("url", "options", "environment", "result"),
    [
        (URL, Options(), {}, ("there are no AWS credentials", Exit.REFUSED)),
        (URL, Options(profile="absent"), {}, (r"AWS credentials: .*absent", Exit.REFUSED)),
        ("https://h/records", Options(), {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"},
         ("the AWS region of https://h/records is not known", Exit.BAD_INPUT)),
        (URL, Options(), {"AWS_ACCESS_KEY_ID": "i"}, ("AWS credentials: Partial", Exit.REFUSED)),
        (URL, Options(role=Role.WRITER), {}, ("--as chooses a caller", Exit.BAD_INPUT)),
        (URL, Options(profile="p", token_command="t"), {}, ("exclude each other", Exit.BAD_INPUT)),
        (URL, Options(auth=Auth.TOKEN), {}, ("there is no bearer token", Exit.REFUSED)),
        (URL, Options(), {"RECORDS_TOKEN": SECRET}, ("RECORDS_TOKEN is not a bear", Exit.REFUSED)),
        ("http://h/records", Options(), {"RECORDS_TOKEN": "t"}, ("unencrypted", Exit.BAD_INPUT)),
        (URL, Options(token_command="false"), {}, ("failed with exit code 1", Exit.REFUSED)),
        (URL, Options(token_command="/absent"), {}, ("the token command failed", Exit.REFUSED)),
        (URL, Options(token_command=f"echo {SECRET}"), {}, ("is not a bearer token", Exit.REFUSED)),
    ],
)  # fmt: skip
def test_missing_credentials_are_explained(
    url: str,
    options: Options,
    environment: dict[str, str],
    result: tuple[str, Exit],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cause, code = result
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Failure, match=cause) as failure:
        signed(sign_in.caller(service.Service(url, ""), options, Role.READER))
    assert failure.value.code == code
    assert SECRET not in str(failure.value)


def test_errors_name_the_service_and_its_origin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(prod=contexts.Context(URL))
    assert run(monkeypatch, "list") == Exit.REFUSED
    line = f"  service: {URL}, from context prod (the current one)\n"
    assert f"error: there are no AWS credentials\n{line}" in capsys.readouterr().err
    monkeypatch.setattr(Caller, "call", lambda *_, **__: Response(403, {}, b"{}"))
    assert run(monkeypatch, "get", "x", "--auth", "none") == Exit.REFUSED
    assert f"{line}  fix: sign in: omit --auth none" in capsys.readouterr().err
    monkeypatch.setattr(Caller, "call", lambda *_, **__: Response(400, {}, b"{}"))
    assert run(monkeypatch, "list", "--auth", "none") == Exit.BAD_INPUT
    assert URL not in capsys.readouterr().err


def test_url_of_the_local_stack_has_its_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The URL that scripts/up prints works in its checkout, and elsewhere with the variable."""
    file, url = folder / ".local" / "connection.json", CONNECTION["records_url"]
    connection(file)
    options = Options(url=str(url))
    known = service.find(options)
    assert known.connection == file
    assert sign_in.caller(known, options, Role.WRITER).access_key_id == "writer"
    assert service.find(Options(url=URL)).connection is None
    keep(stack=contexts.Context(str(url)), signed=contexts.Context(str(url), profile="p"))
    assert service.find(Options(context="stack")).connection == file
    assert service.find(Options(context="signed")).connection is None
    file.write_text("{")
    assert service.find(options).connection is None
    monkeypatch.setenv(local.VARIABLE, str(connection(folder / "elsewhere.json")))
    monkeypatch.setenv(service.URL, str(url))
    assert service.find(Options()).connection == folder / "elsewhere.json"
    monkeypatch.delenv(local.VARIABLE)
    monkeypatch.delenv(service.URL)
    assert run(monkeypatch, "list", "--url", EMULATED) == Exit.REFUSED
    printed = capsys.readouterr().err
    assert f"the AWS region of {EMULATED}/records is not known either" in printed
    assert "fix: for a local stack, pass the URL that its scripts/up prints, and set" in printed
    assert "RECORDS_CONNECTION to its .local/connection.json" in printed


def test_callers_do_not_show_their_secrets() -> None:
    callers: list[Any] = [
        Caller(URL, "r", "id", SECRET, SECRET),
        sign_in.ChainCaller(URL, "r", "", "", credentials=SECRET),
        sign_in.TokenCaller(URL, "", "", "", token=lambda: SECRET),
    ]
    assert SECRET not in repr(callers)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"records_url": "x"}', '{"records_url": "x", "region": "y"}']
)
def test_damaged_connection_file_is_reported(content: str, tmp_path: Path) -> None:
    (tmp_path / "connection.json").write_text(content)
    with pytest.raises(Failure, match=r"connection\.json is damaged") as failure:
        local.read(tmp_path / "connection.json")
    assert "scripts/up" in failure.value.remedy


def test_local_stack_chooses_the_key_of_the_verb(
    folder: Path, calls: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --as; a token in the environment is for another service."""
    monkeypatch.setenv(local.VARIABLE, str(connection(folder / "connection.json")))
    monkeypatch.setenv(tokens.TOKEN, "token")
    assert run(monkeypatch, "get", "x") == 0
    assert run(monkeypatch, "get", "x", "--as", "auditor") == 0
    assert [caller.access_key_id for caller in calls] == ["reader", "auditor"]
