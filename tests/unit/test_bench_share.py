"""The share of a processor that scripts/bench gives to a function."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.bench import share

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scripts/bench runs on Linux")


@pytest.mark.parametrize("mechanism", ["default", share.SIGNALS])
def test_process_gets_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mechanism: str
) -> None:
    if mechanism == share.SIGNALS:
        monkeypatch.setattr(share, "_GROUPS", tmp_path / "absent")
        assert share.mechanism() == share.SIGNALS
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with share.limited(process, 0.1):
        before, began = share.processor_milliseconds(process.pid), time.monotonic()
        time.sleep(0.5)
        used = share.processor_milliseconds(process.pid) - before
        milliseconds = (time.monotonic() - began) * 1000
        process.kill()
        process.communicate()
    # Half of the time or less, even if this process was not scheduled for some periods.
    assert 0 < used < milliseconds * 0.2
