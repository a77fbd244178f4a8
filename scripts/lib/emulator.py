"""The AWS emulator: starts it detached on loopback, finds it again, and stops it gracefully."""

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

HOST = "127.0.0.1"  # never another: its reset call needs no credentials
REGION = "us-east-1"
_FIRST_PORT, _PORTS = 4600, 400
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Emulator:
    """One emulator, identified by the folder that holds its state, its log and its pid file.

    The process inherits a lock on the pid file, so the kernel itself answers whether that process
    runs: a pid that another program got meanwhile is not mistaken for it, and a kill shows at once.
    """

    home: Path
    log: Path

    @property
    def port(self) -> int | None:
        """Return the port recorded for this emulator, if there is one."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.home / "port").read_text())
        return None

    @property
    def url(self) -> str:
        """Return its endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    def pid(self) -> int | None:
        """Return the id of the running process, or None."""
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
        """Return whether it is not running although nobody stopped it: changes since its last copy are lost."""
        return self._pid_file.exists() and self.pid() is None

    def last_copy(self) -> datetime | None:
        """Return when the copy was made that the next start restores, or None if there is none."""
        copy = emulator_server.newest(self._copies)
        return None if copy is None else datetime.fromtimestamp(copy.stat().st_mtime, UTC)

    @property
    def _copies(self) -> Path:
        return self.home / "copies"

    def answers(self, seconds: float = _ANSWER_SECONDS) -> bool:
        """Return whether it answers within so many seconds."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=seconds)
        try:
            connection.request("GET", "/_ministack/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self, port: int | None = None, *, persist: bool = True) -> None:
        """Start it, on `port`, else on the recorded port, else on a free one, and wait until it answers.

        Raises Failure when the port is taken or it does not answer in time.
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
                start_new_session=True,  # an interrupt in the terminal is not meant for it
            )
            # It outlives this program; without a return code, Popen would warn about that.
            process.returncode = 0
            pid_file.truncate(0)
            pid_file.write(f"{process.pid}\n")
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers(1):
            if self.pid() is None:
                self._pid_file.unlink()
                raise Failure(
                    f"the emulator exited at once: {last_line(self.log)}", "see its log", self.log
                )
            if time.monotonic() > deadline:
                self.stop()
                raise Failure(
                    f"the emulator did not answer within {_START_SECONDS:.0f} s",
                    "see its log",
                    self.log,
                )
            time.sleep(0.1)

    def stop(self) -> bool:
        """Stop it and wait until it is gone; return False if it had to be killed, so could not save its state."""
        pid = self.pid()
        graceful = True
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            graceful = self._gone_within(_STOP_SECONDS)
            # The session it leads: its functions' processes, which it cannot end itself when killed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._gone_within(_STOP_SECONDS)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)  # a child only where one program both starts and stops it
        self._pid_file.unlink(missing_ok=True)
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
        # Built from nothing: functions inherit it, and a caller's AWS_PROFILE or CA bundle would
        # change what they do.
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
                "S3_DATA_DIR": str(self.home / "s3"),  # written at once, so not part of the copies
                "S3_PERSIST": "1",
                "STATE_DIR": str(state),
            }
        return environment


EMULATOR = Emulator(LOCAL / "emulator", LOGS / "emulator.log")  # the one of scripts/up


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of the loopback address."""
    with socket.socket() as probe:
        # As servers do: connections that are closed already do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(home: Path) -> int:
    """Return a free port; the search begins at a port that depends on the folder.

    So two clones choose different ports even while neither runs, and the port stays free for the
    next start (an ephemeral port would not).
    """
    start = zlib.crc32(str(home).encode())
    ports = (_FIRST_PORT + (start + offset) % _PORTS for offset in range(_PORTS))
    port = next(filter(is_free, ports), None)
    if port is None:
        raise Failure(
            f"no free port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1}", "pass one: --port N"
        )
    return port
