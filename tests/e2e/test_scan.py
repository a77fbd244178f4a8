"""The policy scan of the applied local stack.

test_operate.py has that of environments/dev, and test_environments.py that of environments/prod.
"""

from pathlib import Path

from e2e.policies import reported
from lib import scan
from lib.stack import Stack


def test_local_stack_follows_the_policies(stack: Stack, tmp_path: Path) -> None:
    with reported():
        scan.check_applied(stack, tmp_path)
