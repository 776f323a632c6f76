"""``queue``: does mail pile up in a Postfix of our own: the relay, the gateway, a sender of applications?"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
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


class QueueProbe(Probe[QueueSettings]):
    """`postqueue -j`: deferred mails, the oldest, a histogram of the 4xx codes. Without traffic it says nothing: silence is not failure, and an empty queue is well only after mail has passed through it."""

    kind = "queue"
    plane = "outbound"
    Settings = QueueSettings

    def __init__(self, name: str, settings: QueueSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._before: Count | None = None

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
        before, self._before = self._before, now
        return self._judge(now, before)

    def _judge(self, now: Count, before: Count | None) -> Signal:
        s = self.settings
        histogram = " ".join(f"{c}:{n}" for c, n in now.codes.most_common(5))
        text = f"{now.deferred} deferred, oldest {now.oldest_s:.0f} s" + (f", {histogram}" if histogram else "")
        data = {"deferred": str(now.deferred), "oldest": f"{now.oldest_s:.0f}", "codes": histogram}
        passed = before is not None and bool(before.ids - now.ids)
        if now.deferred >= s.deferred and now.oldest_s >= s.oldest:
            shrinks = before is not None and now.deferred < before.deferred
            return self.saw(Result.DEGRADED if shrinks else Result.FAIL, "queue", text, **data)
        if now.deferred and not passed:
            return self.saw(Result.UNKNOWN, "queue", text, **data)
        if passed:
            return self.saw(Result.OK, "", f"mail passes; {text}", **data)
        return self.saw(Result.UNKNOWN, "silent", "no mail passes: nothing can be told", **data)


def count(text: str, domains: set[str], now: float) -> Count:
    """Read `postqueue -j` (one JSON object a line). Lines that are none are skipped: the list is cut while it is read."""
    out = Count()
    for line in text.splitlines():
        try:
            item = json.loads(line)
            recipients = item["recipients"]
            ident, arrived = str(item["queue_id"]), float(item["arrival_time"])
        except (ValueError, KeyError, TypeError):
            continue
        mine = [
            r
            for r in recipients
            if not domains or str(r.get("address", "")).rpartition("@")[2].lower().rstrip(".") in domains
        ]
        if not mine:
            continue
        out.ids.add(ident)
        reasons = [str(r.get("delay_reason", "")) for r in mine]
        if item.get("queue_name") == "deferred" or any(reasons):
            out.deferred += 1
            out.oldest_s = max(out.oldest_s, now - arrived)
            for reason in reasons:
                found = _CODE.search(reason)
                out.codes[found.group(1) if found else ("other" if reason else "none")] += 1
    return out


PLUGIN = ProbePlugin(api=1, settings=QueueSettings, make=QueueProbe)
