"""Proves the promise of the history under faults: one entry for each acknowledged write.

Eight clients change the same records while calls to DynamoDB fail, and the emulator is restarted
halfway. A consumer follows the change feed meanwhile. Then a checker compares what they were told
with the tables, histories, the feed and the lists. Exits with 1 if they disagree.
"""

import importlib
import json
import sys
import tempfile
from pathlib import Path

from lib import venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT

_SHOWN = 20


def _verb() -> None:
    parser = argument_parser(prog="scripts/campaign", description=__doc__)
    parser.add_argument("--operations", type=int, default=20_000, metavar="N", help="20000")
    parser.add_argument("--seed", default="1", help="faults and requests follow from it")
    parser.add_argument("-o", "--output", type=Path, help="write the report to this JSON file")
    options = parser.parse_args()
    venvs.run_in("dev", "lib.campaign")
    sys.path.append(str(ROOT / "tests"))
    campaign = importlib.import_module("campaign.run")
    with (
        tempfile.TemporaryDirectory(prefix="records-campaign-") as folder,
        step(f"campaign of {options.operations} requests") as current,
    ):
        result = campaign.run(options.operations, options.seed, Path(folder), follow=True)
        current.note = f"{result.report['entries']} entries, {len(result.problems)} problems"
    text = json.dumps(result.report, indent=2) + "\n"
    print(text, end="")
    if result.problems:
        print(*result.problems[:_SHOWN], sep="\n")
        raise Failure(
            f"{len(result.problems)} problems; the first are above",
            f"repeat it with --seed {options.seed} --operations {options.operations}",
        )
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main(_verb)
