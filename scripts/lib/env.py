"""Prints shell commands that make Terraform, the AWS CLI and SDKs use the local stack's emulator.

Usage: eval "$(scripts/env)"
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from lib.console import Failure, argument_parser, main
from lib.emulator import EMULATOR, REGION
from lib.paths import ROOT, TOOLS
from lib.terraform_setup import find_binary

_NAME = re.compile(r"AWS_[A-Z0-9_]+")
# These change the output of the AWS CLI, not its endpoint or credentials.
_KEPT = {"AWS_PAGER", "AWS_DEFAULT_OUTPUT", "AWS_CLI_AUTO_PROMPT"}


def settings(url: str) -> dict[str, str]:
    """Return the variables for AWS clients, with the keys of the emulator's root user."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_DEFAULT_REGION": REGION,  # for the AWS CLI and boto3, which do not read AWS_REGION
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def for_terraform(inherited: Mapping[str, str], config: Path, binary: str) -> dict[str, str]:
    """Return the variables that make a shell run Terraform as scripts/up does.

    `inherited` are the shell's variables. The provider mirror (`config`) is added unless the user
    has a CLI configuration file, and `binary` unless there is a Terraform on PATH.
    """
    needed = {}
    users_file = inherited.get("TF_CLI_CONFIG_FILE") or f"{inherited.get('HOME', '')}/.terraformrc"
    if config.exists() and not Path(users_file).exists():
        needed["TF_CLI_CONFIG_FILE"] = str(config)
    if shutil.which("terraform", path=inherited.get("PATH")) is None:
        needed["PATH"] = f"{Path(binary).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return needed


def commands(variables: Mapping[str, str], inherited: Mapping[str, str]) -> list[str]:
    """Return shell commands that set `variables` and unset every other AWS variable in `inherited`.

    Each command ends in a semicolon, so that they also work when a shell joins the lines.
    """
    others = sorted(
        name
        for name in inherited
        if _NAME.fullmatch(name) and name not in variables and name not in _KEPT
    )
    exports = [f"export {name}={quote(value)};" for name, value in sorted(variables.items())]
    return [f"unset {' '.join(others)};", *exports] if others else exports


def _verb() -> None:
    parser = argument_parser(
        prog="scripts/env",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="The commands set the endpoint, region and keys of the emulator and unset every\n"
        "other AWS variable. If needed, they also set PATH and TF_CLI_CONFIG_FILE to the\n"
        "Terraform and the provider of scripts/up. To undo them, exit the shell. For one command:\n"
        '(eval "$(scripts/env)"; terraform apply)',
    )
    parser.parse_args()
    if EMULATOR.pid() is None:
        raise Failure("the local stack is not running", "run scripts/up")
    binary = find_binary((ROOT / ".terraform-version").read_text().strip())
    inherited = dict(os.environ)
    variables = settings(EMULATOR.url) | for_terraform(inherited, TOOLS / "terraform.rc", binary)
    print("\n".join(commands(variables, inherited)))
    if sys.stdout.isatty():
        print('apply these with: eval "$(scripts/env)"', file=sys.stderr)


if __name__ == "__main__":
    main(_verb)
