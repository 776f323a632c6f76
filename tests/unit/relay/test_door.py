"""The agent's door: options, one look, a loop, a batch, answers by HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC
from pathlib import Path

import pytest
from support import ROOT

from bcp.cli import main as entry
from bcp.contracts.relay import AgentWay
from bcp.contracts.relay_ledger import Wanted
from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.secret import Secret
from bcp.kit.relay_agent import ask_by_command
from bcp.kit.triplets import packed, unpacked
from bcp.relay import door
from bcp.relay.agent import Agent, Desk, Options
from bcp.relay.journal import Journal
from bcp.relay.place import Place
from bcp.relay.pull import pull
from bcp.relay.serve import serve
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.store.sqlite.relay_agent import AgentStore

from .test_batches import late
from .test_follow import LINES, MAILS, TEXT


@pytest.fixture
def place(tmp_path) -> Path:
    """A log, a key, and a file of options."""
    (tmp_path / "mail.log").write_bytes(TEXT)
    (tmp_path / "key").write_text("k" * 40)
    (tmp_path / "agent.conf").write_text(
        f"# the agent\nname = mx-backup\nlog={tmp_path}/mail.log # here\nstate = {tmp_path}/state\n"
        f"key = {tmp_path}/key\n"
        "queue = none\ncopies = a@x\ncopies = b@x\nzone = UTC\n\n"
    )
    return tmp_path


def run(*arguments: str) -> int:
    return door.run(arguments)


def test_once_reads_all_and_says_how_much(place, capsys) -> None:
    assert run("--settings", f"{place}/agent.conf", "--once") == 0
    assert json.loads(capsys.readouterr().err) == {"lines": {"line": len(LINES)}, "problem": ""}
    assert run("--settings", f"{place}/agent.conf", "--show") == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(shown) == MAILS and {len(m["to"]) for m in shown} == {2}
    assert run("--settings", f"{place}/agent.conf", "--once", "--log", f"{place}/no.log") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--name", "x", "--batch", "soon"], "argument --batch: invalid int value: 'soon'"),
        (["--name"], "argument --name: expected one argument"),
        ([], "say which relay this is"),
    ],
)
def test_a_wrong_line_is_told_as_json_where_that_was_asked_for(words, said, capsys, monkeypatch) -> None:
    """The common options may stand anywhere here, too."""
    monkeypatch.setattr(entry.OUT, "json", False)
    for line in (["relay", "agent", *words, "--output", "json"], ["-o", "json", "relay", "agent", *words]):
        monkeypatch.setattr(sys, "argv", ["bcp", *line])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert (ended.value.code, err, found["schema"], found["exit_code"]) == (2, "", "bcp.error/1", 2)
        assert found["message"] == said and found["hint"]
    monkeypatch.setattr(sys, "argv", ["bcp", "relay", "agent", *words, "--quiet"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "") and err.startswith(f"error: {said}\n") and "usage:" not in err


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "no-relay"),
        (["--name", "x"], "no-log"),
        (["--name", "x", "--zone", "Nowhere/City"], "no-zone"),
        (["--name", "x", "--back", "long"], "no-number"),
        (["--name", "x", "--batch", "0"], "no-agent-key"),
        (["--name", "x", "--batch", "0", "--key", "/no/key"], "no-agent-key"),
        (["--settings", "/no/file"], "no-settings"),
        (["--new-key", "/no/folder/key"], "no-agent-key"),
    ],
)
def test_what_is_missing_is_said(arguments, rule, tmp_path) -> None:
    with pytest.raises(Invalid) as found:
        door.main([*arguments, "--state", str(tmp_path)])
    assert found.value.rule == rule


@pytest.mark.parametrize("line", ["nothing = 1", "name", "once = yes", "batch = 3"])
def test_a_file_has_options_with_values_only(line, tmp_path, capsys) -> None:
    (tmp_path / "c").write_text(line)
    with pytest.raises(Invalid) as found:
        door.main(["--settings", f"{tmp_path}/c"])
    assert found.value.rule == "no-option"
    assert run("--settings", f"{tmp_path}/c") == 2 and "error:" in capsys.readouterr().err


def test_a_new_key_is_private_and_never_written_over(tmp_path, capsys) -> None:
    path = tmp_path / "key"
    assert run("--new-key", str(path)) == 0
    assert len(path.read_text().strip()) == 64 and path.stat().st_mode & 0o777 == 0o600
    assert run("--new-key", str(path)) == 2 and "exists" in capsys.readouterr().err


def test_a_batch_by_command_is_taken_by_the_main_node(place) -> None:
    run("--settings", f"{place}/agent.conf", "--once")
    command = [sys.executable, "-m", "bcp", "relay", "agent", "--settings", f"{place}/agent.conf"]
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    ledger = MemoryLedger()
    way = AgentWay(command=command, key=Secret(f"file:{place}/key"))
    done = asyncio.run(pull("mx-backup", way, ledger, SystemClock()))
    assert (done.batches, done.problem) == (1, "") and ledger.count(Wanted()) == 2 * MAILS
    assert asyncio.run(pull("mx-backup", way, ledger, SystemClock())).batches == 0


@pytest.mark.parametrize(
    ("command", "key", "rule"),
    [
        (["false"], "k" * 40, "agent-silent"),
        (["echo"], "k" * 40, "batch-unreadable"),
        (["/no/such/program"], "k" * 40, ""),
        (["false"], "short", "no-agent-key"),
    ],
)
def test_an_agent_that_cannot_be_asked_is_noted(tmp_path, command, key, rule) -> None:
    (tmp_path / "key").write_text(key)
    ledger = MemoryLedger()
    done = asyncio.run(pull("r", AgentWay(command=command, key=Secret(f"file:{tmp_path}/key")), ledger, SystemClock()))
    assert done.problem and done.rule == rule and ledger.source("r").problem == done.problem
    assert ledger.source("r").heard == 0.0


def test_over_ssh_no_word_is_lost(tmp_path) -> None:
    """ssh joins its words with blanks: an empty one would vanish, and take its neighbour's place."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nshift\neval "$*" > {tmp_path}/answer\necho\n')
    ssh.chmod(0o755)
    asked = {"after": "0", "stream": "", "nonce": "n", "seal": "s"}
    asyncio.run(ask_by_command([str(ssh), "relay", "printf '%s\\n'", "x"], asked, 10.0))
    words = (tmp_path / "answer").read_text().split()
    assert words == ["x", "--batch=0", "--stream=", "--nonce=n", "--seal=s"]


