"""``queue``: does mail pile up in a Postfix of our own: the relay, the gateway, a sender of applications?"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.kernel.json_in import rows
from bcp.kit.process import run_program

CAP = 32_000_000
_CODE = re.compile(r"\b(4\d\d)[ -]")


class QueueSettings(ProbeSettings):
    """One queue."""

    kind: Literal["queue"] = "queue"
    """Which plug-in."""
    command: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: ["postqueue", "-j"])
    """How to list it as JSON lines, for example `[ssh, relay, postqueue, -j]`."""
    domains: list[str] = Field(default_factory=list)
    """Only mail to these domains counts. Empty: all."""
    deferred: Annotated[int, Field(ge=1)] = 10
    """From how many deferred mails on ..."""
    oldest: Duration = 300.0
    """... of which the oldest is older than this, it is a failure, unless the queue shrinks."""


@dataclass
class Count:
    """What the queue holds."""

    ids: set[str] = field(default_factory=set)
    deferred: int = 0
    oldest_s: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    """Lines that are none of Postfix."""


class QueueProbe(Probe[QueueSettings]):
    """`postqueue -j`: deferred mails, the oldest, a histogram of the 4xx codes. Without traffic it says nothing:
    silence is not failure, and an empty queue is well only after mail has passed through it."""

    kind = "queue"
    plane = "outbound"
    Settings = QueueSettings

    def __init__(self, name: str, settings: QueueSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._before: Count | None = None

    def shares(self) -> tuple[str, ...]:
        """Two probes of one queue see the same mails."""
        return (f"queue:{' '.join(self.settings.command)}",)

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        try:
            done = await run_program(s.command, timeout_s=s.timeout, environment={}, cap=CAP)
        except BcpError as error:
            return self.saw(Result.UNKNOWN, "no-queue", f"the queue cannot be listed: {error.message}")
        if done.code:
            return self.saw(Result.UNKNOWN, "no-queue", f"{s.command[0]} ends with {done.code}: {done.stderr[:120]}")
        now = count(done.stdout, {d.lower().rstrip(".") for d in s.domains}, self.clock.now())
        if now.unread and not now.ids:
            return self.saw(Result.UNKNOWN, "no-queue", f"{s.command[0]} does not list a queue: {done.stdout[:80]!r}")
        before, self._before = self._before, None if done.truncated else now
        return self._judge(now, before)

    def _judge(self, now: Count, before: Count | None) -> Signal:
        s = self.settings
        histogram = " ".join(f"{c}:{n}" for c, n in now.codes.most_common(5))
        text = f"{now.deferred} deferred, oldest {now.oldest_s:.0f} s" + (f", {histogram}" if histogram else "")
        numbers = {"queue": float(now.deferred), "oldest": round(now.oldest_s)}
        oldest = f"{now.oldest_s:.0f}"

        def saw(result: Result, kind: str, words: str) -> Signal:
            return self.saw_parts(
                result, kind, words, numbers=numbers, deferred=str(now.deferred), oldest=oldest, codes=histogram
            )

        passed = before is not None and self._before is not None and bool(before.ids - now.ids)
        if now.deferred >= s.deferred and now.oldest_s >= s.oldest:
            shrinks = before is not None and now.deferred < before.deferred
            return saw(Result.DEGRADED if shrinks else Result.FAIL, "queue", text)
        if now.deferred and not passed:
            return saw(Result.UNKNOWN, "queue", text)
        if passed:
            return saw(Result.OK, "", f"mail passes; {text}")
        return saw(Result.UNKNOWN, "silent", "no mail passes: nothing can be told")


def count(text: str, domains: set[str], now: float) -> Count:
    """Read `postqueue -j` (one JSON object a line).
    Lines that are none are skipped: the list is cut while it is read."""
    out = Count()
    for line in rows(text):
        item = _item(line)
        if item is None:
            out.unread += bool(line.strip())
            continue
        ident, arrived, deferred, recipients = item
        mine = [r for a, r in recipients if not domains or a.rpartition("@")[2].lower().rstrip(".") in domains]
        if not mine:
            continue
        out.ids.add(ident)
        if deferred or any(mine):
            out.deferred += 1
            out.oldest_s = max(out.oldest_s, now - arrived)
            for reason in mine:
                found = _CODE.search(reason)
                out.codes[found.group(1) if found else ("other" if reason else "none")] += 1
    return out


def _item(line: str) -> tuple[str, float, bool, list[tuple[str, str]]] | None:
    """Id, arrival, whether it is in the deferred queue, and (address, reason) of each recipient; ``None`` for a line
    that is not what Postfix writes."""
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("recipients"), list):
        return None
    ident, arrived = found.get("queue_id"), found.get("arrival_time")
    if not isinstance(ident, str) or isinstance(arrived, bool) or not isinstance(arrived, (int, float)):
        return None
    if not 0 <= arrived < 1e11:
        return None
    recipients = [
        (str(r.get("address", "")), str(r.get("delay_reason") or ""))
        for r in found["recipients"]
        if isinstance(r, dict)
    ]
    return ident, float(arrived), found.get("queue_name") == "deferred", recipients


PLUGIN = ProbePlugin(api=1, settings=QueueSettings, make=QueueProbe)
