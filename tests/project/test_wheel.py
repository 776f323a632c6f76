"""The distribution: its name, its commands, and that a wheel works in any folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

from support import ROOT

ASKED_FOR = {"typer", "msgraph-sdk", "dnspython", "twilio", "jinja2"}


def test_the_name_is_ours_and_what_was_asked_for_stays() -> None:
    """``bcp`` belongs to somebody else, as a package and as SQL Server's bulk copy; no hint or page names it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "bcp-mail" and set(project["scripts"]) == {"bcp", "bcp-mail"}
    assert {re.split(r"[<>=\[]", d)[0].lower() for d in project["dependencies"]} >= ASKED_FOR
    hints = [
        p
        for p in [*(ROOT / "bcp").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
        if re.search(r"pip install '?bcp(\[|'|\s|$)", p.read_text())
    ]
    assert not hints, f"they name a stranger's package: {hints}"


def test_a_wheel_works_in_any_folder(tmp_path) -> None:
    """Playbooks, templates, schemas and types are in it; both commands are made."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("bcp_mail-*.whl")
    done = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(tmp_path / "site"), str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "site" / "bin").iterdir()} == {"bcp", "bcp-mail"}
    assert (tmp_path / "site" / "bcp" / "py.typed").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")} | {"PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, str(tmp_path / "site" / "bin" / "bcp-mail"), *arguments],
            cwd=elsewhere,
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    where = subprocess.run(
        [sys.executable, "-c", "import bcp; print(bcp.__file__)"],
        cwd=elsewhere,
        env=env,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(tmp_path)), where.stdout
    assert "exchange-inbound-outage" in run("playbook", "list")
    assert '"bcp.yaml, version 1"' in run("config", "schema")