def test_an_agent_is_asked_in_one_way() -> None:
    for given in ({}, {"url": "http://x", "command": ["y"]}):
        with pytest.raises(ValueError, match="one of them"):
            AgentWay(key=Secret("env:X"), **given)


def test_by_http(place) -> None:
    run("--settings", f"{place}/agent.conf", "--once")
    store = AgentStore(place / "state" / "agent.db")
    desk = Desk(Options("mx-backup", place), store, b"k" * 40)
    server = serve("127.0.0.1:0", desk, SystemClock())
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        ledger = MemoryLedger()
        way = AgentWay(url=url, key=Secret(f"file:{place}/key"))
        assert asyncio.run(pull("mx-backup", way, ledger, SystemClock())).batches == 1
        assert ledger.count(Wanted()) == 2 * MAILS
        (place / "other").write_text("o" * 40)
        wrong = AgentWay(url=url, key=Secret(f"file:{place}/other"))
        assert asyncio.run(pull("mx-backup", wrong, ledger, SystemClock())).rule == "agent-refuses"
        assert asyncio.run(pull("mx-other", way, ledger, SystemClock())).rule == "agent-refuses"
        for path, code in (("/", 404), ("/batch?after=x", 503), ("/batch", 403)):
            with pytest.raises(urllib.error.HTTPError) as found:
                urllib.request.urlopen(url + path)
            assert found.value.code == code
        store.close()
        assert asyncio.run(pull("mx-backup", way, ledger, SystemClock())).rule == "agent-silent"
    finally:
        server.shutdown()
        server.server_close()
    assert asyncio.run(pull("mx-backup", way, ledger, SystemClock())).problem


@pytest.mark.parametrize("where", ["nonsense", "127.0.0.1:99999", "192.0.2.1:8025"])
def test_a_place_where_nobody_can_listen(where, place) -> None:
    with pytest.raises(Invalid) as found:
        serve(where, Desk(Options("r", place), AgentStore(place / "x.db"), b"k" * 40), SystemClock())
    assert found.value.rule == "no-place"


