"""Runs a function as Lambda does, under Lambda's own runtime client, and measures it.

The Runtime API is a server on loopback in this process (AWS Lambda Developer Guide, "Using the
Lambda runtime API"). Processor time is read from the kernel's clock of the function's process, so
it includes all threads, and the function needs no instrumentation.
"""

import json
import os
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from lib.bench import share
from lib.console import Failure

_LAUNCH = Path(__file__).with_name("launch.py")
_INVOCATION = "/2018-06-01/runtime/invocation/"
_ANSWER_SECONDS = 120.0  # with a twentieth of a processor, too


class Subject(NamedTuple):
    """A function to measure: its name in results, its label in charts, and how to run it."""

    name: str
    label: str
    handler: str
    folder: Path
    environment: Mapping[str, str]


class Moment(NamedTuple):
    """The processor time of the function's process and the monotonic time, in milliseconds."""

    cpu: float
    wall: float


class Sample(NamedTuple):
    """What one invocation took, in milliseconds, and its response."""

    cpu: float
    wall: float
    response: Any


class Cold(NamedTuple):
    """What a start took, in milliseconds, up to the first answered request.

    `init` begins when the runtime client is loaded and the function's module is not. `start_...`
    begins with the process.
    """

    init_cpu: float
    init_wall: float
    answer_cpu: float
    answer_wall: float
    start_cpu: float
    start_wall: float


class Runtime:
    """One execution environment of a function, from its start to its end.

    It starts with the context and waits for the end of the function's init. With `fraction`, it
    gets that fraction of one processor. With `log`, what the function logs is written to that file.
    """

    def __init__(
        self,
        python: Path,
        subject: Subject,
        fraction: float | None = None,
        log: Path = Path(os.devnull),
    ) -> None:
        self._python = python
        self._fraction = fraction
        self._log = log
        self.subject = subject
        self._arrivals: queue.Queue[tuple[str, Moment, Any]] = queue.Queue()
        self._events: queue.Queue[Any] = queue.Queue()
        self._limits = ExitStack()

    def __enter__(self) -> Self:
        self._server = _server(self)
        reader, writer = os.pipe()
        with self._log.open("ab") as log:
            try:
                self._started = time.monotonic_ns() / 1e6
                self.process = subprocess.Popen(
                    [self._python, _LAUNCH, self.subject.handler, str(writer)],
                    cwd=self.subject.folder,
                    env=self._environment(log.fileno()),
                    pass_fds=[writer, log.fileno()],
                    stdout=log,
                    stderr=subprocess.PIPE,
                )
            finally:
                os.close(writer)
        if self._fraction:
            self._limits.enter_context(share.limited(self.process, self._fraction))
        with os.fdopen(reader) as pipe:
            marked = pipe.read().split()
        if not marked:
            self.__exit__()
            raise self._failure("did not start")
        self._marked = Moment(*(int(number) / 1e6 for number in marked))
        _, self._ready, _ = self._arrival()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self._errors = self.process.communicate()[1].decode(errors="replace")
        self._limits.close()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any) -> Sample:
        """Return what one invocation took. Raises Failure if the function does not answer."""
        before = self._now()
        self._events.put(event)
        kind, after, response = self._arrival()
        if kind != "response":
            raise Failure(
                f"{self.subject.label} failed: {json.dumps(response)[:500]}",
                "correct its handler, or report it if it is the package",
            )
        if self._arrival()[0] != "next":
            raise Failure(f"{self.subject.label} answered twice", "correct its handler")
        return Sample(after.cpu - before.cpu, after.wall - before.wall, response)

    def first(self, event: Any) -> tuple[Cold, Any]:
        """Return what the start and the first invocation took together, and its response."""
        sample = self.invoke(event)
        init_cpu = self._ready.cpu - self._marked.cpu
        init_wall = self._ready.wall - self._marked.wall
        cold = Cold(
            init_cpu,
            init_wall,
            init_cpu + sample.cpu,
            init_wall + sample.wall,
            self._ready.cpu + sample.cpu,
            self._ready.wall - self._started + sample.wall,
        )
        return cold, sample.response

    def peak_megabytes(self) -> float:
        """Return the largest resident size of the process so far."""
        return self.megabytes("VmHWM")

    def megabytes(self, name: str) -> float:
        """Return a size of the process from /proc/PID/status: VmRSS is the resident size now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kibibytes = next(line.split()[1] for line in status.splitlines() if name in line)
        return int(kibibytes) * 1024 / 1e6

    def _now(self) -> Moment:
        cpu = share.processor_milliseconds(self.process.pid)
        return Moment(cpu, time.monotonic_ns() / 1e6)

    def _arrival(self) -> tuple[str, Moment, Any]:
        """Return the function's next request to the Runtime API."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._arrivals.get(timeout=1)
            except queue.Empty:
                if self.process.poll() is not None:
                    break
        self.__exit__()
        raise self._failure("did not answer")

    def _failure(self, what: str) -> Failure:
        return Failure(f"{self.subject.label} {what}", "see its output above", report=self._errors)

    def _environment(self, log: int) -> dict[str, str]:
        return {
            **self.subject.environment,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": "records-bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "LAMBDA_TASK_ROOT": str(self.subject.folder),
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's file system is read-only
            "_LAMBDA_TELEMETRY_LOG_FD": str(log),
        }


def _server(runtime: Runtime) -> ThreadingHTTPServer:
    """Start the Runtime API of one execution environment."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for each response
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            runtime._arrivals.put(("next", runtime._now(), None))
            event = runtime._events.get()
            if event is not None:
                self.reply(200, json.dumps(event).encode())

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            kind, now = self.path.rpartition("/")[2], runtime._now()
            runtime._arrivals.put((kind, now, json.loads(content)))
            self.reply(202, b"{}")

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("lambda-runtime-aws-request-id", str(uuid.uuid4()))
            deadline = time.time_ns() // 1_000_000 + 29_000
            self.send_header("lambda-runtime-deadline-ms", str(deadline))
            self.send_header("lambda-runtime-trace-id", "Root=1-5e9d0a5f-0;Sampled=0")
            self.send_header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:records-bench",
            )
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    return server
