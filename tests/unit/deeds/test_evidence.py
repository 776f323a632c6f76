"""Evidence that stands: whatever is altered is named, with since when; here, and by the program of an export."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.store import Anchor
from bcp.deeds.evidence.anchor import anchor, line_of
from bcp.deeds.evidence.export import checked, export
from bcp.deeds.evidence.key import genuine, signing_key
from bcp.deeds.evidence.prove import prove
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.hashing import GENESIS, canonical, link, link_event
from bcp.store import standalone, standalone_clock, standalone_pack, standalone_proof
from bcp.store.chain import genesis_of, link_book
from bcp.store.files.anchors import AnchorLog
from bcp.store.sqlite.state import SqliteState

from .house import CONFIG, House
from .tsa import Authority, make_authority

HOUR = 3600.0
T0 = 1_795_400_000.0


class Clock:
    """Time that a test sets."""

    at = T0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class Town(House):
    """A house whose clock is told, with a witness' folder beside it."""

    def __init__(self, folder: Path, **evidence: Any) -> None:
        for name in ("playbooks", ".bcp", "witness"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "contacts.csv").write_text(
            "id,name,email,phone,slack,language,groups\nalice,A,,+12025550101,,en,staff\n"
        )
        wanted = {"witnesses": {"neighbour": {"folder": str(folder / "witness")}}, **evidence}
        (folder / "bcp.yaml").write_text(CONFIG + yaml.safe_dump({"evidence": wanted}))
        super().__init__(folder)
        self.time = Clock()
        self.now = T0
        object.__setattr__(self.app, "clock", self.time)
        self.app.running.clock = self.book.clock = self.runs.clock = self.time
        self.state = folder / ".bcp"

    def lived(self, name: str, at: float, events: int = 4) -> None:
        """A run with so many events, a minute apart, begun and ended in the audit file."""
        self.time.at = at
        super().run(name, seen="")
        self.runs.anchor(name, self.runs.view(name).record.head, "begun")

        async def write() -> None:
            journal = self.open(name)
            for i in range(events):
                self.time.at += 60
                await journal.record("note", step="x", actor="alice", text=f"event {i} of {name}")
            await journal.claim("k1", "x", {"to": "somebody"})
            await journal.settle("k1", {"done": True})
            await journal.record("run_ended", status="done")
            journal.close()

        self.do(write())
        self.runs.anchor(name, self.runs.view(name).record.head, "done")

    def open(self, name: str) -> Any:
        return self.runs.store.open(self.runs.path(name), self.time)

    def noted(self, at: float, count: int = 3) -> None:
        """Things that happened in an incident."""
        for i in range(count):
            self.time.at = at + 10 * i
            self.book.note("told", "inc-1", "bcp", text=f"news {i}")

    def anchored(self, at: float) -> Any:
        """The heads are taken."""
        self.time.at = at
        return asyncio.run(anchor(self.app))

    def proved(self, *, witness: bool = True, noted: tuple[str, ...] = ()) -> tuple[str, ...]:
        """What is found."""
        folders = {"neighbour": self.folder / "witness"} if witness else {}
        return asyncio.run(prove(SqliteState(self.state), folders, noted)).findings


