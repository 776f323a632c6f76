"""The coverage gate: what it counts, and that it can fail."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rooms import Count, judge, main, room_of, rooms_of
from support import ROOT


def report(**percent: tuple[int, int]) -> dict:
    """A report as coverage writes it: file to (there, ran); a quarter of each are branches."""
    return {
        "files": {
            f"bcp/{name.replace('__', '/')}.py": {
                "summary": {
                    "num_statements": there - there // 4,
                    "covered_lines": ran - ran // 4,
                    "num_branches": there // 4,
                    "covered_branches": ran // 4,
                }
            }
            for name, (there, ran) in percent.items()
        }
    }


@pytest.mark.parametrize(
    ("path", "room"),
    [("bcp/mx/rules.py", "mx"), ("bcp/plugins/dns/rfc2136.py", "plugins"), ("bcp/registry.py", "registry")],
)
def test_a_file_belongs_to_the_first_folder_below_the_package(path: str, room: str) -> None:
    assert room_of(path) == room


def test_rooms_add_up_lines_and_branches_of_their_files() -> None:
    rooms = rooms_of({"bcp/mx/a.py": Count(10, 5), "bcp/mx/b/c.py": Count(30, 29), "bcp/replay.py": Count(4, 4)})
    assert rooms == {"mx": Count(40, 34), "replay": Count(4, 4)}
    assert (rooms["mx"].percent, rooms["mx"].missing) == (85.0, 6)
    assert Count().percent == 100.0  # a room of empty files lacks nothing


def test_at_the_floor_passes_and_below_it_fails_with_the_worst_files() -> None:
    lines, holds = judge(report(mx__a=(100, 85), kit__a=(100, 100)))
    assert holds and len(lines) == 2
    assert lines[0].split()[:3] == ["kit", "100.0", "%"]
    lines, holds = judge(report(mx__a=(100, 85), kit__good=(100, 100), kit__bad=(100, 40)))
    assert not holds
    assert "kit is under 85 %" in "\n".join(lines) and "bcp/kit/bad.py: 40.0 %, 60 missing" in "\n".join(lines)
    assert "bcp/mx/a.py" not in "\n".join(lines)


def test_the_exit_code_says_whether_it_holds(tmp_path: Path, capsys) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report(mx__a=(8, 8))))
    assert main(str(path)) == 0
    path.write_text(json.dumps(report(mx__a=(8, 4))))
    assert main(str(path)) == 1
    assert "50.0 %" in capsys.readouterr().out


def test_the_gate_is_ninety_percent_of_lines_and_branches_of_everything() -> None:
    """No file is left out, and children are measured."""
    coverage = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert coverage["report"]["fail_under"] >= 90
    run = coverage["run"]
    assert run["branch"] and run["sigterm"] and run["source"] == ["bcp"] and "subprocess" in run["patch"]
    assert not {"omit", "include"} & (set(run) | set(coverage["report"]))


def test_a_daemon_that_is_ended_by_sigterm_is_counted(tmp_path: Path) -> None:
    """A package of two lines, run in a child that a child starts, is ended by SIGTERM and counted all the same."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    lines = [f"{k} = {json.dumps(v)}" for k, v in config.items()]
    (tmp_path / "pyproject.toml").write_text("\n".join(["[tool.coverage.run]", *lines]) + "\n")
    (tmp_path / "bcp").mkdir()
    (tmp_path / "bcp" / "__init__.py").write_text("")
    (tmp_path / "bcp" / "__main__.py").write_text("import signal\nprint('up', flush=True)\nsignal.pause()\n")
    (tmp_path / "start.py").write_text(
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'bcp'], stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\np.terminate()\np.wait()\n"
    )
    (tmp_path / ".coverage").mkdir()
    run = [sys.executable, "-m", "coverage"]
    clean = {"PATH": "/usr/bin:/bin"}
    for arguments in (["run", "start.py"], ["combine", "-q"], ["json", "-q", "-o", "out.json"]):
        subprocess.run([*run, *arguments], cwd=tmp_path, env=clean, check=True, timeout=120)
    found = json.loads((tmp_path / "out.json").read_text())["files"]
    assert found["bcp/__main__.py"]["executed_lines"][:2] == [1, 2]  # the third may not have begun when it was ended
