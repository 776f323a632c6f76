"""``bcp doctor``: would it work today?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.errors import BcpError
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.contracts.channel import Check
    from bcp.contracts.readiness import Check as Promise
    from bcp.wiring import App


LIMIT_S = 60.0
"""A look that takes longer is given up; those of readiness have limits of their own below it."""


def doctor() -> None:
    """Doctor."""
    app = make_app()

    async def work() -> list[Check]:
        try:
            return await _checks(app)
        finally:
            await app.close()

    found = wait_for(work())
    rows = [
        [render.status_word(c.state), c.subject, c.message + (f" - {c.hint}" if c.hint and c.state != "ok" else "")]
        for c in found
    ]
    bad = sum(1 for c in found if c.state == "fail")
    render.emit(
        "bcp.doctor/1",
        {
            "checks": [{"subject": c.subject, "state": c.state, "message": c.message, "hint": c.hint} for c in found],
            "failed": bad,
        },
        f"{_sum(found)}\n\n{render.table(rows)}",
    )
    if bad:
        raise typer.Exit(1)


def _sum(found: list[Check]) -> str:
    """How many there are of each, and what fails by name, before the table: it is longer than a screen."""
    count = {state: sum(c.state == state for c in found) for state in ("fail", "warn", "ok")}
    text = render.wrap(f"{count['fail']} fail, {count['warn']} warn, {count['ok']} ok.")
    return "\n".join([text, *(render.wrap(f"fail: {c.subject}", "  ") for c in found if c.state == "fail")])


async def _checks(app: App) -> list[Check]:
    """Everything, side by side; one that breaks is a line, not an end."""
    import asyncio

    from bcp.contracts.channel import Check

    async def guarded(subject: str, work: Any) -> list[Check]:
        try:
            async with asyncio.timeout(LIMIT_S):
                return list(await work)
        except BcpError as error:
            return [Check(subject, "fail", error.message, error.hint)]
        except TimeoutError:
            return [Check(subject, "fail", f"no answer in {LIMIT_S:g} s", "Is it reachable from here?")]

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(guarded("plug-ins", _plugins())),
            group.create_task(guarded("readiness", _ready(app))),
            group.create_task(guarded("primary", _primary(app))),
            group.create_task(guarded("messages", _messages(app))),
            group.create_task(guarded("detection", _detection(app))),
            group.create_task(guarded("serve", _serve(app))),
            group.create_task(guarded("forecast", _forecast(app))),
            group.create_task(guarded("service", _service(app))),
        ]
    return [c for t in tasks for c in t.result()]


async def _plugins() -> list[Check]:
    """Packages from outside: which can be used, and what is wrong with the others."""
    from bcp import registry
    from bcp.contracts.channel import Check

    out = [Check(f"plug-in {b.family}/{b.kind}", "warn", b.message, b.hint) for b in registry.broken()]
    bad = {(b.family, b.kind) for b in registry.broken()}
    for family in registry.families():
        for kind, there in registry.foreign(family).items():
            if (family, kind) not in bad:
                found = registry.load(family, kind)
                text = f"{there.package}, API {found.api}, {found.maturity}: {found.doc}"
                out.append(Check(f"plug-in {family}/{kind}", "ok", text))
    return out


async def _serve(app: App) -> list[Check]:
    """Could the daemon check who calls, and whom would it ask?"""
    from bcp.contracts.channel import Check
    from bcp.kernel.secret import secrets_in

    s, hooks = app.settings.serve, app.configuration.plugins["triggers"]
    if not hooks and not (app.configuration.state / "accounts.db").exists():
        return []
    out = []
    named = [(f"hook {n}", h) for n, h in hooks.items()]
    named += [(f"caller {n}", c) for n, c in app.configuration.plugins["callers"].items()]
    for name, settings in named:
        try:
            for secret in secrets_in(settings):
                secret.reveal()
            out.append(Check(name, "ok", f"{settings.kind}, its secrets can be read"))
        except BcpError as error:
            out.append(Check(name, "fail", error.message, error.hint))
    people = {p for g in s.ask.groups for p in app.people.approvers([g])}
    state = "ok" if len(people) >= s.ask.min else "fail"
    hint = "" if state == "ok" else "Nobody could answer: see serve: ask: groups: and the contacts."
    out.append(Check("serve", state, f"{len(people)} people can be asked, {s.ask.min} must say yes", hint))
    if not s.public_url:
        out.append(
            Check("serve", "warn", "no public_url: no links in texts, no calls of vendors", "Set serve: public_url:.")
        )
    return out


async def _messages(app: App) -> list[Check]:
    """An outage text looks like phishing: can people tell that ours is real?"""
    from bcp.contracts.channel import Check

    org = app.settings.organisation
    lacks = [
        (org.hotline, "hotline", "no number to ask whether a text is real", "a number that stands in the phone book"),
        (org.status_page, "status_page", "no place to look", "a page that does not depend on Microsoft"),
    ]
    if "timezone" not in getattr(org, "model_fields_set", {"timezone"}):
        lacks.append(("", "timezone", "times in UTC, for want of a zone", "the zone in which people read the clock"))
    return [
        Check("messages", "warn", f"our texts name {what}", f"Set organisation: {key}: to {hint}.")
        for value, key, what, hint in lacks
        if not value
    ]


async def _primary(app: App) -> list[Check]:
    """Does the tenant's own record of its MX, as the last snapshot has it, agree with ``bcp.yaml``?"""
    from bcp.contracts.channel import Check
    from bcp.contracts.dns import MxHost, MxSet

    out, last = [], app.world.peace
    for d in app.settings.domains if last is not None else ():
        records = last.domains.get(d.name, {}).get("graph") if last is not None else None
        if d.primary and records:
            said = {str(r["host"]).rstrip(".").lower() for r in records}
            ours = MxSet(tuple(MxHost(p.preference, p.host) for p in d.primary), d.primary_ttl)
            if {h.host.rstrip(".") for h in ours.hosts} != said:
                text = f"bcp.yaml says {ours}, Graph says {', '.join(sorted(said))}"
                out.append(Check(f"primary {d.name}", "fail", text, "Graph is right: correct primary: in bcp.yaml."))
    return out


