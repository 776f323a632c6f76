"""The place in a log: rotated, copied, packed, cut into pieces and killed, the same ledger comes out."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.kernel.errors import StorageError
from bcp.relay import follow
from bcp.relay.agent import Agent, Options
from bcp.relay.follow import Follower
from bcp.relay.place import MOST, Place, Stream, digest, place_of
from bcp.store.sqlite.relay_agent import AgentStore

from .shelves import NOW

MAILS = 12


def whole_log(mails: int = MAILS) -> list[str]:
    """Messages one after the other, each with two recipients; every third bounces in part, every fourth waits."""
    lines = []
    for n in range(mails):
        ident, at = f"4fR1Qx{n:04}z{n:03}", f"Nov 27 10:{n % 60:02}"
        to = f"dsn=2.0.0, status={'bounced (550 no)' if n % 3 == 0 else 'sent (250 ok)'}"
        lines += [
            f"{at}:01 relay postfix/smtpd[1]: {ident}: client=a[192.0.2.{n}]",
            f"{at}:01 relay postfix/cleanup[2]: {ident}: message-id=<m{n}@side.test>",
            f"{at}:02 relay postfix/qmgr[3]: {ident}: from=<o{n}@side.test>, size=9, nrcpt=2 (queue active)",
            f"{at}:03 relay postfix/smtp[4]: {ident}: to=<a{n}@corp.test>, relay=x, {to}",
            f"{at}:04 relay postfix/smtp[4]: {ident}: to=<b{n}@corp.test>, relay=x, dsn=4.0.0, status=deferred (450)",
        ]
        if n % 4:
            lines += [
                f"{at}:05 relay postfix/smtp[4]: {ident}: to=<b{n}@corp.test>, relay=x, dsn=2.0, status=sent (250 ok)",
                f"{at}:06 relay postfix/qmgr[3]: {ident}: removed",
            ]
    return lines


LINES = whole_log()
TEXT = "".join(f"{line}\n" for line in LINES).encode()


class Machine:
    """A log that is written to and rotated, and an agent beside it that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.number = folder, folder / "mail.log", 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.log.touch()
        self.mtime = int(NOW) - 5000
        self.old = self.log
        self.store = AgentStore(folder / "agent" / "agent.db")
        self.agent = self.start()

    def start(self) -> Agent:
        return Agent(Options("r", self.folder, self.log), self.store, UTC)

    def _touched(self, path: Path) -> None:
        self.mtime += 1
        os.utime(path, (self.mtime, self.mtime))

    def write(self, raw: bytes, path: Path | None = None) -> None:
        with (path or self.log).open("ab") as out:
            out.write(raw)
        self._touched(path or self.log)

    def name(self) -> Path:
        self.number += 1
        return self.folder / f"mail.log-{self.number:04}"

    def rename(self) -> None:
        self.old = self.name()
        self.log.rename(self.old)
        self.log.touch()
        self._touched(self.log)

    def copytruncate(self) -> None:
        shutil.copy2(self.log, self.name())
        os.truncate(self.log, 0)
        self._touched(self.log)

    def pack(self) -> None:
        for path in sorted(self.folder.glob("mail.log-????"))[:-1]:
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
            shutil.copystat(path, packed)
            path.unlink()

    def read(self, most: int = 10**9) -> None:
        """All that is new, or so many pieces of it, after which the agent is killed."""
        self.agent.now = self.agent.listener.reader.dating.now = NOW
        for number, piece in enumerate(self.agent.source.pieces(NOW)):
            if number >= most:
                break
            self.agent._take(piece)

    def kill(self) -> None:
        self.agent = self.start()

    def ledger(self) -> dict[str, dict]:
        return {d["uid"]: d for d in map(json.loads, self.store.changes(0, 1 << 40)[0])}


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> dict[str, dict]:
    machine = Machine(tmp_path_factory.mktemp("truth") / "m")
    machine.write(TEXT)
    machine.read()
    found = machine.ledger()
    assert len(found) == MAILS and sum(len(m["to"]) for m in found.values()) == 2 * MAILS
    return found


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 900)),
        st.tuples(st.sampled_from(["rename", "copytruncate", "pack", "read", "kill"]), st.just(0)),
        st.tuples(st.just("part"), st.integers(0, 3)),
    ),
    max_size=25,
)


