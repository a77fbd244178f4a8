"""The AWS emulator: starts it in the background on loopback, finds it again, and stops it."""

import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lib import emulator_server, venvs
from lib.console import Failure, last_line
from lib.paths import LOCAL, LOGS

HOST = "127.0.0.1"  # no other address: the emulator's reset call needs no credentials
REGION = "us-east-1"
_FIRST_PORT, _PORTS = 4600, 400
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_RESPONSE_SECONDS = 5.0


@dataclass(frozen=True)
class Emulator:
    """One emulator, identified by the folder that holds its state, its log and its pid file.

    The process inherits a lock on the pid file, and the kernel releases the lock when the process
    ends. So a pid that another program has reused is not mistaken for the emulator.
    """

    home: Path
    log: Path

    @property
    def port(self) -> int | None:
        """Return the recorded port, or None if there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.home / "port").read_text())
        return None

    @property
    def url(self) -> str:
        """Return the endpoint URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    def pid(self) -> int | None:
        """Return the process ID of the running emulator, or None."""
        try:
            with self._pid_file.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read())
        except FileNotFoundError:
            pass
        return None

    def was_killed(self) -> bool:
        """Return whether it ended without `stop`, so that changes since its last copy are lost."""
        return self._pid_file.exists() and self.pid() is None

    def last_copy(self) -> datetime | None:
        """Return the time of the copy that the next start restores, or None if there is none."""
        copy = emulator_server.newest(self._copies)
        return None if copy is None else datetime.fromtimestamp(copy.stat().st_mtime, UTC)

    @property
    def _copies(self) -> Path:
        return self.home / "copies"

    def responds(self, seconds: float = _RESPONSE_SECONDS) -> bool:
        """Return whether it responds within `seconds`."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=seconds)
        try:
            connection.request("GET", "/_ministack/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self, port: int | None = None, *, persist: bool = True) -> None:
        """Start it and wait until it responds.

        It uses `port`, otherwise the recorded port, otherwise a free one. With `persist`, it keeps
        its state for the next start. Raises Failure when the port is in use, or when it does not
        respond in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        port = port or self.port or free_port(self.home)
        if not is_free(port):
            raise Failure(
                f"port {port} is in use by another program",
                "stop that program, or choose another port: --port N",
            )
        (self.home / "port").write_text(f"{port}\n")
        self._spawn(port, persist=persist)
        self._wait_until_it_responds()

    def _spawn(self, port: int, *, persist: bool) -> None:
        """Start the process with the lock on the pid file, and record its ID there."""
        with self.log.open("a") as log, self._pid_file.open("a+") as pid_file:
            fcntl.flock(pid_file, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [venvs.python("emulator"), "-P", emulator_server.__file__, self._copies],
                env=self._environment(port, persist=persist),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[pid_file.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
            )
            # It outlives this program. Without a return code, Popen would warn about that.
            process.returncode = 0
            pid_file.truncate(0)
            pid_file.write(f"{process.pid}\n")

    def _wait_until_it_responds(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.responds(1):
            if self.pid() is None:
                self._pid_file.unlink(missing_ok=True)
                raise Failure(
                    f"the emulator exited during startup: {last_line(self.log)}",
                    "see its log",
                    self.log,
                )
            if time.monotonic() > deadline:
                self.stop()
                raise Failure(
                    f"the emulator did not respond within {_START_SECONDS:.0f} s",
                    "see its log",
                    self.log,
                )
            time.sleep(0.1)

    def stop(self) -> bool:
        """Stop it and wait until it has ended.

        Returns False if it had to be killed and so could not save its state.
        """
        pid = self.pid()
        graceful = True
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            graceful = self._gone_within(_STOP_SECONDS)
            # The rest of its process group: functions' processes, which outlive a killed emulator.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._gone_within(_STOP_SECONDS)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)  # a child only if this program started it
        if pid is not None and graceful:  # else the file shows `was_killed`
            self._pid_file.unlink()
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        return graceful

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _environment(self, port: int, *, persist: bool) -> dict[str, str]:
        # The user's variables are left out: functions inherit them, and AWS_PROFILE or a CA bundle
        # would change what functions do.
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            "AUTH": "true",
            "BIND_HOST": HOST,
            "CLOUDTRAIL_RECORDING": "1",
            "GATEWAY_PORT": str(port),
            "HOME": str(self.home),
            "IOT_MTLS_ENABLED": "0",
            "LANG": "C.UTF-8",
            "MINISTACK_REGION": REGION,
            "PATH": os.defpath,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(temporary),
        }
        if persist:
            state = self.home / "state"
            environment |= {
                "PERSIST_STATE": "1",
                "S3_DATA_DIR": str(self.home / "s3"),  # written at once, not copied
                "S3_PERSIST": "1",
                "STATE_DIR": str(state),
            }
        return environment


EMULATOR = Emulator(LOCAL / "emulator", LOGS / "emulator.log")  # the local stack's


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of the loopback address."""
    with socket.socket() as probe:
        # As servers do: closed connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(home: Path) -> int:
    """Return a free port. Raises Failure if there is none.

    The search begins at a port that depends on the folder `home`, so two clones choose different
    ports even if neither is running. An ephemeral port might be in use at the next start.
    """
    start = zlib.crc32(str(home).encode())
    ports = (_FIRST_PORT + (start + offset) % _PORTS for offset in range(_PORTS))
    port = next(filter(is_free, ports), None)
    if port is None:
        raise Failure(
            f"no free port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1}", "pass one: --port N"
        )
    return port