async def _ready(app: App) -> list[Check]:
    """Everything that playbooks promise: the same look as ``bcp ready``."""
    from bcp.contracts.channel import Check
    from bcp.deeds.readiness.look import look

    found = await look(app)
    return [Check(f"{c.code} {c.subject}".strip(), _line(c), c.says, c.hint) for c in found.checks]


LINES = {"ok": "ok", "risk": "warn", "fail": "fail", "unknown": "warn"}
"""How a state of readiness stands in a line."""
PLANNED = {"contacts", "audience-reach", "audience-channel", "approver-ways", "approvers-enough", "playbook",
           "shared-fate", "state-copy", "drill-age", "evidence-anchor",
           "evidence-witness"}  # fmt: skip
"""What somebody has still to arrange. Doctor fails for what is broken; ``bcp ready`` for these, too."""


def _line(check: Promise) -> str:
    return "warn" if check.state == "fail" and check.code in PLANNED else LINES[check.state]


async def _detection(app: App) -> list[Check]:
    """What the set of probes can tell apart, and what it would miss or misjudge: played through the detector."""
    from bcp.contracts.channel import Check
    from bcp.detect.coverage import assess, told_apart
    from bcp.detect.small_outages import Looking

    vantages = app.watching.watcher.detector.vantages
    probes = [Looking(p.watched(app.watching.rules.interval_s), p.reach()) for p in app.watching.watcher.probes]
    if not any(p.watched.medium and not p.watched.control for p in probes):
        return []
    told = assess(probes, app.watching.rules, vantages)
    apart = ", ".join(told_apart(told)) or "none"
    eyes = f"{plural(len(probes), 'probe')}, {plural(len(vantages), 'place')}"
    out = [
        Check(
            "detection",
            "ok",
            f"{eyes}: tells apart the classes {apart}",
        ),
        *(Check("detection", "warn", t.sentence, t.outage.hint) for t in told if t.sentence),
    ]
    if len(vantages) < 3:
        text = f"{plural(len(vantages), 'vantage point')}: where one is limited or cut off, nothing is known"
        out.append(Check("detection", "warn", text, "Three in different networks: docs/howto/vantage-points.md"))
    return out


async def _forecast(app: App) -> list[Check]:
    """How long an outage would last for senders, as things stand now."""
    from bcp.deeds.forecast import readiness

    return [c for c in [await readiness(app)] if c is not None]


async def _service(app: App) -> list[Check]:
    from bcp.contracts.channel import Check

    if not app.watching.watcher.probes:
        return [Check("service", "warn", "there is nothing to look at", "Give domains: primary: and canary: to:")]
    seen = await app.watching.looker.verdict()
    state = {"healthy": "ok", "unknown": "warn"}.get(str(seen["state"]), "fail")
    return [
        Check(
            "service",
            state,
            f"{app.settings.service} is {seen['state']}" + (f": {seen['evidence'][0]}" if seen["evidence"] else ""),
            "bcp verdict",
        )
    ]
