"""A short soak: the package answers mixed requests, and stores each acknowledged write once."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from campaign import soak
from lib.package import PACKAGE


@pytest.mark.full
def test_short_soak_loses_nothing(tmp_path: Path) -> None:
    plan = soak.Plan(minutes=1 / 3, clients=8, seed="1")
    with patch.dict(os.environ):  # it becomes that of the function
        result = soak.soak(plan, PACKAGE / "records-api.zip", tmp_path, print)
    assert result["problems"] == []
    assert result["entries"] > 100
    assert len(result["readings"]) == 2
