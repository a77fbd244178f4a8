"""Prints shell commands that point Terraform, the AWS CLI and SDKs in this shell at the local stack's emulator.

Use it as: eval "$(scripts/env)"
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from lib.console import Failure, main
from lib.emulator import EMULATOR, REGION
from lib.paths import ROOT, TOOLS
from lib.terraform_setup import find_binary

_NAME = re.compile(r"AWS_[A-Z0-9_]+")
# They change how the AWS CLI shows things, not what it talks to.
_KEPT = {"AWS_PAGER", "AWS_DEFAULT_OUTPUT", "AWS_CLI_AUTO_PROMPT"}


def settings(url: str) -> dict[str, str]:
    """Return the variables for AWS clients. The keys are those of the emulator's root, which may do everything."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def for_terraform(inherited: Mapping[str, str], config: Path, binary: str) -> dict[str, str]:
    """Return what a shell with these variables needs to run Terraform as scripts/up runs it.

    That is the provider mirror of scripts/up, unless the user has a CLI configuration, and the
    Terraform of scripts/up, unless there is one on PATH.
    """
    needed = {}
    own = inherited.get("TF_CLI_CONFIG_FILE") or f"{inherited.get('HOME', '')}/.terraformrc"
    if config.exists() and not Path(own).exists():
        needed["TF_CLI_CONFIG_FILE"] = str(config)
    if shutil.which("terraform", path=inherited.get("PATH")) is None:
        needed["PATH"] = f"{Path(binary).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return needed


def commands(variables: Mapping[str, str], inherited: Mapping[str, str]) -> list[str]:
    """Return the shell commands that set `variables` and unset what would point AWS clients elsewhere.

    Each ends in a semicolon, so that they also work when a shell joins the lines.
    """
    others = sorted(
        name
        for name in inherited
        if _NAME.fullmatch(name) and name not in variables and name not in _KEPT
    )
    exports = [f"export {name}={quote(value)};" for name, value in sorted(variables.items())]
    return [f"unset {' '.join(others)};", *exports] if others else exports


def _verb() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/env",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="It sets the endpoint, region and keys of the emulator, and unsets every other AWS variable. Where\n"
        "needed, it also sets PATH and TF_CLI_CONFIG_FILE to the Terraform and the provider of scripts/up.\n"
        'To undo it, leave the shell. For one command: (eval "$(scripts/env)"; terraform apply)',
    )
    parser.parse_args()
    if EMULATOR.pid() is None:
        raise Failure("no local stack is running", "run scripts/up")
    binary = find_binary((ROOT / ".terraform-version").read_text().strip())
    inherited = dict(os.environ)
    variables = settings(EMULATOR.url) | for_terraform(inherited, TOOLS / "terraform.rc", binary)
    print("\n".join(commands(variables, inherited)))
    if sys.stdout.isatty():
        print('apply these with: eval "$(scripts/env)"', file=sys.stderr)


if __name__ == "__main__":
    main(_verb)
