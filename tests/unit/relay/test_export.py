"""``journalctl -o export`` as a log: entries of many lines, binary values, half entries, junk, a megabyte."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Reader
from bcp.relay.agent import Agent, Options
from bcp.relay.export import HELD, LONGEST_VALUE, Export
from bcp.relay.listen import Listener
from bcp.relay.lives import Lives
from bcp.store.sqlite.relay_agent import AgentStore

from .shelves import NOW, Empty
from .test_glue import SAID

AT = 1_795_773_600_000_000
SOURCE = "s=0123456789abcdef0123456789abcdef"


def entry(n: int, daemon: str, text: bytes, *, binary: bool = False, more: bytes = b"", name: str = "postfix") -> bytes:
    """As journalctl writes it."""
    head = (
        f"__CURSOR={SOURCE};i={n:x};b=1;m=2;t=3;x=4\n__REALTIME_TIMESTAMP={AT + n * 1_000_000}\n"
        f"__MONOTONIC_TIMESTAMP=9\n_BOOT_ID=1\nPRIORITY=6\nSYSLOG_IDENTIFIER={name}/{daemon}\n_PID=11\n_COMM={daemon}\n"
    ).encode()
    message = b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n" if binary else b"MESSAGE=" + text + b"\n"
    return head + more + message + b"_TRANSPORT=syslog\n\n"


def stream(*, binary=lambda n: n % 2 == 1) -> list[bytes]:
    return [entry(n, d, t.encode(), binary=binary(n)) for n, (d, t) in enumerate(SAID)]


def heard(raw: bytes, piece: int = 0) -> tuple[Listener, dict, dict]:
    """Read in pieces of so many lines, the state carried from one to the next as it is kept."""
    listener = Listener(Reader(Dating(UTC, NOW)), Lives(Empty()))
    lines = raw.split(b"\n")[:-1]
    for at in range(0, len(lines), piece or len(lines) or 1):
        state = listener.export.to_json()
        listener.export = Export()
        listener.export.stands_at(state)
        listener.hear(lines[at : at + (piece or len(lines))])
    mails = {m.ids[-1]: m for m in listener.lives._mails.values()}
    fates = {(i, p.to): (p.status, p.at) for i, m in mails.items() for p in m.people}
    return listener, fates, {i: (m.counts, m.over, m.recipients) for i, m in mails.items()}


def as_json() -> bytes:
    rows = [
        {"__REALTIME_TIMESTAMP": str(AT + n * 1_000_000), "SYSLOG_IDENTIFIER": f"postfix/{d}", "MESSAGE": t}
        for n, (d, t) in enumerate(SAID)
    ]
    return b"".join(json.dumps(r).encode() + b"\n" for r in rows)


@pytest.mark.parametrize("piece", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("binary", [lambda n: False, lambda n: True, lambda n: n % 3 == 0])
def test_it_says_what_json_says(binary, piece) -> None:
    listener, fates, mails = heard(b"".join(stream(binary=binary)), piece)
    assert (fates, mails) == heard(as_json())[1:] and len(fates) == 2
    assert dict(listener.counted) == {"line": len(SAID)}


def test_wherever_an_entry_is_cut_the_next_one_is_heard() -> None:
    """Cut at every byte, and the next entry runs on behind it, or begins a line of its own."""
    parts = stream()
    whole = heard(b"".join(parts))[1:]
    for i, part in enumerate(parts[:-1]):
        without = heard(b"".join(parts[:i] + parts[i + 1 :]))[1:]
        for n in range(1, len(part)):
            for glue in (b"", b"\n"):
                listener, fates, mails = heard(b"".join([*parts[:i], part[:n], glue, *parts[i + 1 :]]))
                assert (fates, mails) in (without, whole), (i, n, glue)
                bad = listener.counted["broken"] + listener.counted["half"]
                assert bad in {1, 2} or glue or n == len(part) - 1, (i, n, glue)


def test_a_value_that_is_longer_than_a_line() -> None:
    """A megabyte of another program, and one that says it is Postfix: said, and the next entries are heard."""
    parts = stream()
    for text in (b"x" * 1_000_000, b"\n" * 50_000, b"y" * (HELD + 7)):
        for name in ("dovecot", "postfix"):
            large = entry(99, "imap", text, binary=True, name=name)
            listener, fates, mails = heard(parts[0] + large + b"".join(parts[1:]))
            assert (fates, mails) == heard(b"".join(parts))[1:]
            assert listener.counted["long"] >= 1
    cut = len("4fR1Qx2hZnz9tK: ")
    (out,) = Export().lines(entry(1, "smtp", b"z" * (LONGEST_VALUE + cut), binary=True).split(b"\n")[:-1])
    assert len(json.loads(out)["MESSAGE"]) == LONGEST_VALUE


def test_a_length_that_is_a_lie() -> None:
    """Too small, or so great that it swallows what comes next: said; nothing after it is lost, and nothing forged."""
    parts = stream()
    lie = parts[3].replace(len(SAID[3][1]).to_bytes(8, "little"), (len(SAID[3][1]) + 300).to_bytes(8, "little"))
    listener, fates, mails = heard(b"".join([*parts[:3], lie, *parts[4:]]))
    assert (fates, mails) == heard(b"".join(parts[:3] + parts[4:]))[1:] and listener.counted["broken"] == 1
    short = parts[3].replace(len(SAID[3][1]).to_bytes(8, "little"), (5).to_bytes(8, "little"))
    assert heard(b"".join([*parts[:3], short, *parts[4:]]))[1:] == (fates, mails)
    endless = parts[3].replace(len(SAID[3][1]).to_bytes(8, "little"), b"\xff" * 8)
    assert heard(b"".join([*parts[:3], endless, *parts[4:]]))[1:] == (fates, mails)


def test_what_a_program_writes_into_a_value_is_no_entry() -> None:
    """A message with lines that look like entries of Postfix's is one value of another program's."""
    inner = entry(50, "qmgr", b"4fR1Rk5bVvz9vM: removed")
    parts = stream()
    raw = b"".join([*parts, entry(60, "x", b"\n" + inner, binary=True, name="evil")])
    assert heard(raw)[1:] == heard(b"".join(parts))[1:]
    torn = entry(60, "x", b"\n" + inner.replace(SOURCE.encode(), b"s=guess"), binary=True, name="evil")[:-60]
    assert heard(b"".join([*parts, torn, *stream()[:1]]))[1][("4fR1Rk5bVvz9vM", "b@corp.test")][0] == "bounced"
    assert not heard(b"".join([*parts, torn, *stream()[:1]]))[2]["4fR1Rk5bVvz9vM"][1]


@pytest.mark.parametrize("junk", [b"\x00\xff\xfe junk\n", b"no field\n", b"=\n", b"lower=1\n", b"\n\n\n"])
def test_junk_between_and_within_entries(junk) -> None:
    parts = stream(binary=lambda n: False)
    listener, fates, mails = heard(parts[0] + junk + b"".join(parts[1:]))
    assert (fates, mails) == heard(b"".join(parts))[1:]
    at = parts[1].index(b"PRIORITY")
    listener, fates, mails = heard(parts[0] + parts[1][:at] + junk + parts[1][at:] + b"".join(parts[2:]))
    assert (fates, mails) in (heard(b"".join(parts))[1:], heard(b"".join(parts[:1] + parts[2:]))[1:])
    assert listener.counted["broken"] or junk == b"\n\n\n"


def test_an_entry_without_words_and_bytes_that_are_no_text() -> None:
    export = Export()
    raw = entry(1, "smtp", b"\xff\xfe", binary=True) + entry(2, "smtp", b"x").replace(b"MESSAGE=x\n", b"")
    (out,) = export.lines(raw.split(b"\n")[:-1])
    assert json.loads(out)["MESSAGE"] == [255, 254] and export.to_json() == ""


def test_a_file_that_grows_by_halves_of_entries_and_an_agent_that_dies_between(tmp_path) -> None:
    """What was read of an entry is kept with the place in the file, in one commit."""
    raw, log = b"".join(stream()), tmp_path / "mail.export"
    log.touch()
    options = Options("r", tmp_path, log)
    for at in range(0, len(raw), 37):
        with log.open("ab") as out:
            out.write(raw[at : at + 37])
        store = AgentStore(tmp_path / "agent.db")
        agent = Agent(options, store, UTC)
        agent.step(NOW)
        store.close()
    bodies, _ = AgentStore(tmp_path / "agent.db").changes(0, 100)
    people = {p[0]: p[2] for b in bodies for p in json.loads(b)["to"]}
    assert people == {"a@corp.test": "sent", "b@corp.test": "bounced"}
    assert agent.listener.counted == {"line": len(SAID)}
