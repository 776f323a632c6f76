"""Another key, clocks that were set, lab drills: what a named person says is told for ever, and hides nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bcp.contracts.store import Anchor
from bcp.deeds.evidence.anchor import anchor
from bcp.deeds.evidence.export import checked, export
from bcp.deeds.evidence.key import current_key, next_key, signing_key
from bcp.deeds.evidence.prove import prove
from bcp.deeds.evidence.turn import explain, rotate
from bcp.deeds.who import Who
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.hashing import GENESIS, canonical
from bcp.kernel.secret import Secret
from bcp.store import standalone, standalone_clock
from bcp.store.chain import link_book
from bcp.store.files.anchors import AnchorLog
from bcp.store.sqlite.evidence import examine
from bcp.store.sqlite.state import SqliteState

from .test_evidence import HOUR, T0, Town, rechain

ANN = Who("ann", "ann", "command line")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    town = Town(folder)
    town.lived("run-1", T0)
    town.anchored(T0 + HOUR)
    town.lived("run-2", T0 + 2 * HOUR)
    town.anchored(T0 + 3 * HOUR)
    return folder


@pytest.fixture
def town(grown: Path, tmp_path: Path) -> Town:
    shutil.copytree(grown, tmp_path / "town")
    made = Town(tmp_path / "town")
    made.time.at = T0 + 4 * HOUR
    return made


def packed(town: Town, name: str = "out") -> Path:
    wanted = AnchorLog(town.state).read().next_key
    export(town.state, town.folder / name, "Corp", current_key(town.state, town.app.settings.evidence.key, wanted))
    return town.folder / name


def proved(town: Town) -> Any:
    return asyncio.run(prove(SqliteState(town.state), {"neighbour": town.folder / "witness"}))


# -- another key -----------------------------------------------------------------------------------------------------


def test_an_old_key_signs_for_the_new_one_and_stays_valid_for_what_it_signed(town: Town) -> None:
    old = signing_key(town.state, None).public
    taken = asyncio.run(rotate(town.app, ANN, "the laptop of the admin was stolen"))
    new = signing_key(town.state, None).public
    assert taken.key == new != old and taken.seq == 4
    found = proved(town)
    assert found.findings == () and found.key == new
    assert len(found.remarks) == 1 and "the old key signed for the new one" in found.remarks[0]
    assert "ann says: the laptop of the admin was stolen" in found.remarks[0]
    folder = packed(town)
    for known in ("", old, new):
        wrong, notes = checked(folder, known, town.folder / "witness")
        assert wrong == [] and any("another key" in n for n in notes)
    assert checked(folder, "ab" * 32)[0]


def test_the_exported_program_knows_keys_that_took_over(town: Town) -> None:
    """Every part of the program is in it: it runs without anything of ours."""
    old = signing_key(town.state, None).public
    asyncio.run(rotate(town.app, ANN, "yearly"))
    folder = packed(town)
    command = [sys.executable, "-I", str(folder / "verify.py"), "--key", old, "--witness", str(town.folder / "witness")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "ann says: yearly" in done.stdout, done.stdout + done.stderr


def test_a_key_that_nobody_announced_signs_nothing(town: Town) -> None:
    """One head with another key would look forged for ever: it is refused, and there is a way on."""
    (town.state / "evidence" / "signing.key").write_text("11" * 32)
    with pytest.raises(Invalid) as caught:
        town.anchored(T0 + 5 * HOUR)
    assert caught.value.rule == "evidence-other-key" and "rotate --lost" in caught.value.hint
    assert len([r for r in AnchorLog(town.state).read().records if r["kind"] == "statement"]) == 2


def test_a_key_that_is_lost_is_told_by_every_check_and_vouched_for_by_nobody(town: Town) -> None:
    old = signing_key(town.state, None).public
    with pytest.raises(Refused) as there:
        asyncio.run(rotate(town.app, ANN, "lost", lost=True))
    assert there.value.rule == "evidence-key-there"
    (town.state / "evidence" / "signing.key").unlink()
    asyncio.run(rotate(town.app, ANN, "the disk died", lost=True))
    found = proved(town)
    assert found.findings == () and "nobody but the new key" in found.remarks[0]
    folder, new = packed(town), signing_key(town.state, None).public
    assert checked(folder, new)[0] == []
    assert any("not with the one that you know" in w for w in checked(folder, old)[0])


def test_a_new_key_that_had_not_taken_its_place_takes_it(town: Town) -> None:
    """The machine stopped after the old key had signed for the new one."""
    new = next_key(town.state)
    asyncio.run(
        anchor(town.app, extra=lambda found, now: {"rotation": {"by": "ann", "reason": "x", "next": new.public}})
    )
    assert signing_key(town.state, None).public != new.public
    assert town.anchored(T0 + 5 * HOUR).key == new.public and proved(town).findings == ()


def test_a_key_of_the_configuration_is_followed_by_one_that_is_named(town: Town) -> None:
    first, second = town.folder / "first.key", town.folder / "second.key"
    first.write_text("33" * 32)
    second.write_text("44" * 32)
    evidence = town.app.settings.evidence
    shutil.rmtree(town.state / "evidence")
    shutil.rmtree(town.folder / "witness")
    (town.folder / "witness").mkdir()
    evidence.__dict__["key"] = Secret(f"file:{first}")
    town.anchored(T0 + 5 * HOUR)
    for to in (None, Secret(f"file:{first}")):
        with pytest.raises(Invalid) as caught:
            asyncio.run(rotate(town.app, ANN, "x", to=to))
        assert caught.value.rule == "evidence-key-wanted"
    asyncio.run(rotate(town.app, ANN, "x", to=Secret(f"file:{second}")))
    with pytest.raises(Invalid) as still:
        town.anchored(T0 + 6 * HOUR)
    assert still.value.rule == "evidence-other-key"
    evidence.__dict__["key"] = Secret(f"file:{second}")
    assert town.anchored(T0 + 6 * HOUR).seq == 3 and proved(town).findings == ()


@pytest.mark.parametrize("deed", [rotate, explain])
def test_nobody_and_no_reason_are_refused(town: Town, deed: Callable[..., Any]) -> None:
    with pytest.raises(Refused) as nobody:
        asyncio.run(deed(town.app, Who("token", "", "api"), "x"))
    with pytest.raises(Invalid) as nothing:
        asyncio.run(deed(town.app, ANN, "  "))
    assert (nobody.value.rule, nothing.value.rule) == ("no-person", "no-reason")


# -- a clock that was set --------------------------------------------------------------------------------------------


def set_back(town: Town) -> None:
    """The clock was three hours fast; things were written, signed, and then it was set right."""
    town.noted(T0 + 7 * HOUR)
    town.anchored(T0 + 7 * HOUR + 60)
    town.noted(T0 + 5 * HOUR)
    town.anchored(T0 + 5 * HOUR + 60)


def test_a_clock_that_was_set_is_found_said_and_explained_by_name(town: Town) -> None:
    set_back(town)
    before = proved(town).findings
    assert any("the clock went back in book: event 4" in f for f in before)
    assert any("the clock went back in the signed heads" in f for f in before)
    taken, texts = asyncio.run(explain(town.app, ANN, "the hypervisor had no time server; mended"))
    assert set(texts) >= set(before) and not taken.problem
    found = proved(town)
    assert found.findings == ()
    assert all("ann explained it on" in r and "no time server" in r for r in found.remarks) and found.remarks
    wrong, notes = checked(packed(town), "", town.folder / "witness")
    assert wrong == [] and any("ann explained it" in n for n in notes)
    with pytest.raises(Refused) as caught:
        asyncio.run(explain(town.app, ANN, "again"))
    assert caught.value.rule == "nothing-to-explain"


def test_what_is_set_back_after_an_explanation_is_found_again(town: Town) -> None:
    set_back(town)
    asyncio.run(explain(town.app, ANN, "mended"))
    town.noted(T0 + 9 * HOUR)
    town.anchored(T0 + 9 * HOUR + 60)
    assert proved(town).findings == ()
    town.noted(T0 + 6 * HOUR)
    town.anchored(T0 + 6 * HOUR + 60)
    assert any("the clock went back in book: event 10" in f for f in proved(town).findings)


def test_an_alteration_cannot_be_explained(town: Town) -> None:
    rechain(town, "run-2", lambda rows: rows[:-1])
    with pytest.raises(Refused) as caught:
        asyncio.run(explain(town.app, ANN, "trust me"))
    assert caught.value.rule == "nothing-to-explain" and proved(town).findings


def test_nothing_is_explained_before_it_happens() -> None:
    """A statement that covers events of the future, or another chain, covers nothing."""
    chain = [(1000.0, "a"), (2000.0, "b"), (1000.0, "c")]

    def said(covers: list[Any], seq: int = 3) -> list[dict[str, Any]]:
        text = canonical({
            "seq": 1, "at": 2000.0, "audit": [0, ""], "chains": {"book": [seq, "c"]}, "key": "k", "previous": GENESIS,
            "explained": [{"by": "ann", "at": 2000.0, "reason": "why", "covers": covers}],
        })  # fmt: skip
        one = standalone.statement_of(text, "")
        assert one is not None
        return [one]

    def left(statements: list[dict[str, Any]]) -> list[str]:
        return [w for w in standalone_clock.clock_damage(statements, [], {"book": chain}) if "went back" in w]

    assert left(said([["back", "book", 3, 3]])) == []
    assert left(said([["back", "book", 1, 99]])) == []
    for covers, seq in (
        ([["back", "book", 3, 3]], 2), ([["back", "run-1", 3, 3]], 3), ([["dated", "book", 3, 3]], 3),
        ([["back", "book", 1, 2]], 3), ([], 3),
    ):  # fmt: skip
        assert left(said(covers, seq)), (covers, seq)


NO_EXPLANATIONS: tuple[Any, ...] = (
    [1],
    [{}],
    [{"by": "a", "at": "x", "reason": "", "covers": []}],
    [{"by": "a", "at": 1, "reason": "", "covers": [["back", "book", 1]]}],
    "no",
)


@pytest.mark.parametrize("explained", NO_EXPLANATIONS)
def test_an_explanation_that_is_none_makes_a_statement_that_is_none(explained: Any) -> None:
    text = json.dumps({"seq": 1, "at": 1.0, "audit": [0, ""], "chains": {}, "key": "", "previous": "",
                       "explained": explained})  # fmt: skip
    assert standalone.statement_of(text, "") is None


def test_numbers_in_a_row() -> None:
    assert standalone_clock._runs([]) == [] and standalone_clock._runs([1, 2, 3, 7, 9, 10]) == [(1, 3), (7, 7), (9, 10)]


# -- witnesses and exports -------------------------------------------------------------------------------------------


def spoil_signature(folder: Path) -> None:
    path = folder / "00000002.json"
    path.write_text(canonical({**json.loads(path.read_text()), "signature": "00" * 64}))


SPOILT: tuple[tuple[Callable[[Path], Any], str], ...] = (
    (lambda f: (f / "00000002.json").unlink(), "the signed head 2, which"),
    (lambda f: (f / "00000001.json").unlink(), "the signed head 1, which"),
    (lambda f: [p.unlink() for p in f.glob("*.json")], "the signed head 1 and 1 more, which"),
    (lambda f: (f / "zz.json").write_text("{"), "zz.json, which"),
    (spoil_signature, "the signature of 00000002.json, which"),
)


@pytest.mark.parametrize(("spoil", "words"), SPOILT)
def test_what_a_witness_lost_or_has_spoilt_is_said(town: Town, spoil: Callable[[Path], Any], words: str) -> None:
    spoil(town.folder / "witness")
    assert any(words in f for f in proved(town).findings), proved(town).findings
    assert any(words in w for w in checked(packed(town), "", town.folder / "witness")[0])


def test_a_list_of_files_that_somebody_else_signed_is_found_without_knowing_the_key(town: Town, tmp_path: Path) -> None:
    """A report is put in, the list made anew and signed with another key: the heads have the true one."""
    folder, stranger = packed(town), signing_key(tmp_path / "stranger", None)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "reports").mkdir()
    (folder / "reports" / "x.html").write_text("everything was met")
    manifest["files"]["reports/x.html"] = hashlib.sha256(b"everything was met").hexdigest()
    text = canonical({**manifest, "key": stranger.public})
    (folder / "manifest.json").write_text(text)
    (folder / "manifest.sig").write_text(stranger.sign(text))
    by, put = checked(folder)[0]
    assert "somebody else signed the list of files" in by
    assert put == "reports/x.html was put in: nobody wrote down that bcp made it"


def test_a_run_that_was_put_in_is_found(town: Town) -> None:
    shutil.copy(town.state / "runs" / "run-2.db", town.state / "runs" / "run-9.db")
    assert "run-9" in examine(SqliteState(town.state)).damage
    assert any(w.startswith("run-9 was put in") for w in checked(packed(town))[0])


def test_a_word_that_was_put_into_a_run_is_found(town: Town) -> None:
    db = sqlite3.connect(town.state / "runs" / "run-2.db")
    db.execute("insert into signal(at, kind, actor, data, hash) values (1.0, 'approve', 'mallory', '{}', '')")
    db.commit()
    db.close()
    assert any("signal 1 (approve) was put in" in r.damage for r in examine(SqliteState(town.state)).runs)
    assert any("signal 1 (approve) was put in" in w for w in checked(packed(town))[0])


def test_a_folder_that_cannot_be_written_is_named_and_not_the_state_folder(town: Town) -> None:
    (town.folder / "file").write_text("no folder")
    with pytest.raises(StorageError) as caught:
        packed(town, "file/out")
    assert "bcp evidence export" in caught.value.hint and "state:" not in caught.value.hint


# -- lab drills ------------------------------------------------------------------------------------------------------

DRILL = "drill-1"


def wrote_down(town: Town, heads: dict[str, str]) -> None:
    """The exercise that closed its lab, in the drill book."""
    db = sqlite3.connect(town.state / "drills.db")
    db.execute("create table event(drill text, seq integer, at real, kind text, actor text, data text, hash text)")
    data = {"what": "lab", "folder": DRILL, "heads": heads}
    head = link_book(GENESIS, 1, T0 + 3 * HOUR, DRILL, "measured", "bcp", data)
    row = (DRILL, 1, T0 + 3 * HOUR, "measured", "bcp", canonical(data), head)
    db.execute("insert into event values (?,?,?,?,?,?,?)", row)
    db.commit()
    db.close()
    SqliteState(town.state).audit.anchor(Anchor(DRILL, head, "measured", T0 + 3 * HOUR, 1))


@pytest.fixture
def labbed(town: Town) -> Town:
    """A lab drill: the state folder of its runs stands below the organisation's."""
    lab = town.state / "drills" / DRILL / "state"
    (lab / "runs").mkdir(parents=True)
    shutil.copy(town.state / "runs" / "run-1.db", lab / "runs" / "run-1.db")
    shutil.copy(town.state / "runs" / "run-2.db", lab / "runs" / "run-2.db")
    shutil.copy(town.state / "audit.jsonl", lab / "audit.jsonl")
    (lab / "reports" / "run-1").mkdir(parents=True)
    (lab / "reports" / "run-1" / "report.html").write_text("a report")
    heads = {r: town.runs.view(r).record.head for r in ("run-1", "run-2")}
    wrote_down(town, heads)
    town.anchored(T0 + 4 * HOUR)
    return town


