"""Plans the examples of all modules, with mocks, with another Terraform or another AWS provider.

It runs `init`, `validate` and the tests of the examples in a copy of the modules. `scripts/test`
does that, and all other tests, with the pinned versions only. The provider comes from where the
binary finds it: the Terraform CLI configuration, a mirror or the registry.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lib import terraform
from lib.console import Failure, argument_parser, main, step
from lib.paths import LOGS, ROOT
from lib.terraform import Terraform

_EXAMPLES = Path("tests", "examples.tftest.hcl")
_OVERRIDE = """\
terraform {{
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = {version}
    }}
  }}
}}
"""


def modules(root: Path) -> list[Path]:
    """Return the modules below `root` that have examples."""
    return sorted(path.parents[1] for path in root.glob(f"modules/*/{_EXAMPLES}"))


def copy(target: Path, provider: str) -> None:
    """Copy the modules to `target`; each root takes the AWS provider by the constraint `provider`.

    Links are copied as the files that they point to. Other tests than those of the examples are
    left out: Terraform reads them all, and they may need a newer one.
    """
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    for name in ("lambda", "modules"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for module in modules(target):
        version = f'"{provider}"'
        for tests in set(module.glob("tests/*.tftest.hcl")) - {module / _EXAMPLES}:
            tests.unlink()
        (module / "provider_override.tf").write_text(_OVERRIDE.format(version=version))


def check(runner: Terraform, root: Path) -> Iterator[tuple[str, str]]:
    """Validate each module below `root` and plan its examples; yield its name and the result.

    Raises Failure, with the output, if one fails.
    """
    config = os.environ.get("TF_CLI_CONFIG_FILE")
    env = terraform.environment() | ({"TF_CLI_CONFIG_FILE": config} if config else {})
    for module in modules(root):
        for command in (
            ("init", "-backend=false", "-no-color"),
            ("validate", "-no-color"),
            ("test", "-no-color", f"-filter={_EXAMPLES}"),
        ):
            result = runner.call(module, *command, env=env)
            if result.code != 0:
                raise Failure(
                    f"{command[0]} failed in modules/{module.name}: {result.error}",
                    "see its output above",
                    report=result.output,
                )
        yield module.name, result.output.strip().splitlines()[-1]


def _verb() -> None:
    parser = argument_parser(prog="scripts/check-modules", description=__doc__)
    parser.add_argument("--binary", default="terraform", help="such as tofu; default: terraform")
    parser.add_argument(
        "--provider", default="5.100.0", help="a version constraint; default: 5.100.0"
    )
    arguments = parser.parse_args()
    binary = shutil.which(arguments.binary)
    if binary is None:
        raise Failure(f"{arguments.binary} is not on PATH", "install it, or pass --binary")
    runner = Terraform(binary, None, LOGS / "check-modules.log")
    with tempfile.TemporaryDirectory(prefix="records-modules-") as folder:
        copy(Path(folder), arguments.provider)
        results = check(runner, Path(folder))
        for _ in modules(Path(folder)):
            with step(f"{arguments.binary}, aws {arguments.provider}") as line:
                name, summary = next(results)
                line.note = f"{name}: {summary}"


if __name__ == "__main__":
    main(_verb)