@pytest.mark.parametrize("chunk", [1 << 18, 400])
@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_whatever_is_done_to_the_log_the_ledger_is_the_same(steps, chunk, truth, tmp_path_factory) -> None:
    """Truncated is only what was read or copied: what is written in between is lost by copytruncate itself."""
    machine, at = Machine(tmp_path_factory.getbasetemp() / "machine"), 0
    before, follow.CHUNK = follow.CHUNK, chunk
    try:
        for name, size in steps:
            if name == "write":
                machine.write(TEXT[at : at + size])
                at += size
            elif name in {"rename", "copytruncate"}:
                end = TEXT.find(b"\n", at - 1) + 1 if 0 < at < len(TEXT) else at
                machine.write(TEXT[at:end])  # a daemon writes a line as a whole
                at = max(at, end)
                getattr(machine, name)()
            elif name == "part":
                machine.read(size)
                machine.kill()
            else:
                getattr(machine, name)()
        machine.write(TEXT[at:])
        machine.read()
    finally:
        follow.CHUNK = before
    assert machine.ledger() == truth, (steps, machine.folder)
    assert machine.agent._remarks == [], machine.agent._remarks
    assert machine.agent.listener.counted.total() == len(LINES), "each line was read once"


def test_a_writer_that_still_has_the_old_file_is_heard(tmp_path, truth) -> None:
    machine = Machine(tmp_path / "m")
    machine.mtime = int(NOW) - 20
    machine.write(TEXT[:1000])
    machine.read()
    machine.rename()
    machine.write(TEXT[1000:1500], machine.old)
    machine.read()
    end = TEXT.find(b"\n", 2000) + 1
    machine.write(TEXT[1500:end], machine.old)
    machine.write(TEXT[end:])
    machine.read()
    assert machine.ledger() == truth


def test_what_is_gone_before_it_was_read_is_said(tmp_path) -> None:
    machine = Machine(tmp_path / "m")
    machine.write(TEXT[:1000])
    machine.read()
    machine.write(TEXT[1000:2000])
    machine.log.unlink()
    machine.agent.step(NOW)
    assert machine.agent.problem.endswith("no such file")
    machine.write(TEXT[2000:])
    assert machine.agent.step(NOW) > 0
    assert [r[2] for r in machine.agent._remarks] == ["log-lost"] and machine.agent.problem == ""
    machine.kill()
    machine.agent.step(NOW)
    assert [r[2] for r in machine.agent._remarks] == ["log-lost"], "said once, and kept"


def test_a_log_that_was_changed_is_read_again_and_nothing_counts_twice(tmp_path, truth) -> None:
    machine = Machine(tmp_path / "m")
    machine.write(TEXT)
    machine.read()
    raw = machine.log.read_bytes().replace(b"Nov 27 10:11:03", b"Nov 27 10:11:02")
    machine.log.write_bytes(raw + b"Nov 27 12:00:00 relay postfix/qmgr[3]: x\n")
    machine.log.write_bytes(raw[:-300])
    machine.agent.step(NOW)
    assert [r[2] for r in machine.agent._remarks] == ["log-altered"]
    assert machine.ledger() == truth


def test_at_the_first_start_rotated_files_are_read_as_far_back_as_wanted(tmp_path) -> None:
    machine = Machine(tmp_path / "m")
    for number, age in enumerate((30, 3)):
        old = machine.folder / f"mail.log.{2 - number}"
        old.write_bytes("".join(f"{x}\n" for x in LINES[number * 5 : number * 5 + 5]).encode())
        os.utime(old, (NOW - age * 86_400, NOW - age * 86_400))
    machine.write("".join(f"{x}\n" for x in LINES[12:]).encode())
    machine.read()
    found = {m["mid"] for m in machine.ledger().values()}
    assert "m1@side.test" in found and "m0@side.test" not in found


def test_half_a_line_of_a_file_that_is_over_is_counted_once(tmp_path) -> None:
    machine = Machine(tmp_path / "m")
    machine.write(TEXT[:120])
    machine.read()
    assert machine.agent.listener.counted.total() == 1
    machine.rename()
    machine.read()
    machine.kill()
    machine.read()
    assert machine.agent.listener.counted == {"line": 1, "half": 1}


def test_a_line_without_an_end_is_read_when_it_is_whole(tmp_path) -> None:
    machine = Machine(tmp_path / "m")
    for piece in (TEXT[:30], TEXT[30:60], TEXT[60:]):
        machine.write(piece)
        machine.read()
    assert machine.agent.listener.counted.total() == len(LINES)


