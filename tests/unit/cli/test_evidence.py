"""``bcp evidence`` and ``bcp audit verify``: what a person types, and what the exit code says."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bcp.cli import audit, evidence, render
from bcp.kernel.errors import InDoubt, Refused, Transient
from bcp.store.chain import link_book


@pytest.fixture
def witnessed(house):
    """A neighbour's folder is the witness."""
    (house.folder / "witness").mkdir()
    path = house.folder / "bcp.yaml"
    path.write_text(path.read_text() + "evidence: {witnesses: {neighbour: {folder: witness}}}\n")
    house.book.note("told", "inc-1", "bcp", text="news")
    return house


def test_heads_are_taken_handed_over_and_checked(witnessed, capsys, monkeypatch) -> None:
    evidence.anchor()
    assert "Head 1 is signed" in capsys.readouterr().out and (witnessed.folder / "witness" / "00000001.json").exists()
    audit.verify()
    out = capsys.readouterr().out
    assert "neighbour keeps 1 of them" in out and "Not proved" not in out
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    evidence.key()
    shown = json.loads(capsys.readouterr().out)["key"]
    audit.verify("all", None, None)
    data = json.loads(capsys.readouterr().out)
    assert data["witnessed"]["key"] == shown and data["witnessed"]["witnesses"] == {"neighbour": 1}


def test_without_anybody_outside_it_is_said(house, capsys) -> None:
    evidence.anchor()
    assert "Nobody outside has it" in capsys.readouterr().out
    audit.verify()
    assert "Not proved" in capsys.readouterr().out


def test_a_witness_that_does_not_take_it_is_a_failure_to_be_tried_again(witnessed, capsys) -> None:
    (witnessed.folder / "witness").rmdir()
    with pytest.raises(Transient) as caught:
        evidence.anchor()
    assert caught.value.rule == "witness-gone" and "tries again" in caught.value.hint
    assert "fail" in capsys.readouterr().out
    with pytest.raises(InDoubt) as silent:
        audit.verify()
    assert (silent.value.rule, silent.value.exit_code) == ("witness-silent", 4)
    first = " ".join(capsys.readouterr().out.split()).partition("No runs")[0]
    assert first.startswith("fail the witness neighbour could not be asked") and "would not be found" in first


@pytest.mark.parametrize("how", ["gone", "file", "closed"])
def test_a_configured_witness_that_cannot_be_read_is_said_first_and_is_no_success(witnessed, capsys, how: str) -> None:
    """What it alone could show is not known: a person must look."""
    evidence.anchor()
    place = witnessed.folder / "witness"
    if how == "closed":
        (place / "00000001.json").rename(witnessed.folder / "kept")
        place.rmdir()
        place.symlink_to(place)  # a loop: it is there and cannot be listed
    else:
        place.rename(witnessed.folder / "away")
        if how == "file":
            place.write_text("")
    capsys.readouterr()
    with pytest.raises(InDoubt):
        audit.verify()
    assert capsys.readouterr().out.split()[:4] == ["fail", "the", "witness", "neighbour"]


def test_a_witness_that_was_taken_out_of_the_configuration_is_told_of(witnessed, capsys) -> None:
    """Whoever writes everything anew lets go of whoever could tell first."""
    evidence.anchor()
    path = witnessed.folder / "bcp.yaml"
    path.write_text(path.read_text().replace("evidence: {witnesses: {neighbour: {folder: witness}}}\n", ""))
    capsys.readouterr()
    audit.verify()
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Nothing was found altered, but somebody who keeps heads was not asked.")
    assert "neighbour took 1 signed head(s) and is not in bcp.yaml any more" in said
    audit.verify("all", [witnessed.folder / "witness"])


def test_damage_that_is_certain_comes_before_a_witness_that_is_silent(witnessed) -> None:
    evidence.anchor()
    (witnessed.folder / "witness").rename(witnessed.folder / "away")
    (witnessed.folder / ".bcp" / "evidence" / "anchors.jsonl").write_text("no json\n")
    with pytest.raises(Refused):
        audit.verify()


def test_of_one_run_no_witness_is_asked(witnessed) -> None:
    witnessed.run("run-1")
    (witnessed.folder / "witness").rmdir()
    audit.verify("run-1")


