"""Limits a process to the share of a processor that a function's memory brings."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

# A function with 1,769 MB of memory has one virtual processor, and one with less has its share
# (AWS Lambda Developer Guide, "Configure Lambda function memory").
MEGABYTES_PER_PROCESSOR = 1769
QUOTA, SIGNALS = "quota of a cgroup", "SIGSTOP and SIGCONT"
_PERIOD_SECONDS = 0.02
_CPUCLOCK_SCHED = 2  # Linux, clock_getcpuclockid(3): all threads of a process, in nanoseconds
# The controller of version 1 (Linux, "CFS Bandwidth Control"); creating a group in it needs root.
_GROUPS = Path("/sys/fs/cgroup/cpu")


def of_memory(megabytes: int) -> float:
    """Return the fraction of one processor that a function with so much memory has."""
    return megabytes / MEGABYTES_PER_PROCESSOR


def processor_milliseconds(pid: int) -> float:
    """Return the processor time that a process has used. Raises OSError after its end."""
    return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) / 1e6


def mechanism() -> str:
    """Return what limits a process here: QUOTA, or else SIGNALS."""
    with _group(1.0) as group:
        return QUOTA if group else SIGNALS


@contextmanager
def limited(process: "subprocess.Popen[bytes]", fraction: float) -> Iterator[None]:
    """Let a process use at most this fraction of one processor, until the process has ended.

    The kernel limits it in periods of 20 ms, if this program may create a cgroup. Otherwise the
    process is stopped while it is ahead of its share.
    """
    with _group(fraction) as group:
        if group:
            (group / "cgroup.procs").write_text(str(process.pid))
        else:
            threading.Thread(target=_alternate, args=(process, fraction), daemon=True).start()
        yield


@contextmanager
def _group(fraction: float) -> Iterator[Path | None]:
    """Yield a new cgroup with a quota, or None if there can be none. It is empty at the end."""
    group = _GROUPS / f"records-bench-{os.getpid()}-{threading.get_ident()}"
    if not _is_created(group, fraction):
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def _is_created(group: Path, fraction: float) -> bool:
    period = int(_PERIOD_SECONDS * 1e6)
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text(str(period))
        (group / "cpu.cfs_quota_us").write_text(str(int(period * fraction)))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return False
    return True


def _alternate(process: "subprocess.Popen[bytes]", fraction: float) -> None:
    """Stop and continue the process, so that it uses at most this fraction of one processor."""
    longest = fraction * _PERIOD_SECONDS * 1000
    with contextlib.suppress(OSError):  # the process has ended
        credit, used, now = 0.0, processor_milliseconds(process.pid), time.monotonic()
        while process.poll() is None:
            time.sleep(_PERIOD_SECONDS / 10)
            used_before, before = used, now
            used, now = processor_milliseconds(process.pid), time.monotonic()
            credit += (now - before) * 1000 * fraction - (used - used_before)
            credit = min(credit, longest)
            process.send_signal(signal.SIGSTOP if credit < 0 else signal.SIGCONT)