def test_junk_of_more_than_any_line_is_passed_over(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(follow, "LONGEST", 5000)
    monkeypatch.setattr(follow, "CHUNK", 1000)
    machine = Machine(tmp_path / "m")
    machine.write(b"\xff" * 12_000 + b"\n" + TEXT)
    machine.read()
    assert machine.agent.listener.counted["line"] == len(LINES) and machine.agent.listener.counted["half"] >= 1


def test_a_broken_packed_file_stops_at_it_and_says_so(tmp_path) -> None:
    machine = Machine(tmp_path / "m")
    packed = machine.folder / "mail.log.1.gz"
    packed.write_bytes(gzip.compress(TEXT)[:-20])
    os.utime(packed, (NOW - 100, NOW - 100))
    machine.write(b"Nov 27 12:00:00 relay postfix/qmgr[3]: x\n")
    machine.agent.step(NOW)
    assert "mail.log.1.gz" in machine.agent.problem
    packed.write_bytes(gzip.compress(TEXT))
    machine.agent.step(NOW)
    assert machine.agent.problem == "" and len(machine.ledger()) == MAILS


def test_what_was_packed_by_something_else_is_said_once_and_stops_nothing(tmp_path) -> None:
    """logrotate with ``compresscmd zstd``: before, the packed bytes were taken for broken lines."""
    (tmp_path / "mail.log.1.zst").write_bytes(b"\x28\xb5\x2f\xfd\n" * 40)
    os.utime(tmp_path / "mail.log.1.zst", (NOW - 100, NOW - 100))
    (tmp_path / "mail.log").write_bytes(TEXT)
    os.utime(tmp_path / "mail.log", (NOW - 9, NOW - 9))
    agent = Agent(Options("r", tmp_path, tmp_path / "mail.log"), AgentStore(tmp_path / "a.db"), UTC)
    for _ in range(2):
        agent.step(NOW)
    assert dict(agent.listener.counted) == {"line": len(LINES)} and not agent.problem
    (said,) = agent._remarks
    assert said[2] == "log-unread" and "mail.log.1.zst cannot be read here" in said[3]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path) -> None:
    follower = Follower(tmp_path / "no" / "mail.log", Place(), lambda code, text: None)
    assert list(follower.pieces(NOW)) == [] and "No such file" in follower.problem


def test_a_ledger_that_cannot_be_written_stops_the_reading_without_a_hole(tmp_path, truth, monkeypatch) -> None:
    machine = Machine(tmp_path / "m")
    keep, tries = AgentStore.keep, iter([True, False, False, True, False, True, True])

    def full(self, *given):
        if not next(tries, True):
            raise StorageError("database or disk is full")
        return keep(self, *given)

    monkeypatch.setattr(AgentStore, "keep", full)
    for at in range(0, len(TEXT), 700):
        machine.write(TEXT[at : at + 700])
        try:
            machine.agent.step(NOW)
        except StorageError:
            continue
    machine.agent.step(NOW)
    assert machine.ledger() == truth and machine.agent.listener.counted.total() == len(LINES)


def test_a_full_disk_leaves_no_reader_of_the_journal_behind(tmp_path, monkeypatch) -> None:
    """Each is a process; the disk may be full for hours."""
    made: list[Reader] = []

    class Reader:
        problem, open = "", True

        def pieces(self, now):
            return iter([follow.Piece([LINES[0].encode()])])

        def close(self):
            self.open = False

    agent = Agent(
        Options("r", tmp_path), AgentStore(tmp_path / "agent.db"), UTC, lambda *_: made.append(Reader()) or made[-1]
    )
    keep = AgentStore.keep
    monkeypatch.setattr(AgentStore, "keep", lambda *_: (_ for _ in ()).throw(StorageError("full")))
    for _ in range(3):
        with pytest.raises(StorageError):
            agent.step(NOW)
    assert [r.open for r in made] == [False, False, False, True]
    monkeypatch.setattr(AgentStore, "keep", keep)
    assert agent.step(NOW) == 1 and made[-1].open
    agent.close()
    assert not made[-1].open


def test_places_come_back_from_json_and_old_ones_are_forgotten() -> None:
    place = Place([Stream(3, digest(b"abc"), 10, digest(b"x"))], 5, "c", 7.0)
    assert place_of(place.to_json()) == place and place_of("") == Place()
    for n in range(MOST + 9):
        place.add(Stream(3, digest(b"%d" % n), n, "", current=n == 0))
    assert len(place.streams) == MOST and place.streams[0].head == digest(b"abc")
    assert [s.offset for s in place.find(b"abc and more")] == [10] and place.find(b"ab") == []
