"""Files of reports: whatever became of one after it was written is named, here and by the program of an export."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bcp.contracts.store import Anchor
from bcp.deeds.evidence.export import export
from bcp.deeds.evidence.key import signing_key
from bcp.deeds.year import look_back, write_year
from bcp.kernel.errors import StorageError
from bcp.store.files.sealed import write_sealed
from bcp.store.sqlite.evidence import examine, examine_drill
from bcp.store.sqlite.state import SqliteState
from bcp.store.standalone_reports import FILES_OF_A_YEAR, FILES_OF_ONE, seals_of

from .test_evidence import HOUR, T0, Town, exercise

ANSWERS = {"people": 2, "answers": {"1": {"means": "safe", "people": ["alice"]}}, "unclear": [],
           "silent": ["bob"], "at": "2026-11-23T07:13:20Z"}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report, written twice, answers, a lab drill with a report, and the year."""
    folder = tmp_path_factory.mktemp("reports")
    town = Town(folder)
    town.lived("run-1", T0)
    town.noted(T0 + 950)
    lab = town.state / "drills" / "drill-1" / "state"
    lab.mkdir(parents=True)
    town.time.at = T0 + 1000
    write_sealed(SqliteState(lab).audit, town.time, lab / "reports" / "run-7", {"report.html": "<p>lab"})
    writer = town.app.running.reporter()
    writer.clock = town.time
    writer.keep_answers("run-1", ANSWERS)
    town.time.at = T0 + HOUR
    shutil.copy(town.state / "reports/run-1/report.json", folder / "older.json")
    writer.write_now("run-1", ("html", "json", "csv"))
    write_year(town.app, look_back(town.app))
    exercise(town.state, "drill-1", T0 + HOUR + 60, ["begun", "closed"])
    town.anchored(T0 + 2 * HOUR)
    return folder


@pytest.fixture
def town(written: Path, tmp_path: Path) -> Town:
    folder = tmp_path / "town"
    shutil.copytree(written, folder)
    (folder / "bcp.yaml").unlink()
    found = Town(folder)
    found.time.at = T0 + 3 * HOUR
    return found


def both(town: Town, secrets: tuple[str, ...] = ()) -> Iterator[tuple[list[str], list[str]]]:
    """What is wrong, and what is said without being wrong: here, then by what an export has for a program."""
    found = examine(SqliteState(town.state))
    yield list(found.reports), list(found.unsealed)
    pack = town.folder / "pack"
    export(town.state, pack, "Corp", signing_key(town.state, None), secrets)
    done = subprocess.run([sys.executable, "-I", pack / "verify.py"], capture_output=True, text=True, check=False)
    lines = [line[2:] for line in done.stdout.splitlines()[1:]]
    assert done.returncode in (0, 1) and done.stderr == ""
    loose = [line.split()[2] for line in lines if " is not sealed" in line]
    wrong = [line for line in lines if "reports/" in line and " is not sealed" not in line]
    assert (done.returncode == 1) == bool(wrong), done.stdout
    yield wrong, loose


def edit(name: str, text: str = "reached") -> Callable[[Town], object]:
    def alter(town: Town) -> None:
        path = town.state / name
        path.write_text(path.read_text() + text)

    return alter


def rename(name: str, to: str) -> Callable[[Town], object]:
    def alter(town: Town) -> None:
        (town.state / to).parent.mkdir(parents=True, exist_ok=True)
        (town.state / name).rename(town.state / to)

    return alter


