"""One look at everything that playbooks promise: side by side, harmless, over after a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bcp.contracts.readiness import NO_PLAYBOOK, Check, ReadinessStore
from bcp.deeds.readiness import machine, papers, people, relays, wires
from bcp.deeds.readiness.scope import Scope, scope_of
from bcp.kernel.errors import BcpError, fault_in, in_a_line
from bcp.kernel.log import logger
from bcp.kernel.secret import redact
from bcp.kit.dates import listening
from bcp.ready.standing import Standing, each_once, standings
from bcp.ready.vendor_clocks import vendor_clocks
from bcp.wiring import App

LOG = logger(__name__)
LIMIT_S = 30.0
"""A look that takes longer is given up."""
Look = Callable[[App, Scope], Awaitable[Sequence[Check]]]
LOOKS: tuple[tuple[str, Look], ...] = (
    ("dns-reach", wires.dns),
    ("dns-accepted", wires.accepted),
    ("relay-fate", wires.fate),
    ("relay-machine", relays.machines),
    ("contacts", people.contacts),
    ("audience-reach", people.audiences),
    ("approver-ways", people.approvers),
    ("secret", papers.secrets),
    ("site-certificate", papers.site),
    ("drill-age", papers.drills),
    ("snapshot-age", papers.snapshot),
    ("evidence-anchor", papers.anchors),
    ("clock", machine.clock),
    ("disk", machine.disk),
    ("state-database", machine.databases),
    ("state-copy", machine.copies),
)
"""Every look by the code under which its own failure is told."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look saw."""

    at: float
    checks: tuple[Check, ...]
    standings: tuple[Standing, ...]


async def look(app: App, more: Iterable[tuple[str, Look]] = (), *, limit_s: float = LIMIT_S) -> Found:
    """Look at everything now. ``more``: looks of others (the relays' watch, the calendar of drills)."""
    at = app.clock.now()
    scope, broken = await asyncio.to_thread(_scope, app)
    looks = [*LOOKS, *_each(app), *more]
    with listening(app.clock) as told:
        found = await asyncio.gather(*(_guarded(code, work, app, scope, limit_s) for code, work in looks))
    parts = [broken, list(scope.checks), *found, vendor_clocks(told)]
    checks = each_once(c for part in parts for c in part)
    return Found(at, checks, tuple(standings(scope.titles, checks)))


def _scope(app: App) -> tuple[Scope, list[Check]]:
    """What is looked at; where people or channels cannot be read, that is the first thing that is wrong."""
    try:
        return scope_of(app), []
    except BcpError as error:
        text, hint = in_a_line(error)
        names = dict.fromkeys(app.settings.readiness.playbooks or app.playbooks.files())
        broken = Check("configuration", "", "fail", text, hint or "bcp config check")
        return Scope(titles={n: n for n in names}), [broken]


def _each(app: App) -> list[tuple[str, Look]]:
    """A look at each relay and channel of its own: one that hangs holds no other."""
    out: list[tuple[str, Look]] = []
    for name in app.world.relay_settings:
        out.append((f"relay-accepts {name}", partial(wires.relay, name=name)))
    for name in app.configuration.plugins["channels"]:
        out.append((f"channel {name}", partial(wires.channel, name=name)))
    return out


async def _guarded(what: str, work: Look, app: App, scope: Scope, limit_s: float) -> Sequence[Check]:
    """What a look says, or that it could not be made: the others go on."""
    code, _, subject = what.partition(" ")
    books = _users(code, subject, scope)
    try:
        async with asyncio.timeout(limit_s):
            return await work(app, scope)
    except TimeoutError:
        text = f"{subject or LABELS.get(code, code)}: no answer in {limit_s:g} s"
        return [Check(code, subject, "unknown", text, "Is it reachable from here?", None, books)]
    except BcpError as error:
        text, hint = in_a_line(error)
        text = f"{subject}: {text}" if subject else text
        return [Check(code, subject, "fail", redact(text), hint or "See docs/howto/readiness.md", None, books)]
    except Exception as error:  # a plug-in's fault is a finding, and hides no other
        LOG.exception("the look %s broke", what)
        fault = fault_in(what, error)
        return [Check(code, subject, "unknown", redact(fault.message), fault.hint, None, books)]


def _users(code: str, subject: str, scope: Scope) -> tuple[str, ...]:
    if code == "relay-accepts":
        return scope.using(relay=subject)
    if code == "channel":
        return scope.using(channel=subject) or NO_PLAYBOOK
    return scope.movers if code == "dns-reach" else ()


LABELS = {"dns-reach": "DNS", "audience-reach": "audiences", "approver-ways": "approvers", "secret": "secrets"}
"""What people call a family of looks."""


def kept(store: ReadinessStore, found: Found) -> Found:
    """Write it down; returned with *since* filled in. Raises ``StorageError``."""
    noted = store.note(found.at, found.checks, [s.mark for s in found.standings])
    since = {c.key: c for c in noted.checks}
    stood = {m.playbook: m.since for m in noted.marks}
    dated = tuple(
        replace(s, since=stood.get(s.playbook), reasons=tuple(since.get(c.key, c) for c in s.reasons))
        for s in found.standings
    )
    return replace(found, checks=noted.checks, standings=dated)