def lab_of(town: Town) -> Path:
    return town.state / "drills" / DRILL / "state"


def test_a_lab_drill_is_anchored_checked_and_handed_over(labbed: Town) -> None:
    newest = json.loads(str((AnchorLog(labbed.state).read().last or {})["text"]))
    assert {"drill-1/run-1", "drill-1/run-2", "drill-1/audit", "drill-1"} <= set(newest["chains"])
    assert not examine(SqliteState(labbed.state)).broken and proved(labbed).findings == ()
    folder = packed(labbed)
    assert checked(folder, "", labbed.folder / "witness")[0] == []
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {
        "labs/drill-1/runs/run-1.jsonl",
        "labs/drill-1/audit.jsonl",
        "labs/drill-1/reports/run-1/report.html",
    } <= files
    assert "4 of them runs" in checked(folder)[1][0]


def cut_in_lab(town: Town) -> None:
    """The newest event of a run is cut off, with fresh hashes and a fresh audit file of the lab."""
    db = sqlite3.connect(lab_of(town) / "runs" / "run-2.db")
    db.execute("delete from event where seq = (select max(seq) from event)")
    db.commit()
    db.close()


LABS: tuple[tuple[Callable[[Town], Any], str], ...] = (
    (cut_in_lab, "run-2"),
    (lambda t: (lab_of(t) / "runs" / "run-2.db").unlink(), "run-2"),
    (lambda t: shutil.rmtree(t.state / "drills"), "run-1"),
    (lambda t: shutil.copy(lab_of(t) / "runs" / "run-1.db", lab_of(t) / "runs" / "run-2.db"), "run-2"),
    (lambda t: (lab_of(t) / "audit.jsonl").write_text(""), "audit"),
)


@pytest.mark.parametrize(("alter", "name"), LABS)
@pytest.mark.parametrize("witnessed", [True, False])
def test_what_is_altered_of_a_lab_drill_is_found(
    labbed: Town, alter: Callable[[Town], Any], name: str, witnessed: bool
) -> None:
    """Without heads the exercise itself knows which runs there were, and how they ended."""
    if not witnessed:
        shutil.rmtree(labbed.state / "evidence")
    alter(labbed)
    here = [examine(SqliteState(labbed.state)).damage, *(proved(labbed).findings if witnessed else ())]
    assert any("drill-1" in f and name in f for f in here), here
    wrong, _ = checked(packed(labbed))
    assert any("drill-1" in w and name in w for w in wrong), wrong