ONE = "reports/run-1/"
LAB = "drills/drill-1/state/reports/run-7/report.html"
ALTERED: list[tuple[Callable[[Town], object], list[str]]] = [
    (edit(ONE + "report.html"), [ONE + "report.html was changed after it was written at 2026-"]),
    (edit(ONE + "report.json"), [ONE + "report.json was changed after it was written at 2026-"]),
    (edit(ONE + "findings.csv"), [ONE + "findings.csv was changed after it was written at 2026-"]),
    (edit(ONE + "answers.json", " "), [ONE + "answers.json was changed after it was written at 2026-"]),
    (edit("reports/year/coverage.csv"), ["reports/year/coverage.csv was changed after it was written at 2026-"]),
    (edit("reports/year/year.html"), ["reports/year/year.html was changed after it was written at 2026-"]),
    (edit(LAB), ["drill-1/reports/run-7/report.html was changed after it was written at 2026-"]),
    (lambda t: (t.state / LAB).unlink(), ["drill-1/reports/run-7/report.html is gone; it was written at 2026-"]),
    (lambda t: (t.state / ONE / "report.html").write_text(""), [ONE + "report.html was changed after it was written"]),
    (lambda t: (t.state / ONE / "findings.csv").unlink(), [ONE + "findings.csv is gone; it was written at 2026-"]),
    (lambda t: shutil.copy(t.folder / "older.json", t.state / ONE / "report.json"),
     [ONE + "report.json is the one of 2026-"]),
    (lambda t: shutil.copy(t.state / ONE / "report.json", t.state / ONE / "extra.json"),
     [ONE + "extra.json was put in: nobody wrote down that bcp made it"]),
    (lambda t: shutil.copytree(t.state / ONE, t.state / "reports/run-8"),
     [f"reports/run-8/{n} was put in: nobody wrote down that bcp made it"
      for n in ("answers.json", "findings.csv", "report.html", "report.json")]),
    (lambda t: (t.state / "reports/loose.html").write_text("x"),
     ["reports/loose.html was put in: nobody wrote down that bcp made it"]),
    (rename(ONE + "report.html", "reports/run-9/report.html"),
     [ONE + "report.html is gone; it was written at 2026-", "reports/run-9/report.html was put in"]),
]  # fmt: skip


def test_what_nobody_altered_is_found_unaltered(town: Town) -> None:
    assert [w for w, _ in both(town)] == [[], []]
    assert town.proved() == ()


@pytest.mark.parametrize(("alter", "wanted"), ALTERED)
def test_what_was_altered_is_said_by_name(town: Town, alter: Callable[[Town], object], wanted: list[str]) -> None:
    alter(town)
    for wrong, loose in both(town):
        assert len(wrong) == len(wanted) and loose == []
        assert all(w.startswith(x) for w, x in zip(wrong, wanted, strict=True)), wrong


@pytest.mark.parametrize(
    "name",
    [f"reports/{about}/{n}" for about in ("run-5", "drill-2", "inc-1") for n in FILES_OF_ONE]
    + [f"reports/year/{n}" for n in FILES_OF_A_YEAR],
)
def test_what_an_older_version_wrote_is_not_sealed_and_not_altered(tmp_path: Path, name: str) -> None:
    town = Town(tmp_path)
    town.lived("run-5", T0)
    town.noted(T0)
    exercise(town.state, "drill-2", T0 + 900, ["begun", "closed"])
    town.anchored(T0 + HOUR)
    path = town.state / name
    path.parent.mkdir(parents=True)
    path.write_text("of before")
    for wrong, loose in both(town):
        assert (wrong, loose) == ([], [name])


def test_a_report_that_is_written_anew_is_sealed_and_its_older_ones_stay_known(town: Town) -> None:
    writer = town.app.running.reporter()
    edit(ONE + "report.html")(town)
    town.time.at = T0 + 3 * HOUR
    writer.clock = town.time
    writer.write_now("run-1")
    assert [w for w, _ in both(town)] == [[], []]
    seals = seals_of((town.state / "audit.jsonl").read_text().splitlines())
    assert [at for _, at in seals[ONE + "report.json"].written] == [T0 + 1000, T0 + HOUR, T0 + 3 * HOUR]
    assert [at for _, at in seals[ONE + "findings.csv"].written] == [T0 + HOUR], "the rest is as it was"


@pytest.mark.parametrize("died", ["before", "after"])
def test_a_writer_that_died_between_its_two_lines_is_nobody_who_changed_something(town: Town, died: str) -> None:
    """Before or after the file itself came: either version is ours. A third one is not."""
    room = SqliteState(town.state)
    real = room.audit.anchor
    path = town.state / ONE / "report.html"
    old = path.read_text()

    class Dies:
        def anchor(self, one: Anchor) -> None:
            if one.status == "written":
                raise StorageError("the disk is full", hint="")
            real(one)

    with pytest.raises(StorageError):
        write_sealed(Dies(), town.time, path.parent, {"report.html": "new"})  # type: ignore[arg-type]
    assert path.read_text() == "new"
    if died == "before":
        path.write_text(old)
    assert [w for w, _ in both(town)] == [[], []]
    shutil.rmtree(town.folder / "pack")
    path.write_text("a third")
    assert [[x.split(" at ")[0] for x in w] for w, _ in both(town)] == [
        [ONE + "report.html was changed after it was written"]
    ] * 2