def test_what_was_altered_refuses_with_the_sentence(witnessed, capsys) -> None:
    evidence.anchor()
    (witnessed.folder / ".bcp" / "evidence" / "anchors.jsonl").write_text("")
    with pytest.raises(Refused) as caught:
        audit.verify()
    assert caught.value.rule == "audit-chain" and "which neighbour has, is gone here" in caught.value.message
    assert "which neighbour has, is gone here" in " ".join(capsys.readouterr().out.split())


def test_a_configuration_that_is_broken_keeps_nobody_from_checking(witnessed, capsys) -> None:
    evidence.anchor()
    (witnessed.folder / "bcp.yaml").write_text("version: 1\norganisation: 7\n")
    capsys.readouterr()
    audit.verify("all", [witnessed.folder / "witness"])
    assert "keeps 1 of them" in capsys.readouterr().out


def test_one_run_is_checked_by_itself(witnessed, capsys) -> None:
    witnessed.run("run-1")
    audit.verify("run-1")
    assert "signed with" not in capsys.readouterr().out


def test_an_export_is_checked_by_the_same_program(witnessed, capsys, monkeypatch) -> None:
    monkeypatch.setenv("X", "c2VjcmV0LXNlY3JldA==")
    evidence.export(Path("pack"))
    out = capsys.readouterr().out
    assert "signed with the key" in out and "verify.py" in out
    evidence.verify(Path("pack"))
    assert "unaltered" in capsys.readouterr().out
    (witnessed.folder / "pack" / "README.txt").write_text("x")
    with pytest.raises(Refused) as caught:
        evidence.verify(Path("pack"), "", None)
    assert caught.value.rule == "evidence-altered" and "README.txt was changed" in capsys.readouterr().out


def test_the_first_line_is_the_answer_with_the_place(witnessed, capsys) -> None:
    evidence.anchor()
    capsys.readouterr()
    audit.verify()
    assert capsys.readouterr().out.splitlines()[0] == "Unaltered: everything agrees."
    (witnessed.folder / ".bcp" / "evidence" / "anchors.jsonl").write_text("")
    with pytest.raises(Refused):
        audit.verify()
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("ALTERED: the signed head 1 of ") and "which neighbour has, is gone here. No runs" in said


def test_another_private_key_in_the_state_folder_is_found_before_it_signs(witnessed, capsys) -> None:
    evidence.anchor()
    path = witnessed.folder / ".bcp" / "evidence" / "signing.key"
    real = path.read_text()
    path.write_text("ab" * 32)
    with pytest.raises(Refused) as caught:
        audit.verify()
    assert "evidence/signing.key was replaced" in caught.value.message
    path.write_text("no key")
    with pytest.raises(Refused) as caught:
        audit.verify()
    assert "evidence/signing.key is no key any more" in caught.value.message
    path.write_text(real)
    audit.verify()


def test_a_key_that_the_configuration_names_lies_elsewhere(witnessed) -> None:
    path = witnessed.folder / "bcp.yaml"
    (witnessed.folder / "own.key").write_text("cd" * 32)
    path.write_text(path.read_text().replace("evidence: {", 'evidence: {key: "file:own.key", '))
    evidence.anchor()
    (witnessed.folder / ".bcp" / "evidence" / "signing.key").write_text("ab" * 32)
    audit.verify()


