"""The OpenAPI document as one HTML page that needs no network: Redoc, and the document in it.

Redoc is downloaded from npm in a pinned version. The page is about 1.2 MB, so it is not committed:
it is made when somebody wants to read it, and attached to each release.
"""

import base64
import hashlib
import html
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.console import Failure
from lib.paths import LOCAL, ROOT, shown

DOCUMENT = ROOT / "lambda" / "openapi.yaml"
PAGE = LOCAL / "api.html"
REDOC = "2.5.4"
INTEGRITY = (
    "M6jWhG1qoBnH6TFmzJnstyCZ87HmOY/UzDm78mHiYihEdlV/YcS9ogOo1NlElnJMeLsyxHFe2yFc4sNjHTrABQ=="
)
_MEMBER = "package/bundles/redoc.standalone.js"
# Only what is in the page: no request leaves the browser.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
    " worker-src blob:; font-src data:"
)
_OPTIONS = {"hideDownloadButtons": True, "sortRequiredPropsFirst": True}
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body {{ margin: 0; }}</style>
</head>
<body>
<div id="page"></div>
<script>{bundle}</script>
<script>
Redoc.init({document}, {options}, document.getElementById("page"));
</script>
</body>
</html>
"""


def page(document: Mapping[str, Any], bundle: str) -> str:
    """Return the page of an OpenAPI document; `bundle` is the text of redoc.standalone.js."""
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"{document['info']['title']} {document['info']['version']}"),
        bundle=bundle.replace("</script", "<\\/script"),
        # `<` could end the script.
        document=json.dumps(document, ensure_ascii=False).replace("<", "\\u003c"),
        options=json.dumps(_OPTIONS),
    )


def redoc(folder: Path = LOCAL / "redoc") -> str:
    """Return redoc.standalone.js of the pinned version, downloaded to `folder` if necessary.

    Raises Failure without npm, when the download fails, or when its SHA-512 differs.
    """
    packed = folder / f"redoc-{REDOC}.tgz"
    if not packed.exists():
        _download(folder)
    digest = hashlib.sha512(packed.read_bytes()).digest()
    if base64.b64encode(digest).decode() != INTEGRITY:
        raise Failure(
            f"the SHA-512 of {shown(packed)} differs from the pinned one",
            "delete the file and try again; if it differs again, do not use it",
        )
    with tarfile.open(packed) as archive:
        content = archive.extractfile(_MEMBER)
        if content is None:
            raise Failure(f"{shown(packed)} has no {_MEMBER}", "correct scripts/lib/api_page.py")
        return content.read().decode()


def _download(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Failure(
            "the page of the API needs npm, from which it takes Redoc", "install Node.js with npm"
        )
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [npm, "pack", f"redoc@{REDOC}", "--silent", "--pack-destination", folder],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise Failure(
            f"redoc {REDOC} could not be downloaded",
            "check the connection to the npm registry",
            report=result.stderr,
        )


def content() -> str:
    """Return the page of lambda/openapi.yaml. Raises Failure as `redoc` does."""
    import yaml

    return page(yaml.safe_load(DOCUMENT.read_text()), redoc())


def write() -> str:
    """Write the page of lambda/openapi.yaml to .local/; return where, and its size."""
    text = content()
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
    return f"{shown(PAGE)}, {len(text.encode()):,} bytes"
