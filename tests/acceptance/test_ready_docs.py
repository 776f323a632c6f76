"""The pages about readiness and evidence: every command in them is typed, in their order, in a lab that has both."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from acceptance.conftest import Lab
from project.test_docs import commands
from support import ROOT

ENDS = {"bcp evidence explain": {3}, "bcp ready": {0, 3}}
"""What a command may end with, where it is not 0: a lab has no copies of its state and was never rehearsed."""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Lab:
    found = Lab(tmp_path_factory.mktemp("pages"), patience_s=20, every_s=2.0)
    path = found.folder / "bcp.yaml"
    data = yaml.safe_load(path.read_text())
    (found.folder / "auditor").mkdir()
    data["readiness"] = {"owner": ["group:oncall"], "drill_every": "92d"}
    data["evidence"] = {"witnesses": {"auditor": {"folder": "auditor"}}}
    path.write_text(yaml.safe_dump(data))
    yield found
    found.stop()


@pytest.mark.parametrize("page", ["readiness", "evidence"])
def test_every_command_of_the_page_runs(place: Lab, page: str) -> None:
    lines = commands(ROOT / "docs" / "howto" / f"{page}.md")
    assert len(lines) >= 5
    for line in lines:
        done = place.run(*shlex.split(line)[1:], cwd=place.folder)
        wanted = next((codes for name, codes in ENDS.items() if line.startswith(name)), {0})
        assert done.returncode in wanted and "Traceback" not in done.stderr, f"{line}\n{done.stdout}{done.stderr}"
        if "json" in line:
            assert json.loads(done.stdout)["schema"] == "bcp.ready/1"
    if page == "evidence":
        folder = place.folder / "handed-over"
        done = subprocess.run([sys.executable, "-I", str(folder / "verify.py"), "--witness",
                               str(place.folder / "auditor")], capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0 and "Unaltered" in done.stdout, done.stdout + done.stderr
        assert not [s for s in Path(place.folder / "secrets").iterdir() if _anywhere(folder, s.read_bytes().strip())]


def _anywhere(folder: Path, value: bytes) -> bool:
    return any(value in p.read_bytes() for p in folder.rglob("*") if p.is_file())