def exercise(state: Path, drill: str, at: float, texts: list[str], *, then: str = "") -> None:
    """An exercise in the drill book: a chain of its own."""
    db = sqlite3.connect(state / "drills.db")
    db.execute(
        "create table if not exists event"
        "(drill text, seq integer, at real, kind text, actor text, data text, hash text)"
    )
    db.execute("delete from event where drill = ?", (drill,))
    head = GENESIS
    for i, text in enumerate(texts, 1):
        data = {"text": text}
        head = link_book(head, i, at + i, drill, "finding" if i == 2 else "noted", "ann", data)
        row = (drill, i, at + i, "finding" if i == 2 else "noted", "ann", canonical(data), head)
        db.execute("insert into event values (?,?,?,?,?,?,?)", row)
    db.commit()
    db.close()
    if not then:
        SqliteState(state).audit.anchor(Anchor(drill, head, "signed", at + len(texts), len(texts)))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with history, that a witness has seen four times: copied for each test that alters it."""
    folder = tmp_path_factory.mktemp("town")
    town = Town(folder)
    town.lived("run-1", T0)
    town.noted(T0 + 600)
    exercise(town.state, "drill-1", T0 + 700, ["it began", "the relay was slow", "signed off by ann"])
    town.anchored(T0 + HOUR)
    town.lived("run-2", T0 + 2 * HOUR)
    town.anchored(T0 + 3 * HOUR)
    town.noted(T0 + 4 * HOUR, 2)
    town.book.close()
    town.anchored(T0 + 5 * HOUR)
    town.lived("run-3", T0 + 6 * HOUR)
    town.anchored(T0 + 7 * HOUR)
    return folder


@pytest.fixture
def town(grown: Path, tmp_path: Path) -> Town:
    place = tmp_path / "town"
    shutil.copytree(grown, place)
    made = Town(place)
    made.time.at = T0 + 8 * HOUR
    return made


# -- altering --------------------------------------------------------------------------------------------------------


def run_db(town: Town, name: str) -> sqlite3.Connection:
    return sqlite3.connect(town.state / "runs" / f"{name}.db")


def rechain(town: Town, name: str, change: Callable[[list[list[Any]]], list[list[Any]]]) -> None:
    """The events of a run are others, with fresh hashes."""
    db = run_db(town, name)
    meta = dict(db.execute("select key, value from meta"))
    rows = [list(r) for r in db.execute("select seq, at, kind, step, actor, data from event order by seq")]
    db.execute("delete from event")
    head = genesis_of(meta)
    for i, (_, at, kind, step, actor, data) in enumerate(change(rows), 1):
        head = link_event(head, i, at, kind, step, actor, data)
        db.execute("insert into event(seq, at, kind, step, actor, data, hash) values (?,?,?,?,?,?,?)",
                   (i, at, kind, step, actor, data, head))  # fmt: skip
    db.commit()
    db.close()


def reaudit(town: Town, keep: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """The audit file with other lines, in a fresh chain."""
    path = town.state / "audit.jsonl"
    out, head = [], GENESIS
    for line in path.read_text().splitlines():
        row = keep({k: v for k, v in json.loads(line).items() if k not in {"hash", "mac"}})
        if row is not None:
            head = link(head, row)
            out.append(canonical({**row, "hash": head}))
    path.write_text("\n".join(out) + "\n")


def heads_anew(town: Town) -> None:
    """The last anchor of each run in the audit file is what its chain ends with now."""
    ends = {p.stem: sqlite3.connect(p).execute("select hash from event order by seq desc limit 1").fetchone()[0]
            for p in (town.state / "runs").glob("*.db")}  # fmt: skip
    reaudit(town, lambda r: {**r, "head": ends.get(r["run"], r["head"])} if r["status"] == "done" else r)


def cut_run(town: Town) -> None:
    rechain(town, "run-3", lambda rows: rows[:-1])
    heads_anew(town)


def cut_book(town: Town) -> None:
    town.book.close()
    db = sqlite3.connect(town.state / "incidents.db")
    db.execute("delete from event where seq = (select max(seq) from event)")
    db.commit()
    db.close()
    (town.state / "incidents.head").unlink(missing_ok=True)


def remove_run(town: Town) -> None:
    (town.state / "runs" / "run-3.db").unlink()
    (town.state / "index.db").unlink(missing_ok=True)
    reaudit(town, lambda r: None if r["run"] == "run-3" else r)


def cut_audit(town: Town) -> None:
    path = town.state / "audit.jsonl"
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:-1]))


def rewrite(town: Town) -> None:
    """Everything, with fresh hashes: another text in the oldest run, and everything that follows from it."""

    def other(rows: list[list[Any]]) -> list[list[Any]]:
        rows[1][5] = rows[1][5].replace("event 0", "event X")
        return rows

    rechain(town, "run-1", other)
    heads_anew(town)


def rewrite_and_sign(town: Town) -> None:
    """The same by somebody who has the key of this machine: the heads are signed anew, too."""
    rewrite(town)
    (town.state / "evidence" / "anchors.jsonl").unlink()
    town.app.settings.evidence.witnesses.clear()
    (town.state / "index.db").unlink(missing_ok=True)
    for hour in (1, 3, 5, 7):
        town.anchored(T0 + hour * HOUR)


def change_finding(town: Town) -> None:
    exercise(town.state, "drill-1", T0 + 700, ["it began", "everything was well", "signed off by ann"], then="silent")


def change_event(town: Town) -> None:
    db = run_db(town, "run-2")
    db.execute("update event set data = replace(data, 'event 1', 'event 9') where seq = 3")
    db.commit()
    db.close()


def backdate(town: Town) -> None:
    """The clock is set back before something new is written."""
    town.time.at = T0 + 2 * HOUR
    town.book.note("told", "inc-1", "bcp", text="we told you in time")
    town.anchored(T0 + 9 * HOUR)


def forget_evidence(town: Town) -> None:
    shutil.rmtree(town.state / "evidence")


def forget_last_head(town: Town) -> None:
    path = town.state / "evidence" / "anchors.jsonl"
    lines = path.read_text().splitlines()
    last = max(i for i, line in enumerate(lines) if '"kind":"statement"' in line)
    path.write_text("\n".join(lines[:last]) + "\n")


def change_head(town: Town) -> None:
    path = town.state / "evidence" / "anchors.jsonl"
    path.write_text(path.read_text().replace("Corp", "Korp", 1))


ALTERED: tuple[tuple[str, Callable[[Town], None], str, str], ...] = (
    ("the newest event of a run is cut off", cut_run, "run-3 has lost its newest 1 event(s)", "2026-11-"),
    ("the newest event of the book is cut off", cut_book, "book has lost its newest 1 event(s)", "2026-11-"),
    ("the last run is removed", remove_run, "run-3 was removed", "2026-11-"),
    ("the newest line of the audit file is cut off", cut_audit, "the audit file has lost its newest 1 line(s)", ""),
    ("everything is rewritten with fresh hashes", rewrite, "run-1 was written anew", "2026-11-"),
    ("everything is rewritten and signed with our key", rewrite_and_sign, "is not the one that neighbour got", "2026"),
    ("a finding is changed after it was signed off", change_finding, "drill-1 was written anew: event 3", "2026-11-"),
    ("the clock is set back", backdate, "the clock went back in book", "2026-11-"),
    ("the evidence folder is removed", forget_evidence, "which neighbour has, is gone here", "2026-11-"),
    ("the last signed head is removed", forget_last_head, "which neighbour has, is gone here", "2026-11-"),
    ("a signed head is changed", change_head, "is not genuine", ""),
)


def test_what_nobody_altered_is_found_unaltered(town: Town) -> None:
    found = asyncio.run(prove(SqliteState(town.state), {"neighbour": town.folder / "witness"}))
    assert found.findings == () and (found.statements, found.witnesses) == (4, {"neighbour": 4})
    assert found.key == signing_key(town.state, None).public


@pytest.mark.parametrize(("what", "alter", "words", "when"), ALTERED, ids=[a[0].replace(" ", "-") for a in ALTERED])
def test_what_was_altered_is_named_with_since_when(
    town: Town, what: str, alter: Callable[[Town], None], words: str, when: str
) -> None:
    alter(town)
    found = [f for f in town.proved() if words in f]
    assert found, town.proved()
    assert when in found[0]


def test_an_event_that_is_only_changed_is_found_by_the_runs_own_chain(town: Town) -> None:
    from bcp.store.sqlite.evidence import examine

    change_event(town)
    assert any(r.damage for r in examine(SqliteState(town.state)).runs)


def test_a_head_that_was_sent_as_text_finds_what_our_own_key_signed_anew(town: Town) -> None:
    record = AnchorLog(town.state).read().last
    line = f"Corp: head 4. Keep this text. {line_of(record)}"
    assert town.proved(witness=False, noted=(line,)) == ()
    rewrite_and_sign(town)
    assert any("somebody noted" in f for f in town.proved(witness=False, noted=(line,)))
    assert any("gone here" in f for f in town.proved(witness=False, noted=(line.replace("HEAD 4", "HEAD 9"),)))
    with pytest.raises(Invalid) as caught:
        town.proved(noted=("good morning",))
    assert caught.value.rule == "no-head"


def test_a_witness_that_is_not_there_is_said_and_hides_nothing(town: Town) -> None:
    rewrite(town)
    (town.folder / "odd").mkdir()
    (town.folder / "odd" / "1.json").write_text("{")
    places = {"away": town.folder / "none", "odd": town.folder / "odd"}
    found = asyncio.run(prove(SqliteState(town.state), places))
    assert set(found.unasked) == {"away"} and any(
        "1.json, which odd keeps, cannot be read" in f for f in found.findings
    )
    assert any("run-1 was written anew" in f for f in found.findings)


# -- taking heads ----------------------------------------------------------------------------------------------------


def test_heads_that_did_not_move_are_not_signed_again_for_a_day(town: Town) -> None:
    town.time.at = T0 + 9 * HOUR
    assert not asyncio.run(anchor(town.app, force=False)).fresh
    town.time.at = T0 + 32 * HOUR
    taken = asyncio.run(anchor(town.app, force=False))
    assert taken.fresh and taken.seq == 5 and not taken.problem
    town.noted(T0 + 33 * HOUR, 1)
    assert asyncio.run(anchor(town.app, force=False)).seq == 6


def test_a_statement_has_the_chains_that_moved_alone(town: Town) -> None:
    texts = [json.loads(r["text"]) for r in AnchorLog(town.state).read().records if r["kind"] == "statement"]
    assert [sorted(t["chains"]) for t in texts] == [["book", "drill-1", "run-1"], ["run-2"], ["book"], ["run-3"]]
    assert all(
        genuine(canonical(t), s["signature"], t["key"])
        for t, s in zip(
            texts, [r for r in AnchorLog(town.state).read().records if r["kind"] == "statement"], strict=True
        )
    )


def test_a_share_that_is_not_mounted_gets_everything_when_it_is_back(town: Town) -> None:
    (town.folder / "witness").rename(town.folder / "away")
    taken = town.anchored(T0 + 9 * HOUR)
    assert [o.rule for o in taken.outcomes] == ["witness-gone"] and "is not there" in taken.problem
    town.anchored(T0 + 10 * HOUR)
    (town.folder / "away").rename(town.folder / "witness")
    assert town.anchored(T0 + 11 * HOUR).outcomes[0].says == "has 3 head(s) more"
    assert len(list((town.folder / "witness").glob("*.json"))) == 7 and town.proved() == ()


def test_nothing_is_written_into_a_mount_point_whose_share_is_away(town: Town) -> None:
    """It would be hidden when the share is back, and look as if the witness had lost it."""
    (town.folder / "witness").rename(town.folder / "away")
    (town.folder / "witness").mkdir()
    taken = town.anchored(T0 + 9 * HOUR)
    assert [o.rule for o in taken.outcomes] == ["witness-gone"] and "holds nothing" in taken.problem
    assert list((town.folder / "witness").iterdir()) == []
    (town.folder / "witness").rmdir()
    (town.folder / "away").rename(town.folder / "witness")
    assert town.anchored(T0 + 10 * HOUR).outcomes[0].says == "has 2 head(s) more"
    assert town.proved() == ()


def test_a_witness_has_got_nothing_yet_and_gets_everything(town: Town) -> None:
    (town.folder / "second").mkdir()
    known = town.app.settings.evidence.witnesses
    known["second"] = known["neighbour"].model_copy(update={"folder": town.folder / "second"})
    town.anchored(T0 + 9 * HOUR)
    assert len(list((town.folder / "second").glob("*.json"))) == 5


def test_the_exported_verifier_needs_the_folder_that_it_is_given(tmp_path: Path) -> None:
    """No silence: nothing there is not nothing wrong."""
    from bcp.store.standalone_pack import witnessed

    with pytest.raises(OSError):
        witnessed(tmp_path / "none")


def test_a_witness_that_has_another_head_of_that_number_is_not_overwritten(town: Town) -> None:
    (town.folder / "witness" / "00000005.json").write_text("{}")
    assert [o.rule for o in town.anchored(T0 + 9 * HOUR).outcomes] == ["witness-differs"]
    assert (town.folder / "witness" / "00000005.json").read_text() == "{}"


@pytest.mark.parametrize("status", [200, 503])
def test_a_witness_behind_a_web_address(tmp_path: Path, status: int) -> None:
    heard: list[tuple[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        heard.append((request.headers.get("Authorization", ""), await request.json()))
        return web.Response(status=status)

    async def work() -> Any:
        app = web.Application()
        app.router.add_post("/heads", take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/heads"
        (tmp_path / "token").write_text("a-token-of-a-witness")
        made = Town(tmp_path, witnesses={"auditor": {"url": url, "token": "file:token"}})
        made.noted(T0)
        taken = await anchor(made.app)
        await runner.cleanup()
        return taken

    taken = asyncio.run(work())
    assert [o.rule for o in taken.outcomes] == ["witness-refused" if status != 200 else ""]
    assert heard[0][0] == "Bearer a-token-of-a-witness"
    said = json.loads(heard[0][1]["text"])
    assert said["seq"] == 1 and genuine(heard[0][1]["text"], heard[0][1]["signature"], said["key"])


class Mouth:
    """A channel that keeps what it is given."""

    form, broadcast, name, kind = "email", False, "mail", "email"

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def place(self) -> str:
        return ""

    def address_of(self, person: Any) -> str:
        return person.phone

    async def send(self, delivery: Any) -> None:
        self.sent.append(delivery)

    async def close(self) -> None: ...


@pytest.mark.parametrize(("to", "rule"), [("alice", ""), ("nobody", "witness-unknown"), ("", "witness-unknown")])
def test_a_head_is_sent_by_a_channel_as_a_line_that_can_be_given_back(tmp_path: Path, to: str, rule: str) -> None:
    made = Town(tmp_path)
    witness = made.app.settings.evidence.witnesses["neighbour"].model_copy(
        update={"folder": None, "channel": "mail", "to": to}
    )
    made.app.settings.evidence.witnesses["neighbour"] = witness
    mouth = Mouth()
    made.app.world.__dict__["channels"] = {"mail": mouth}
    made.noted(T0)
    assert [o.rule for o in asyncio.run(anchor(made.app)).outcomes] == [rule]
    if not rule:
        assert mouth.sent[0].address == "+12025550101" and "Keep this text. BCP-HEAD 1 " in mouth.sent[0].message.body
        assert made.proved(witness=False, noted=(mouth.sent[0].message.body,)) == ()


@pytest.mark.parametrize("text", ["short", "zz" * 32, "ab" * 31])
def test_a_key_that_is_none_is_refused(tmp_path: Path, monkeypatch, text: str) -> None:
    from bcp.kernel.secret import Secret

    monkeypatch.setenv("EVIDENCE_KEY", text)
    with pytest.raises(Invalid) as caught:
        signing_key(tmp_path, Secret("env:EVIDENCE_KEY"))
    assert caught.value.rule == "evidence-key" and text not in caught.value.message


def test_two_processes_number_no_two_heads_alike_and_make_one_key(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    town = Town(tmp_path)
    town.noted(T0)

    def one(app: Any) -> int:
        return asyncio.run(anchor(app)).seq

    apps = [Town(tmp_path).app for _ in range(8)]  # each writes the configuration anew: not while another reads it
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, apps))
    found = asyncio.run(prove(SqliteState(town.state)))
    assert found.statements == 8 and not [f for f in found.findings if "clock" not in f], found.findings


def test_what_a_power_cut_left_of_a_record_goes_and_what_is_damaged_is_not_gone_on_with(town: Town) -> None:
    path = town.state / "evidence" / "anchors.jsonl"
    whole = path.read_text()
    path.write_text(whole + '{"kind":"stat')
    assert town.anchored(T0 + 9 * HOUR).seq == 5 and path.read_text().startswith(whole) and town.proved() == ()
    path.write_text("nonsense\n" + whole)
    with pytest.raises(StorageError):
        town.anchored(T0 + 10 * HOUR)
    assert any("cannot be read" in f for f in town.proved())


def test_a_disk_that_is_full_leaves_no_half_record(tmp_path: Path, monkeypatch) -> None:
    log = AnchorLog(tmp_path)
    log.add({"kind": "witness", "seq": 1, "name": "a", "at": 1.0})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bcp.store.files.anchors.os.fsync", full)
    with pytest.raises(StorageError) as caught:
        log.add({"kind": "witness", "seq": 2, "name": "a", "at": 2.0})
    assert "No space left" in caught.value.message
    assert [r["seq"] for r in log.read().records] == [1] and log.read().taken() == 1.0


# -- stamps ----------------------------------------------------------------------------------------------------------


def test_stamps_of_an_authority_prove_the_time_and_find_a_wrong_clock(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")

    async def work() -> tuple[Town, list[Any]]:
        url = await authority.start()
        made = Town(tmp_path, timestamps={"main": {"url": url, "ca": str(tmp_path / "tsa" / "ca.pem")}}, witnesses={})
        import time

        out = []
        for mode in ("html", "ok", "ok"):
            made.time.at = time.time() + len(out)
            authority.mode = mode
            made.book.note("told", "inc-1", "bcp", text="news")
            out.append(await anchor(made.app, force=False))
        made.time.at = time.time() - 86_400
        made.book.note("told", "inc-1", "bcp", text="yesterday, or so it says")
        out.append(await anchor(made.app))
        await authority.stop()
        return made, out

    made, taken = asyncio.run(work())
    assert [[o.rule for o in t.outcomes] for t in taken] == [["tsa-no-answer"], [""], [""], [""]]
    found = asyncio.run(prove(SqliteState(made.state)))
    assert any("the clock was wrong at the signed head 4" in f for f in found.findings)
    assert any("the clock went back in book" in f for f in found.findings)
    assert found.stamped is not None
    make_authority(tmp_path / "another")
    for folder, right in (("tsa", True), ("another", False)):  # whoever may write the state may put certificates there
        named = {"main": tmp_path / folder / "ca.pem"}
        said = asyncio.run(prove(SqliteState(made.state), authorities=named)).findings
        assert any("the time stamp of main for the signed head 4" in f for f in said) is not right, said
    # whoever has our key and no authority cannot write it anew
    pack = exported(made)
    line = next(x for x in (pack / "README.txt").read_text().splitlines() if x.strip().startswith("openssl"))
    done = subprocess.run(line.split(), cwd=pack, capture_output=True, text=True)  # as the page tells an auditor
    assert done.returncode == 0 and "OK" in done.stdout, line + done.stderr
    assert any("the clock" in w for w in checked(pack)[0])
    assert any("NOT PROVED: nobody outside vouches for it" in n for n in checked(pack)[1])  # a stamp may be anybody's
    log = AnchorLog(made.state)
    records = [dict(r) for r in log.read().records]
    key = signing_key(made.state, None)
    text = records[1]["text"].replace('"organisation":"Corp"', '"organisation":"Corp2"')
    records[1] |= {"text": text, "signature": key.sign(text)}
    log.path.write_text("".join(canonical(r) + "\n" for r in records))
    said = asyncio.run(prove(SqliteState(made.state))).findings
    assert any("is not the one that main stamped at" in f for f in said), said
    (log.path.parent / "tsa-main.pem").write_text("")
    assert any("not genuine" in f for f in asyncio.run(prove(SqliteState(made.state))).findings)


# -- handing over ----------------------------------------------------------------------------------------------------


def exported(town: Town, name: str = "pack") -> Path:
    folder = town.folder / name
    export(town.state, folder, "Corp", signing_key(town.state, None), ["a-secret-of-ours"])
    return folder


def test_an_export_checks_itself_with_nothing_but_python(town: Town, capsys) -> None:
    folder = exported(town)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), "--key", signing_key(town.state, None).public],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Unaltered") and "5 chains" in done.stdout and "NOT PROVED" not in done.stdout
    assert standalone_pack.main([str(folder)]) == 0
    assert capsys.readouterr().out.startswith("Nothing was found altered; that somebody wrote all of it anew is not")
    ast.parse((folder / "verify.py").read_text(), feature_version=(3, 8))


def test_evidence_of_nothing_names_no_time(tmp_path: Path) -> None:
    """Not the year 1970."""
    (tmp_path / "state").mkdir()
    told = export(tmp_path / "state", tmp_path / "pack", "Corp", signing_key(tmp_path / "state", None))
    wrong, notes = checked(tmp_path / "pack")
    assert wrong == [] and told.as_of == 0 and "nothing has happened yet" in notes[0], notes
    assert json.loads((tmp_path / "pack" / "manifest.json").read_text())["as_of"] == ""


@pytest.mark.parametrize("junk", [
    {"kind": "timestamp", "seq": 1, "tsa": "../../x", "token": "AAAA"}, {"kind": "timestamp"}, {"kind": "statement"},
    {"kind": "timestamp", "seq": "one", "tsa": "a", "token": "!"}, {},
    {"kind": "statement", "text": "{}", "signature": ""},
])  # fmt: skip
def test_junk_among_the_heads_keeps_nobody_from_exporting_and_is_found(town: Town, junk: dict[str, Any]) -> None:
    path = town.state / "evidence" / "anchors.jsonl"
    path.write_text(path.read_text() + (canonical(junk) if junk else "no json") + "\n")
    assert town.proved() != ()
    folder = exported(town)
    assert not list(folder.rglob("*.tst")) and not (town.folder / "x.tst").exists()
    assert checked(folder)[0]


def test_texts_with_every_kind_of_line_end_survive(tmp_path: Path) -> None:
    """JSON leaves U+2028 and U+0085 as they are, and Python splits lines at them."""
    town = Town(tmp_path)
    town.time.at = T0
    town.book.note("told", "inc-1", "bcp", text="one\u2028two\x85three\x0bfour\r\nfive")
    town.lived("run-1", T0 + 60)
    town.anchored(T0 + HOUR)
    assert town.proved() == () and checked(exported(town))[0] == []


def test_the_same_evidence_gives_the_same_files(town: Town) -> None:
    one, other = exported(town, "one"), exported(town, "other")
    files = {p.relative_to(one): p.read_bytes() for p in one.rglob("*") if p.is_file()}
    assert files == {p.relative_to(other): p.read_bytes() for p in other.rglob("*") if p.is_file()}
    assert {"verify.py", "README.txt", "manifest.json", "audit.jsonl"} <= {str(p) for p in files}


def test_nothing_secret_is_handed_over_and_nothing_is_written_over(town: Town) -> None:
    folder = exported(town)
    private = (town.state / "evidence" / "signing.key").read_text().strip()
    assert not any(private.encode() in p.read_bytes() for p in folder.rglob("*") if p.is_file())
    with pytest.raises(Invalid) as caught:
        exported(town)
    assert caught.value.rule == "folder-not-empty"
    with pytest.raises(Refused) as refused:
        export(town.state, town.folder / "no", "Corp", signing_key(town.state, None), ["event 2 of run-1"])
    assert refused.value.rule == "evidence-secret" and not (town.folder / "no").exists()


@pytest.mark.parametrize(("what", "alter", "words", "when"), [
    a for a in ALTERED if a[1] not in {rewrite_and_sign, forget_evidence, forget_last_head}
], ids=lambda v: v.replace(" ", "-") if isinstance(v, str) and " " in v and len(v) < 60 else "")  # fmt: skip
def test_what_was_altered_before_the_export_is_found_in_it(
    town: Town, what: str, alter: Callable[[Town], None], words: str, when: str
) -> None:
    alter(town)
    wrong, _ = checked(exported(town))
    assert any(words in w for w in wrong), wrong


@pytest.mark.parametrize("alter", [rewrite_and_sign, forget_evidence, forget_last_head])
def test_what_our_own_key_signed_anew_is_found_with_what_the_witness_kept(
    town: Town, alter: Callable[[Town], None]
) -> None:
    alter(town)
    folder = exported(town)
    wrong, _ = checked(folder, "", town.folder / "witness")
    assert any("the witness" in w for w in wrong), wrong


def lose_manifest_line(folder: Path) -> None:
    data = json.loads((folder / "manifest.json").read_text())
    del data["files"]["runs/run-3.jsonl"]
    (folder / "manifest.json").write_text(canonical(data))
    (folder / "runs" / "run-3.jsonl").unlink()


def drop_last_event(folder: Path) -> None:
    path = folder / "runs" / "run-3.jsonl"
    rows = path.read_text().splitlines()
    last = max(i for i, r in enumerate(rows) if r.startswith('["event"'))
    path.write_text("\n".join(rows[:last] + rows[last + 1 :]) + "\n")


PACK: tuple[tuple[str, Callable[[Path], Any], str], ...] = (
    ("an event is changed", lambda f: (f / "runs" / "run-2.jsonl").write_text(
        (f / "runs" / "run-2.jsonl").read_text().replace("event 1 of", "event 7 of")), "was changed, or one before"),
    ("the last event is dropped", drop_last_event, "run-3"),
    ("the last run is removed, also from the list", lose_manifest_line, "run-3 was removed"),
    ("the book is changed", lambda f: (f / "chains" / "book.jsonl").write_text(
        (f / "chains" / "book.jsonl").read_text().replace("news 1", "news 7")), "book: event 2"),
    ("a finding is changed", lambda f: (f / "chains" / "drills.jsonl").write_text(
        (f / "chains" / "drills.jsonl").read_text().replace("was slow", "was fast")), "drill-1: event 2 (finding)"),
    ("what was claimed is changed", lambda f: (f / "runs" / "run-1.jsonl").write_text(
        (f / "runs" / "run-1.jsonl").read_text().replace("somebody", "nobody")), "what was claimed as k1"),
    ("a run is no JSON any more", lambda f: (f / "runs" / "run-1.jsonl").write_text(
        (f / "runs" / "run-1.jsonl").read_text().replace('"', "", 1)), "run-1.jsonl was changed"),
    ("a run is other JSON", lambda f: (f / "runs" / "run-1.jsonl").write_text("[]\n7\n"), "run-1.jsonl was changed"),
    ("the book is cut within a line", lambda f: (f / "chains" / "book.jsonl").write_bytes(
        (f / "chains" / "book.jsonl").read_bytes()[:-9]), "book.jsonl was changed"),
    ("a file is put in", lambda f: (f / "extra.txt").write_text("x"), "extra.txt was put in"),
    ("a file is removed", lambda f: (f / "README.txt").unlink(), "README.txt is gone"),
    ("the checker is changed", lambda f: (f / "verify.py").write_text("print('Unaltered')"), "verify.py was changed"),
    ("another key", lambda f: (f / "manifest.json").write_text(
        (f / "manifest.json").read_text().replace('"key":"', '"key":"00')), "is not genuine"),
)  # fmt: skip


@pytest.mark.parametrize(("what", "alter", "words"), PACK, ids=[p[0].replace(" ", "-") for p in PACK])
def test_what_is_altered_in_an_export_is_found(town: Town, what: str, alter: Callable[[Path], Any], words: str) -> None:
    folder = exported(town)
    alter(folder)
    wrong, _ = checked(folder)
    assert any(words in w for w in wrong), wrong


def test_a_key_that_is_not_the_known_one_and_folders_that_are_none(town: Town, tmp_path: Path) -> None:
    wrong, notes = checked(exported(town), "ab" * 32)
    assert any("not with the one that you know" in w for w in wrong)
    _, notes = checked(exported(town, "again"))
    assert any("NOT PROVED" in n for n in notes)
    with pytest.raises(StorageError):
        checked(tmp_path / "none")
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "manifest.sig").write_text("")
    with pytest.raises(Invalid) as caught:
        checked(tmp_path)
    assert caught.value.rule == "no-evidence"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["seq", "at", "audit", "chains", "key", "previous", "book", "v"]), inner, max_size=5), max_leaves=12,
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({}, optional={
    "kind": st.sampled_from(["statement", "timestamp", "witness"]), "text": JUNK.map(json.dumps) | JUNK, "seq": JUNK,
    "signature": JUNK, "token": JUNK, "tsa": JUNK,
}), max_size=4))  # fmt: skip
def test_whatever_stands_in_the_file_of_heads_is_an_outcome(records: list[dict[str, Any]]) -> None:
    statements, wrong = standalone.statements_of(records)
    standalone.compare(statements, [], {})
    standalone_clock.clock_damage(statements, [], {})
    kinds = [r.get("kind") for r in records]
    assert len(wrong) >= kinds.count("statement") + kinds.count("timestamp")


@given(st.binary(max_size=80))
def test_whatever_an_authority_sends_is_read_or_refused(raw: bytes) -> None:
    for read in (standalone_proof.parts, standalone_proof.token_of):
        with contextlib.suppress(ValueError):
            read(raw)


# -- the program's own arithmetic ------------------------------------------------------------------------------------


def test_its_hashes_are_those_of_the_store() -> None:
    data = {"text": 'ä "x" \\ \n', "n": 1.5, "none": None}
    args = (3, 1_795_400_000.25, "kind", "step", "ann ö", canonical(data))
    assert standalone.event_hash("a" * 64, *args) == link_event("a" * 64, *args)
    mine = standalone.book_hash("a" * 64, 3, 1.5, "inc", "kind", "ann", canonical(data))
    assert mine == link_book("a" * 64, 3, 1.5, "inc", "kind", "ann", data)
    for meta in ({}, {"format": "2", "plan": "{}", "run": '"r"'}):
        assert standalone.genesis_of(meta) == genesis_of(meta)


def test_its_signatures_are_those_of_the_library(tmp_path: Path) -> None:
    key = signing_key(tmp_path, None)
    for text in ("", "a", "ä" * 999):
        signature = key.sign(text)
        assert standalone_proof.signed(text, signature, key.public) and genuine(text, signature, key.public)
        for bad in (signature[:-2] + ("00" if signature[-2:] != "00" else "01"), "00" * 64, "zz", signature + "00"):
            assert not standalone_proof.signed(text, bad, key.public) and not genuine(text, bad, key.public)
        assert not standalone_proof.signed(text + "x", signature, key.public)
        assert not standalone_proof.signed(text, signature, "ff" * 32) and not standalone_proof.signed(
            text, signature, "00"
        )


def test_a_vector_of_rfc_8032() -> None:
    """Section 7.1, test 2."""
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
        "00d291612bb0c00"
    )
    assert standalone_proof.signed("\x72", signature, public) and not standalone_proof.signed("\x73", signature, public)


# -- readiness ---------------------------------------------------------------------------------------------------------


def stands(town: Town) -> tuple[str, str]:
    """What a look at readiness says of the witness."""
    from bcp.deeds.readiness.papers import anchors

    found = asyncio.run(anchors(town.app, None))  # type: ignore[arg-type]
    (one,) = [c for c in found if c.code == "evidence-witness"]
    assert (one.subject, one.playbooks) == ("neighbour", ("",))
    return one.state, one.says


def test_a_witness_whose_share_is_away_is_red_at_the_next_look_and_green_when_it_is_back(town: Town) -> None:
    folder, away = town.folder / "witness", town.folder / "away"
    assert stands(town)[0] == "ok"
    folder.rename(away)
    assert stands(town) == ("fail", f"the witness neighbour keeps nothing now: {folder} is not there")
    folder.mkdir()  # the mount point alone
    assert stands(town)[0] == "fail" and "has not got the head 4" in stands(town)[1]
    folder.rmdir()
    folder.write_text("")
    assert stands(town)[0] == "fail" and "cannot be read" in stands(town)[1]
    folder.unlink()
    away.rename(folder)
    assert stands(town)[0] == "ok"
