"""Makes the screenshots of the viewer in docs/, with the sample records of its tests."""

import importlib
import sys
from pathlib import Path

from lib import browser, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT, shown

MAX_BYTES = 200_000


def _verb() -> None:
    parser = argument_parser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs", help="docs")
    options = parser.parse_args()
    venvs.run_in("dev", "lib.screenshots")
    if browser.ensure() is None:
        remedy = f"install chromium, or set {browser.VARIABLE} to the path of a browser"
        raise Failure("no Chromium or Chrome was found", remedy)
    sys.path.append(str(ROOT / "tests"))
    samples = importlib.import_module("viewer.samples")
    for name, image in samples.screenshots():
        with step(name) as current:
            path = options.output / name
            path.write_bytes(image)
            current.note = f"{shown(path)}, {len(image):,} bytes"
            if len(image) > MAX_BYTES:
                raise Failure(f"{name} has more than {MAX_BYTES} bytes", "show less, or smaller")


if __name__ == "__main__":
    main(_verb)
