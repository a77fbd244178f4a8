"""Eight clients change the same records while calls fail: no write is lost, doubled or invented."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from campaign import run

SEED = "1"


@pytest.mark.parametrize("operations", [2_000, pytest.param(20_000, marks=pytest.mark.full)])
def test_every_acknowledged_write_has_one_entry(tmp_path: Path, operations: int) -> None:
    with patch.dict(os.environ):  # it becomes that of the function
        result = run.run(operations, SEED, tmp_path)
    assert result.problems == []
    print(result.report)