SPOILT = ["[]", "7", "{", '{"people": "2"}', *(json.dumps(ANSWERS | x) for x in (
    {"answers": {"1": 5}}, {"silent": None}, {"at": 5}, {"unclear": 1}))]  # fmt: skip


@pytest.mark.parametrize("text", SPOILT)
def test_answers_that_somebody_spoilt_break_no_report_and_are_told(town: Town, text: str) -> None:
    path = town.state / ONE / "answers.json"
    path.write_text(text)
    paths = town.app.running.reporter().write_now("run-1")
    assert json.loads(Path(paths["json"]).read_text()).get("answers") in ({}, None)
    assert [w.split(" at ")[0] for w in examine(SqliteState(town.state)).reports] == [
        ONE + "answers.json was changed after it was written"
    ]


def test_a_first_report_whose_writer_died_is_not_missed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    files = {"report.html": "0" * 64}
    SqliteState(town.state).audit.anchor(Anchor("reports/run-1", "0" * 64, "writing", T0, files=files))
    assert [w for w, _ in both(town)] == [[], []]


def test_two_who_write_the_same_report_do_not_look_like_somebody_who_changed_it(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lived("run-1", T0)
    folder = town.state / "reports" / "run-1"

    def write(who: int) -> None:
        audit = SqliteState(town.state).audit
        for i in range(10):
            write_sealed(audit, town.time, folder, {"report.html": f"{who} {i}"})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    statuses = [
        json.loads(x)["status"] for x in (town.state / "audit.jsonl").read_text().splitlines() if '"files"' in x
    ]
    assert statuses == ["writing", "written"] * 40
    assert [w for w, _ in both(town)] == [[], []]


@pytest.mark.parametrize("how", ["cut", "edit"])
def test_the_lines_that_seal_are_in_the_chain_and_the_signed_heads(town: Town, how: str) -> None:
    """Who changes a file and takes its line away, or writes another digest there, is found by chain or heads."""
    path = town.state / "audit.jsonl"
    lines = path.read_text().splitlines()
    at = max(i for i, x in enumerate(lines) if '"reports/run-1"' in x)
    if how == "cut":
        lines = lines[:at]
    else:
        row = json.loads(lines[at])
        row["files"]["report.html"] = "f" * 64
        lines[at] = json.dumps(row, sort_keys=True, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")
    if how == "edit":
        assert f"audit.jsonl:{at + 1} was changed" in examine(SqliteState(town.state)).damage
    else:
        assert [f for f in town.proved() if f.startswith("the audit file has lost its newest")]


def test_of_one_run_or_exercise_its_own_reports_count(town: Town) -> None:
    edit(ONE + "report.html")(town)
    edit(LAB)(town)
    edit("reports/year/year.json")(town)
    room = SqliteState(town.state)
    assert [w.split()[0] for w in examine(room, ["run-1"]).reports] == [ONE + "report.html"]
    assert [w.split()[0] for w in examine_drill(room, "drill-1").reports] == ["drill-1/reports/run-7/report.html"]
    assert len(examine(room).reports) == 3 and examine(room).broken


def test_a_file_that_cannot_be_read_is_not_the_one_that_was_written(town: Town, monkeypatch) -> None:
    real = Path.read_bytes

    def read(self: Path) -> bytes:
        if self.name == "report.html":
            raise PermissionError(13, "no")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert any(w.startswith(ONE + "report.html was changed") for w in examine(SqliteState(town.state)).reports)


def test_a_book_that_cannot_be_read_makes_no_report_up(town: Town) -> None:
    (town.state / "incidents.db").write_bytes(b"no database")
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(town.state / "incidents.db").execute("select * from event")
    assert examine(SqliteState(town.state)).reports == ()
