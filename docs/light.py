"""Make ``bcp-light.pyz``: all of bcp as one file, for machines that only look (``bcp probe``) and have no vendors' packages.

It needs Python 3.11 with typer, pydantic, PyYAML, aiohttp, dnspython and idna; msgraph-sdk, azure-identity, twilio and
slack_sdk are imported by the plug-ins that use them, and by nothing else. Run: ``python3 bcp-light.pyz probe --help``.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAIN = "from bcp.cli.main import main\nmain()\n"


def make(target: Path) -> None:
    """Write the file. The same tree gives the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {p.relative_to(ROOT).as_posix(): p for p in (ROOT / "bcp").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    files |= {f"bcp/_playbooks/{p.relative_to(ROOT / 'playbooks').as_posix()}": p for p in (ROOT / "playbooks").rglob("*") if p.is_file()}
    with target.open("wb") as out:
        out.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("__main__.py"), MAIN)
            for name in sorted(files):
                archive.writestr(zipfile.ZipInfo(name), files[name].read_bytes(), zipfile.ZIP_DEFLATED)
    target.chmod(0o755)


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "bcp-light.pyz"))