def test_a_word_that_was_put_into_an_exercise_is_not_called_proved(witnessed, capsys) -> None:
    book = witnessed.app.running.drills
    book.append("drill-20261128-100000-aaaa", "created", "alice", {"record": {"kind": "dry", "title": "T"}})
    audit.verify()
    assert "Unaltered: everything agrees." in capsys.readouterr().out
    last = book.events("drill-20261128-100000-aaaa")[-1]
    found = link_book(last.hash, 2, last.at, last.drill, "note", "mallory", {})
    with sqlite3.connect(witnessed.folder / ".bcp" / "drills.db") as db:
        db.execute("insert into event values (?,2,?,'note','mallory','{}',?)", (last.drill, last.at, found))
    audit.verify()
    said = " ".join(capsys.readouterr().out.split())
    assert "of drill-20261128-100000-aaaa event 2 is not proved" in said
    assert "audit.jsonl does not know the newest" in said
    evidence.export(witnessed.folder / "handed")
    program = [sys.executable, "-I", witnessed.folder / "handed" / "verify.py"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Nothing was found altered, but the newest event of an exercise is not proved.\n")


def test_a_line_that_was_taken_out_of_the_audit_file_is_not_called_the_newest(witnessed, capsys) -> None:
    for i in range(4):
        witnessed.app.running.drills.append("drill-1", "note", "alice", {"text": f"words {i}"})
    evidence.anchor()
    path = witnessed.folder / ".bcp" / "audit.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:1], *lines[2:]]) + "\n")
    capsys.readouterr()
    with pytest.raises(Refused):
        audit.verify()
    first = "audit.jsonl:2 was changed, or one before it was taken out"
    assert " ".join(capsys.readouterr().out.split()).startswith(f"ALTERED: {first}")
    evidence.export(witnessed.folder / "handed")
    program = [sys.executable, "-I", witnessed.folder / "handed" / "verify.py"]
    shown = subprocess.run(program, capture_output=True, text=True, check=False)
    assert shown.returncode == 1 and "the audit file: line 2 was changed" in shown.stdout
    assert "the audit file has lost" not in shown.stdout


def test_what_is_handed_over_altered_is_said_when_it_is_handed_over(witnessed, capsys) -> None:
    evidence.anchor()
    with sqlite3.connect(witnessed.folder / ".bcp" / "incidents.db") as db:
        assert db.execute("delete from event").rowcount
    capsys.readouterr()
    evidence.export(witnessed.folder / "out")
    assert capsys.readouterr().out.startswith("ALTERED before it was handed over: book was removed")


def test_a_report_that_was_changed_is_refused_by_name_and_handed_over_as_altered(witnessed, capsys) -> None:
    witnessed.run("run-1", events=[("run_finished", "", {"status": "done"})])
    audit.report("run-1")
    audit.verify()
    folder = witnessed.folder / ".bcp" / "reports" / "run-1"
    (folder / "report.html").write_text("<h1>Yes</h1>")
    capsys.readouterr()
    for what in ("all", "run-1"):
        with pytest.raises(Refused) as caught:
            audit.verify(what)
        out = " ".join(capsys.readouterr().out.split())
        assert out.startswith("ALTERED: reports/run-1/report.html was changed after it was written at 2")
        assert caught.value.rule == "audit-chain" and "reports/run-1/report.html was changed" in caught.value.message
    evidence.export(witnessed.folder / "out")
    first = capsys.readouterr().out
    assert first.startswith("ALTERED before it was handed over: reports/run-1/report.html was changed after it was")
    audit.report("run-1")
    audit.verify()
    assert "ALTERED" not in capsys.readouterr().out


def test_reports_of_an_older_version_are_not_sealed_and_named(witnessed, capsys, monkeypatch) -> None:
    folder = witnessed.folder / ".bcp" / "reports" / "year"
    folder.mkdir(parents=True)
    for name in ("year.html", "year.json"):
        (folder / name).write_text("of before")
    audit.verify()
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Nothing was found altered, but 2 files of reports are not sealed. See below.")
    assert "warn not sealed: reports/year/year.html, reports/year/year.json. An older version wrote them" in out
    evidence.export(witnessed.folder / "out")
    said = "Nothing was found altered, but 2 files of reports are not sealed."
    assert capsys.readouterr().out.startswith(f"{said} What was handed over says which.")
    evidence.verify(witnessed.folder / "out")
    assert " ".join(capsys.readouterr().out.split()).startswith(f"ok n{said[1:-1]} - ")
    program = [sys.executable, "-I", witnessed.folder / "out" / "verify.py"]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.startswith(f"{said}\n")
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    audit.verify("all", None, None)
    found = json.loads(capsys.readouterr().out)["reports"]
    assert found == {"altered": [], "not_sealed": ["reports/year/year.html", "reports/year/year.json"]}


@pytest.mark.parametrize(("where", "first"), [
    ("seq = 2", "ALTERED: drill-1: event 3 (note) was changed, or one before it was taken out"),
    ("seq = 3", "ALTERED: drill-1 has lost its newest 1 event(s); it was there at 2"),
])  # fmt: skip
def test_an_event_that_was_taken_out_of_the_middle_is_not_called_the_newest(
    witnessed, capsys, where: str, first: str
) -> None:
    for i in range(3):
        witnessed.app.running.drills.append("drill-1", "note", "alice", {"text": f"words {i}"})
    evidence.anchor()
    with sqlite3.connect(witnessed.folder / ".bcp" / "drills.db") as db:
        assert db.execute(f"delete from event where {where}").rowcount == 1
    capsys.readouterr()
    with pytest.raises(Refused):
        audit.verify()
    assert " ".join(capsys.readouterr().out.split()).startswith(first)
