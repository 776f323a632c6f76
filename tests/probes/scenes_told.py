"""What people, other systems and our own queue tell, by the words of docs/reference/probes.md."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from bcp.contracts.probe import Signal
from bcp.kit.problems import Problem, add_problem
from bcp.testing.clock import FakeClock
from probes.scripted import make

Scene = Callable[[Path, str], Awaitable[Signal]]


def reports(*who: str) -> Scene:
    async def play(folder: Path, secret: str) -> Signal:
        store, clock = folder / "problems.jsonl", FakeClock(10_000.0)
        for name in who:
            add_problem(store, Problem(clock.now(), name, "mailbox", "reported", "Outlook does not open"))
        return await make("people", clock, store=str(store)).look()

    return play


def alerts(*states: str, later: float = 0.0) -> Scene:
    async def play(folder: Path, secret: str) -> Signal:
        store = folder / "alerts"
        store.mkdir()
        for n, state in enumerate(states):
            alert = {
                "status": state,
                "fingerprint": "a",
                "labels": {"alertname": "MailDown"},
                "startsAt": "2026-01-22T17:45:00Z",
            }
            (store / f"{n}.json").write_text(json.dumps({"version": "4", "alerts": [alert]}))
        now = max([p.stat().st_mtime for p in store.glob("*")], default=0.0) + later
        return await make("alert", FakeClock(now), store=str(store), valid="1h").look()

    return play


def queued(*mails: tuple[str, str, float, str]) -> str:
    """(queue, id, arrival, reason) as `postqueue -j` writes them."""
    lines = []
    for name, ident, at, why in mails:
        recipient = {"address": "u@x.example", **({"delay_reason": why} if why else {})}
        lines.append(json.dumps({"queue_name": name, "queue_id": ident, "arrival_time": at, "recipients": [recipient]}))
    return "".join(f"{line}\n" for line in lines)


OLD = [("deferred", i, 9_000.0, "host mx said: 451 4.3.2 temporary server issue") for i in "ABC"]


def queue(*lists: str) -> Scene:
    """A look at each of these lists, one after the other; ``!`` is a command that fails."""

    async def play(folder: Path, secret: str) -> Signal:
        path = folder / "queue"
        probe = make("queue", FakeClock(10_000.0), command=["cat", str(path)], deferred=2, oldest="5m")
        for text in lists:
            path.unlink(missing_ok=True)
            if text != "!":
                path.write_text(text)
            found = await probe.look()
        return found

    return play


TOLD: dict[str, Scene] = {
    "people: enough different people, or one who declares": reports("a", "b", "c"),
    "people: fewer": reports("a", "a", "b"),
    "people: nobody": reports(),
    "alert: firing": alerts("firing"),
    "alert: resolved": alerts("firing", "resolved"),
    "alert: neither repeated nor resolved for long": alerts("firing", later=7200.0),
    "alert: none came": alerts(),
}
QUEUE: dict[str, Scene] = {
    "many deferred mails, the oldest old, and it grows": queue(queued(*OLD[:2]), queued(*OLD)),
    "the same, and it shrinks": queue(queued(*OLD), queued(*OLD[:2])),
    "mail passes through": queue(queued(*OLD[:1]), queued(("active", "Z", 9_999.0, ""))),
    "a few wait, nothing passes": queue(queued(*OLD[:1]), queued(*OLD[:1])),
    "nothing waits and nothing passes": queue("", ""),
    "the command fails, or prints no queue": queue("!"),
}
