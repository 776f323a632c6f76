"""``bcp doctor``: would it work today?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.doctor_dns import accepted_checks, dns_checks
from bcp.kernel.errors import BcpError, Invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from bcp.contracts.channel import Check
    from bcp.wiring import App


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
        render.table(rows),
    )
    if bad:
        raise typer.Exit(1)


async def _checks(app: App) -> list[Check]:
    """Everything, side by side; one that breaks is a line, not an end."""
    import asyncio

    from bcp.contracts.channel import Check

    async def guarded(subject: str, work: Any) -> list[Check]:
        try:
            async with asyncio.timeout(30):
                return list(await work)
        except BcpError as error:
            return [Check(subject, "fail", error.message, error.hint)]
        except TimeoutError:
            return [Check(subject, "fail", "no answer in 30 s", "Is it reachable from here?")]

    broken: list[Check] = []
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(guarded("plug-ins", _plugins())),
            group.create_task(guarded("state", _state(app))),
            group.create_task(guarded("state", _stores(app))),
            group.create_task(guarded("contacts", _people(app))),
            group.create_task(guarded("messages", _messages(app))),
            group.create_task(guarded("playbooks", _playbooks(app))),
            group.create_task(guarded("snapshot", _peace(app))),
            group.create_task(guarded("accepted domains", accepted_checks(app))),
            group.create_task(guarded("detection", _detection(app))),
            group.create_task(guarded("serve", _serve(app))),
            group.create_task(guarded("forecast", _forecast(app))),
            group.create_task(guarded("relays", _relays(app))),
        ]
        for family, made, look in _families(app):
            try:
                tasks += [group.create_task(guarded(f"{family} {n}", look(n))) for n in made()]
            except BcpError as error:  # a plug-in that cannot be made
                broken.append(Check(family, "fail", error.message, error.hint))
        tasks.append(group.create_task(guarded("service", _service(app))))
    return broken + [c for t in tasks for c in t.result()]


def _families(app: App) -> tuple[tuple[str, Callable[[], Iterable[str]], Callable[[str], Awaitable[list[Check]]]], ...]:
    """What is looked at one by one: its family, the names there are, and the look at one."""
    world = app.world
    return (
        ("dns", lambda: world.dns, lambda name: dns_checks(app, name)),
        ("relay", lambda: world.relays, lambda name: _relay(app, name)),
        ("channel", lambda: world.channels, lambda name: world.channels[name].check()),
    )


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


async def _state(app: App) -> list[Check]:
    import shutil

    from bcp.contracts.channel import Check
    from bcp.kernel.files import make_private, write_atomic

    folder = make_private(app.configuration.state)
    write_atomic(folder / ".doctor", "ok")
    (folder / ".doctor").unlink()
    free = shutil.disk_usage(folder).free // 2**20
    return [
        Check(
            "state",
            "ok" if free > 100 else "warn",
            f"{folder} can be written, {free} MiB free",
            "Free some space." if free <= 100 else "",
        )
    ]


async def _stores(app: App) -> list[Check]:
    """Databases that cannot be used, and runs whose files are gone."""
    from bcp.contracts.channel import Check
    from bcp.store.sqlite.health import KNOWN, troubles
    from bcp.store.sqlite.state import SqliteState

    found = troubles(SqliteState(app.configuration.state))
    whole = [n for n in KNOWN if (app.configuration.state / n).exists() and n not in {t.subject for t in found}]
    out = [Check(f"state {t.subject}", "fail", t.message, t.hint) for t in found]
    return [Check("state databases", "ok", f"whole: {', '.join(whole)}"), *out] if whole else out


async def _people(app: App) -> list[Check]:
    from bcp.contracts.channel import Check

    directory = app.people.directory
    out = [
        Check(
            "contacts",
            "ok" if directory.contacts else "warn",
            f"{len(directory.contacts)} people, {sum(1 for c in directory.contacts if c.phone)} with a phone",
            "Add people." if not directory.contacts else "",
        )
    ]
    age = app.clock.now() - directory.taken_at
    if directory.taken_at and age > app.settings.contacts.max_age:
        out.append(Check("contacts", "warn", f"the snapshot is {age / 86400:.0f} days old", "bcp contacts sync"))
    out += [
        Check(f"audience {n}", "warn", "nobody is in it", "Check its groups.")
        for n in directory.audiences
        if not directory.members(n)
    ]
    return out


async def _messages(app: App) -> list[Check]:
    """An outage text looks like phishing: can people tell that ours is real?"""
    from bcp.contracts.channel import Check

    org = app.settings.organisation
    lacks = [
        (org.hotline, "hotline", "no number to ask whether a text is real", "a number that stands in the phone book"),
        (org.status_page, "status_page", "no place to look", "a page that does not depend on Microsoft"),
    ]
    return [
        Check("messages", "warn", f"our texts name {what}", f"Set organisation: {key}: to {hint}.")
        for value, key, what, hint in lacks
        if not value
    ]


async def _peace(app: App) -> list[Check]:
    from bcp.contracts.channel import Check
    from bcp.contracts.dns import MxHost, MxSet
    from bcp.kernel.units import format_duration

    last = app.world.peace
    if last is None:
        return [Check("snapshot", "warn", "there is none: failback would rest on bcp.yaml alone", "bcp snapshot")]
    age = app.clock.now() - last.taken
    old = age > app.settings.snapshot.max_age
    out = [
        Check(
            "snapshot",
            "warn" if old else "ok",
            f"{format_duration(max(0.0, age))} old"
            + (f", {len(last.unreadable)} fact(s) missing" if last.unreadable else ""),
            "bcp snapshot" if old else "",
        )
    ]
    for d in app.settings.domains:
        records = last.domains.get(d.name, {}).get("graph")
        if d.primary and records:
            said = {str(r["host"]).rstrip(".").lower() for r in records}
            ours = MxSet(tuple(MxHost(p.preference, p.host) for p in d.primary), d.primary_ttl)
            if {h.host.rstrip(".") for h in ours.hosts} != said:
                out.append(
                    Check(
                        f"primary {d.name}",
                        "fail",
                        f"bcp.yaml says {ours}, Graph says {', '.join(sorted(said))}",
                        "Graph is right: correct primary: in bcp.yaml.",
                    )
                )
    return out


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
    out = [
        Check("detection", "ok", f"{len(probes)} probes, {len(vantages)} place(s): tells apart the classes {apart}"),
        *(Check("detection", "warn", t.sentence, t.outage.hint) for t in told if t.sentence),
    ]
    if len(vantages) < 3:
        text = f"{len(vantages)} vantage point(s): where that one is limited or cut off, nothing is known"
        out.append(Check("detection", "warn", text, "Three in different networks: docs/howto/vantage-points.md"))
    return out


async def _forecast(app: App) -> list[Check]:
    """How long an outage would last for senders, as things stand now."""
    from bcp.deeds.forecast import readiness

    return [c for c in [await readiness(app)] if c is not None]


async def _relays(app: App) -> list[Check]:
    """The relay machines that are ours, as they tell of themselves."""
    from bcp.contracts.channel import Check
    from bcp.deeds.relay_watch import checks

    states = {"ok": "ok", "fail": "fail"}
    return [Check(c.code, states.get(c.state, "warn"), c.says, c.hint) for c in await checks(app)]


async def _playbooks(app: App) -> list[Check]:
    from bcp.contracts.channel import Check
    from bcp.playbook.lint import lint

    catalogue, out = app.playbooks.catalogue(), []
    for name in app.playbooks.files():
        try:
            errors = [p for p in lint(app.playbooks.load(name), catalogue) if p.severity == "error"]
        except Invalid as error:
            errors = error.problems
        if errors:
            out.append(
                Check(
                    f"playbook {name}",
                    "warn",
                    f"{len(errors)} problem(s): {errors[0].message}",
                    f"bcp playbook lint {name}",
                )
            )
    return out or [Check("playbooks", "ok", "nothing wrong with any")]


async def _relay(app: App, name: str) -> list[Check]:
    from bcp.contracts.channel import Check

    relay, out = app.world.relays[name], []
    for domain in list(app.world.domains)[:5]:
        for found in await relay.probe(domain, ""):
            tls = f"; TLS: {found.tls}" if found.accepts and found.tls != "ok" else ""
            state = "fail" if not found.accepts or found.open_relay else ("ok" if not tls else "warn")
            out.append(
                Check(
                    f"relay {name} {found.address}",
                    state,
                    (f"takes mail for {domain}" if found.accepts else found.message)
                    + (", AND FOR ANYBODY" if found.open_relay else "")
                    + tls,
                    "It is an open relay: close it."
                    if found.open_relay
                    else ("Give it a certificate that names it." if tls else "Repair it before you need it."),
                )
            )
    queued = f"{len(await relay.queue())} queued" if relay.can_count else "it cannot say what it holds"
    out.append(
        Check(
            f"relay {name} queue",
            "ok" if relay.can_count else "warn",
            queued,
            "" if relay.can_count else "Set queue: so that mail can be accounted for.",
        )
    )
    return out


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
