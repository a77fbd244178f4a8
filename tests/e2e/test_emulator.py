"""The emulator's server process: start, requests, copies of the state, stop."""

import http.client
import io
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import copies
from e2e.support import wait_for
from lib import emulator_server, venvs
from lib.emulator import HOST, Emulator

# Returns the modules that a function can import.
PROBE = """
import importlib.util
def handler(event, context):
    return [name for name in event if importlib.util.find_spec(name)]
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    server = Emulator(tmp_path / "emulator", tmp_path / "log")
    yield server
    server.stop()


def test_idle_connection_is_kept_for_a_day() -> None:
    """When the emulator closes it, the response to a request in transit is lost."""
    code = (
        "import runpy, sys; "
        "print(runpy.run_path(sys.argv[1])['configuration']('h', 1).keep_alive_timeout)"
    )
    result = subprocess.run(
        [venvs.python("emulator"), "-P", "-c", code, emulator_server.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout) == 24 * 60 * 60


def test_functions_cannot_import_the_project(emulator: Emulator) -> None:
    emulator.start(persist=False)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("probe.py", PROBE)
    role = copies.aws(emulator.url, "iam").create_role(
        RoleName="probe", AssumeRolePolicyDocument="{}"
    )
    functions = copies.aws(emulator.url, "lambda")
    functions.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": content.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="probe")
    names = ["json", "ministack", "lib", "emulator_server", "fire_drill", "records_api"]
    response = functions.invoke(FunctionName="probe", Payload=json.dumps(names))
    assert json.load(response["Payload"]) == ["json", "ministack"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_limit_of_open_files_is_raised_to_its_maximum(emulator: Emulator) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        emulator.start(persist=False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    text = Path(f"/proc/{emulator.pid()}/limits").read_text()
    (line,) = [each for each in text.splitlines() if each.startswith("Max open files")]
    assert int(line.split()[3]) == limits[1]


def test_stop_with_open_connections_saves_the_state(emulator: Emulator) -> None:
    emulator.start()
    idle = http.client.HTTPConnection(HOST, emulator.port)
    idle.request("GET", "/_ministack/ready")
    idle.getresponse().read()
    sqs = copies.aws(emulator.url, "sqs")
    sqs.create_queue(QueueName="copied")
    assert wait_for(lambda: emulator.last_copy() is not None, 60)
    sqs.create_queue(QueueName="kept")
    assert emulator.stop()
    idle.close()
    assert not emulator.was_killed()
    emulator.start()
    assert copies.aws(emulator.url, "sqs").get_queue_url(QueueName="kept")


def test_saved_queries_are_supported(emulator: Emulator) -> None:
    emulator.start()
    logs = copies.aws(emulator.url, "logs")
    query = {"name": "a", "queryString": "fields @message", "logGroupNames": ["group"]}
    key = logs.put_query_definition(**query)["queryDefinitionId"]
    logs.put_query_definition(name="b", queryString="limit 1")
    emulator.stop()
    emulator.start()
    logs.put_query_definition(**query | {"name": "aa", "queryDefinitionId": key})
    queries = logs.describe_query_definitions(queryDefinitionNamePrefix="a")["queryDefinitions"]
    assert queries == [query | {"name": "aa", "queryDefinitionId": key}]
    elsewhere = copies.aws(emulator.url, "logs", region_name="eu-west-1")
    assert elsewhere.describe_query_definitions()["queryDefinitions"] == []
    assert logs.delete_query_definition(queryDefinitionId=key)["success"]
    left = logs.describe_query_definitions()["queryDefinitions"]
    assert [each["name"] for each in left] == ["b"]