class Loop(door._Loop):
    """Turns as often as wanted."""

    def __init__(self, agent: Agent, listing=()) -> None:
        super().__init__(agent, SystemClock(), listing, threading.Event())


def agent_of(place: Path, **options) -> Agent:
    given = Options("mx-backup", place, place / "mail.log", **options)
    return Agent(given, AgentStore(place / "state" / "agent.db"), UTC)


def test_a_full_disk_stops_the_reading_and_is_said_after_it(place, monkeypatch, capsys) -> None:
    loop = Loop(agent_of(place))
    keep, full = AgentStore.keep, [True]

    def maybe(self, *given):
        if full[0]:
            raise StorageError("database or disk is full")
        keep(self, *given)

    monkeypatch.setattr(AgentStore, "keep", maybe)
    waits = []
    loop.stop.wait = lambda seconds: waits.append(seconds) or (len(waits) == 3 and loop.stop.set())  # type: ignore[assignment]
    assert loop.run() == 0
    assert waits == [2.0, 4.0, 8.0] and capsys.readouterr().err == "database or disk is full\n"
    full[0] = False
    loop._turn()
    assert [r[2] for r in loop.agent._remarks] == ["ledger-full"] and loop._wait == door.EVERY_S
    assert len(loop.agent.store.changes(0, 1000)[0]) == MAILS
    assert capsys.readouterr().err == "all is well again\n"


def test_the_queue_is_listed_when_names_are_missing(place, capsys) -> None:
    (place / "mail.log").write_text("".join(f"{x}\n" for x in LINES[:3]))
    row = {"queue_name": "hold", "queue_id": "4fR1Qx0000z000", "recipients": [{"address": "a@corp.test"}] * 2}
    loop = Loop(agent_of(place), ["echo", json.dumps(row)])
    assert loop.once() == 0
    (body,) = loop.agent.store.changes(0, 10)[0]
    assert [p[0] for p in json.loads(body)["to"]] == ["a@corp.test"]
    other = Loop(agent_of(place), ["false"])
    other.once()
    assert "the queue cannot be listed" in capsys.readouterr().err


def test_what_is_delivered_while_the_queue_is_listed_is_not_missed_in_it(place) -> None:
    """It waited for long, so nothing but the listing and the lines written meanwhile speak of it."""
    (place / "mail.log").write_text("".join(f"{x}\n" for x in LINES[:3]))
    (place / "new").write_text("".join(late(who) for who in ("a0@corp.test", "b0@corp.test")))
    loop = Loop(agent_of(place), ["sh", "-c", f"cat {place / 'new'} >> {place / 'mail.log'}"])
    loop.once()
    (body,) = loop.agent.store.changes(0, 10)[0]
    assert [p[2] for p in json.loads(body)["to"]] == ["sent", "sent"]


JOURNALCTL = """\
import json, sys, time
start = sys.argv[-1]
rows = [json.loads(x) for x in open({path!r})]
at = 0
if start.startswith("--cursor="):
    found = [i for i, r in enumerate(rows) if r["__CURSOR"] == start[9:]]
    if {strict} and not found:
        sys.exit("Failed to seek to cursor")
    at = found[0] if found else 0
for row in rows[at:]:
    print(json.dumps(row), flush=True)
time.sleep(60)
"""


class Journald:
    """journald as far as it is used: entries with cursors, from one of them on."""

    def __init__(self, folder: Path, strict: bool = False) -> None:
        self.path = folder / "journal"
        (folder / "journalctl.py").write_text(JOURNALCTL.format(path=str(self.path), strict=strict))
        self.command = (sys.executable, str(folder / "journalctl.py"))
        self.said: list[str] = []
        self.place = Place()

    def write(self, first: int, last: int) -> None:
        rows = []
        for n, text in enumerate(LINES[first:last], first):
            program, _, message = text[22:].partition("]: ")
            name, _, pid = program.partition("[")
            rows.append({"__CURSOR": f"c{n}", "__REALTIME_TIMESTAMP": str(1795773600000000 + n * 10**6),
                         "SYSLOG_IDENTIFIER": name, "_PID": pid, "MESSAGE": message})  # fmt: skip
        self.path.write_text("".join(json.dumps(r) + "\n" for r in rows))

    def read(self, count: int, until_said: bool = False) -> list[bytes]:
        """So many lines from the place, or what came until something was said; then the reader is ended."""
        journal = Journal(self.place, lambda code, text: self.said.append(code), command=self.command)
        found, end = list[bytes](), time.monotonic() + 120
        while len(found) < count and time.monotonic() < end and not (until_said and self.said) and not journal.problem:
            for piece in journal.pieces(1795773600.0):
                found += piece.lines
            time.sleep(0.01)
        journal.close()
        return found


def test_the_journal_is_read_on_from_its_cursor(tmp_path) -> None:
    journald = Journald(tmp_path)
    journald.write(0, 10)
    assert len(journald.read(10)) == 10 and journald.place.cursor == "c9"
    journald.write(0, 25)
    (first, *_) = found = journald.read(15)
    assert len(found) == 15 and json.loads(first)["__CURSOR"] == "c10" and journald.said == []


def test_a_journal_that_was_cut_is_said(tmp_path) -> None:
    journald = Journald(tmp_path)
    journald.write(0, 10)
    journald.read(10)
    journald.write(20, 25)
    assert len(journald.read(5)) == 5 and journald.said == ["log-lost"]


def test_a_cursor_that_is_refused_begins_anew_and_is_said(tmp_path) -> None:
    journald = Journald(tmp_path, strict=True)
    journald.write(0, 10)
    journald.read(10)
    journald.write(20, 25)
    assert journald.read(5, until_said=True) == [] and journald.said == ["log-lost"] and journald.place.cursor == ""


def test_once_waits_for_all_that_the_journal_has(tmp_path) -> None:
    """``--once`` must not end before journalctl has begun to speak."""
    (tmp_path / "slow.py").write_text(
        "import sys, time\nassert '--follow' not in sys.argv\ntime.sleep(0.1)\n"
        f"print({json.dumps({'__CURSOR': 'c1', 'SYSLOG_IDENTIFIER': 'postfix/qmgr', 'MESSAGE': 'x'})!r})\n"
    )
    command = (sys.executable, str(tmp_path / "slow.py"), "--follow")
    place = Place()
    journal = Journal(place, lambda code, text: None, command=command, follow=False)
    assert [len(p.lines) for p in journal.pieces(0.0)] == [1]
    assert journal.problem == "" and place.cursor == "c1"
    failing = Journal(Place(), lambda code, text: None, command=(sys.executable, "-c", "exit(3)"), follow=False)
    assert list(failing.pieces(0.0)) == [] and "ended with 3" in failing.problem


def test_no_journalctl_is_a_problem() -> None:
    journal = Journal(Place(), lambda code, text: None, command=("/no/journalctl",))
    assert list(journal.pieces(0.0)) == [] and journal.problem == "/no/journalctl: No such file or directory"


def test_bytes_pass_through_the_output_of_programs() -> None:
    raw = bytes(range(256)) * 3
    text = packed(raw)
    assert unpacked(text) == raw and max(map(len, text.split())) == 3, "no secret of four characters is in there"
    with pytest.raises(Refused) as found:
        unpacked("!!!")
    assert found.value.rule == "batch-unreadable"


def test_it_needs_python_and_nothing_else(place) -> None:
    """Light: no vendor, no pydantic, no typer; small. (How quick it starts is measured by ``make bench``.)"""
    code = (
        "import sys; sys.argv = ['bcp', 'relay', 'agent', '--settings', sys.argv[1], '--once'];\n"
        "from bcp.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "own = {m.partition('.')[0] for m in sys.modules}\n"
        "used = next(x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM'))\n"
        "print(sorted(own & {'pydantic', 'typer', 'click', 'rich', 'aiohttp', 'yaml', 'jinja2', 'dns'}), used)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, f"{place}/agent.conf"],
        capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    modules, kilobytes = done.stdout.strip().rsplit(" ", 1)
    assert modules == "[]" and int(kilobytes) < 40 * 1024, done.stdout


def test_a_signal_ends_it_well(place) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "relay", "agent", "--settings", f"{place}/agent.conf"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and not (place / "state" / "agent.db").exists():
            time.sleep(0.02)
        store = AgentStore(place / "state" / "agent.db")
        while time.monotonic() < end and len(store.changes(0, 1000)[0]) < MAILS:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.communicate()
