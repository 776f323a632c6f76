"""``bcp init``, ``bcp doctor``, ``bcp config``: get started, and know that it would work today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path, wait_for
from bcp.kernel.errors import BcpError, Invalid

if TYPE_CHECKING:
    from bcp.contracts.channel import Check
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="init", help="Write a bcp.yaml from a few answers or options and the MX as it is now.")(init)
    app.command(name="doctor", help="Is everything reachable and are we allowed to use it, today? Changes nothing.")(
        doctor
    )
    group = typer.Typer(help="The configuration: check, schema.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="check", help="Validate bcp.yaml, the contacts and the messages.")(check)
    group.command(name="schema", help="Print the JSON Schema of bcp.yaml, for editors.")(schema)
    app.add_typer(group, name="config")


_TEMPLATE = """\
# Configuration of bcp. Secrets are references (env:NAME, file:PATH, keyring:SERVICE/USER), never values.
# Check it: bcp config check    See what works today: bcp doctor
version: 1
organisation:
  name: {name}
  hotline: "{hotline}"        # printed in the phone book before the day
state: .bcp                   # runs, plans, reports; keep it on a local disk
domains:
  - name: {domain}
    dns: main
    primary:{primary}
    primary_ttl: {ttl}
dns:
  main:
    kind: rfc2136
    server: "{server}"
    key: {{name: {key}, algorithm: hmac-sha256, secret: "{secret}"}}
relays:
  mx-backup:
    kind: smtp
    hosts: [{{host: {relay}, preference: 10}}]
    # queue: {{command: [ssh, {relay}, postqueue, -j]}}   # so that every message can be accounted for
channels:
  sms:
    kind: twilio-sms
    account_sid: env:TWILIO_ACCOUNT_SID
    auth_token: env:TWILIO_AUTH_TOKEN
    from: "+15005550006"      # your number
  slack:
    kind: slack
    token: env:SLACK_BOT_TOKEN
    channel: C0000000000      # the channel's id
  status-page:
    kind: status-page
    folder: public            # serve it from somewhere that is not Microsoft
contacts:
  file: contacts.csv
audiences:
  employees: {{groups: [staff]}}
  oncall: {{groups: [oncall]}}
canary:
  to: {canary}                # a mailbox in Exchange that may get test mails
"""
_CONTACTS = "id,name,email,phone,slack,language,groups,logins\nalice,Alice Example,,,,en,staff;oncall,{login}\nbob,Bob Example,,,,en,staff;oncall,\n"


def init(
    domain: Annotated[str, typer.Option("--domain", help="Your mail domain.")] = "",
    name: Annotated[str, typer.Option("--name", help="Your organisation.")] = "",
    server: Annotated[str, typer.Option("--dns-server", help="Address of the DNS primary that takes updates.")] = "",
    key: Annotated[str, typer.Option("--key", help="Name of the TSIG key.")] = "bcp",
    secret: Annotated[str, typer.Option("--key-secret", help="Its secret, by reference.")] = "env:BCP_TSIG_SECRET",
    relay: Annotated[str, typer.Option("--relay", help="Host name of the backup relay.")] = "",
    hotline: Annotated[str, typer.Option("--hotline", help="Number that people can call.")] = "",
    canary: Annotated[str, typer.Option("--canary", help="Mailbox for test mails.")] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
) -> None:
    """Init."""
    from bcp.kernel.files import write_atomic  # noqa: PLC0415
    from bcp.kernel.names import domain_name  # noqa: PLC0415

    path = folder / "bcp.yaml"
    if path.exists() and not force:
        raise Invalid(f"{path} exists already", hint="Add --force to overwrite it, or choose another --folder.")
    domain = domain or render.ask_text("Your mail domain", "example.com")
    try:
        domain = domain_name(domain)
    except ValueError as error:
        raise Invalid(str(error), hint="For example --domain example.com") from error
    name = name or render.ask_text("Your organisation", domain.partition(".")[0].capitalize())
    server = server or render.ask_text("Address of the DNS primary that takes updates", "192.0.2.53")
    relay = relay or render.ask_text("Host name of the backup relay", f"relay.{domain}")
    canary = canary or render.ask_text("Mailbox for test mails", f"canary@{domain}")
    hosts, ttl, told = _mx_now(domain, server)
    primary = (
        "".join(f"\n      - {{host: {h}, preference: {p}}}" for p, h in hosts)
        or " []    # Graph serviceConfigurationRecords tells; never guess it"
    )
    text = _TEMPLATE.format(
        name=json.dumps(name),
        hotline=hotline,
        domain=domain,
        primary=primary,
        ttl=ttl,
        server=server,
        key=key,
        secret=secret,
        relay=relay,
        canary=canary,
    )
    write_atomic(path, text, mode=0o640)
    written = [str(path)]
    people = folder / "contacts.csv"
    if not people.exists():
        from bcp.wiring import login_name  # noqa: PLC0415

        write_atomic(people, _CONTACTS.format(login=login_name()))
        written.append(str(people))
    render.emit(
        "bcp.written/1",
        {"files": written, "mx": [f"{p} {h}" for p, h in hosts]},
        f"Written: {', '.join(written)}\n{told}\nNext: edit them, then bcp config check, then bcp doctor",
    )


def _mx_now(domain: str, server: str) -> tuple[list[tuple[int, str]], int, str]:
    """The MX as it stands, from the primary, for the peacetime record."""
    from bcp.kit.dnswire import Lost, exchange, parse_endpoint  # noqa: PLC0415

    async def work() -> Any:
        import dns.message  # noqa: PLC0415

        return (
            await exchange(
                parse_endpoint(server),
                [dns.message.make_query(domain + ".", "MX")],
                keyring=None,
                timeout_s=3,
                window=1,
            )
        )[0]

    try:
        reply = wait_for(work())
    except ValueError as error:
        raise Invalid(str(error), hint="For example --dns-server 192.0.2.53") from error
    if isinstance(reply, Lost):
        return [], 3600, f"The MX of {domain} could not be read now ({reply.reason}); fill in primary: by hand."
    from bcp.plugins.dns.rfc2136 import mx_of  # noqa: PLC0415

    found = mx_of(reply, domain)
    if found is None:
        return [], 3600, f"{domain} has no MX at {server}; fill in primary: by hand."
    return [(h.preference, h.host.rstrip(".")) for h in found.hosts], found.ttl_s, f"MX now: {found}"


def check() -> None:
    """Check."""
    app = make_app()
    people, messages = len(app.directory.contacts), len(app.pack.names())
    empty = [n for n in app.directory.audiences if not app.directory.members(n)]
    text = f"{config_path()}: nothing wrong. {len(app.domains)} domain(s), {people} contact(s), {messages} message(s), {len(app.channels)} channel(s)."
    render.emit(
        "bcp.config/1",
        {
            "file": str(config_path()),
            "domains": list(app.domains),
            "contacts": people,
            "messages": messages,
            "empty_audiences": empty,
        },
        text + "".join(f"\nwarning: nobody is in the audience {n!r}" for n in empty),
    )


def schema() -> None:
    """Schema."""
    from bcp import registry  # noqa: PLC0415
    from bcp.settings import Settings  # noqa: PLC0415

    out = Settings.model_json_schema(by_alias=True)
    for family, section in (("dns", "dns"), ("relays", "relays"), ("channels", "channels")):
        out["properties"][section]["additionalProperties"] = _union(out, registry, family)
    out["$defs"]["DetectSettings"]["properties"]["probes"]["additionalProperties"] = _union(out, registry, "probes")
    out["$defs"]["ServeSettings"]["properties"]["hooks"]["additionalProperties"] = _union(out, registry, "triggers")
    render.raw(
        json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": "https://bcp.invalid/config.v1.json",
                **out,
                "title": "bcp.yaml, version 1",
            },
            indent=1,
        )
    )


def _union(out: dict[str, Any], registry: Any, family: str) -> dict[str, Any]:
    options = []
    for kind in registry.kinds(family):
        model = registry.settings_class(family, kind).model_json_schema(by_alias=True)
        out["$defs"].update(model.pop("$defs", {}))
        model["properties"]["kind"] = {"const": kind}
        model.setdefault("required", []).append("kind")
        options.append(model)
    return {"oneOf": options}


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
    import asyncio  # noqa: PLC0415

    from bcp.contracts.channel import Check  # noqa: PLC0415

    async def guarded(subject: str, work: Any) -> list[Check]:
        try:
            async with asyncio.timeout(30):
                return list(await work)
        except BcpError as error:
            return [Check(subject, "fail", error.message, error.hint)]
        except TimeoutError:
            return [Check(subject, "fail", "no answer in 30 s", "Is it reachable from here?")]

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(guarded("state", _state(app))),
            group.create_task(guarded("contacts", _people(app))),
            group.create_task(guarded("playbooks", _playbooks(app))),
            group.create_task(guarded("snapshot", _peace(app))),
            group.create_task(guarded("detection", _detection(app))),
            group.create_task(guarded("serve", _serve(app))),
        ]
        tasks += [group.create_task(guarded(f"dns {n}", _dns(app, n))) for n in app.dns]
        tasks += [group.create_task(guarded(f"relay {n}", _relay(app, n))) for n in app.relays]
        tasks += [group.create_task(guarded(f"channel {n}", c.check())) for n, c in app.channels.items()]
        tasks.append(group.create_task(guarded("service", _service(app))))
    return [c for t in tasks for c in t.result()]


async def _serve(app: App) -> list[Check]:
    """Could the daemon check who calls, and whom would it ask?"""
    from bcp.contracts.channel import Check  # noqa: PLC0415
    from bcp.kernel.secret import secrets_in  # noqa: PLC0415

    s, hooks = app.settings.serve, app.configuration.plugins["triggers"]
    if not hooks and not (app.configuration.state / "accounts.db").exists():
        return []
    out = []
    for name, settings in hooks.items():
        try:
            for secret in secrets_in(settings):
                secret.reveal()
            out.append(Check(f"hook {name}", "ok", f"{settings.kind}, its secrets can be read"))
        except BcpError as error:
            out.append(Check(f"hook {name}", "fail", error.message, error.hint))
    people = {p for g in s.ask.groups for p in app.approvers([g])}
    state = "ok" if len(people) >= s.ask.min else "fail"
    hint = "" if state == "ok" else "Nobody could answer: see serve: ask: groups: and the contacts."
    out.append(Check("serve", state, f"{len(people)} people can be asked, {s.ask.min} must say yes", hint))
    if not s.public_url:
        out.append(
            Check("serve", "warn", "no public_url: no links in texts, no calls of vendors", "Set serve: public_url:.")
        )
    return out


async def _state(app: App) -> list[Check]:
    import shutil  # noqa: PLC0415

    from bcp.contracts.channel import Check  # noqa: PLC0415
    from bcp.kernel.files import make_private, write_atomic  # noqa: PLC0415

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


async def _people(app: App) -> list[Check]:
    from bcp.contracts.channel import Check  # noqa: PLC0415

    directory = app.directory
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
        out.append(Check("contacts", "warn", f"the snapshot is {age / 86400:.0f} days old", "bcp contacts snapshot"))
    out += [
        Check(f"audience {n}", "warn", "nobody is in it", "Check its groups.")
        for n in directory.audiences
        if not directory.members(n)
    ]
    return out


async def _peace(app: App) -> list[Check]:
    from bcp.contracts.channel import Check  # noqa: PLC0415
    from bcp.contracts.dns import MxHost, MxSet  # noqa: PLC0415
    from bcp.kernel.units import format_duration  # noqa: PLC0415

    last = app.peace
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
    from bcp.contracts.channel import Check  # noqa: PLC0415

    probes = [p.watched(app.rules.interval_s) for p in app.watcher.probes]
    vouched = {w.medium for w in probes if w.control}
    out = []
    for medium in sorted({w.medium for w in probes if not w.control and w.medium} - vouched):
        out.append(
            Check(
                "detection",
                "warn",
                f"no control probe over {medium}: our own network cannot be told from an outage",
                "Add one with control: true.",
            )
        )
    if len(app.watcher.detector.vantages) < 3:
        out.append(
            Check(
                "detection",
                "warn",
                f"{len(app.watcher.detector.vantages)} vantage point(s)",
                "Three in different networks are a good number: docs/howto/vantage-points.md",
            )
        )
    return out or [
        Check("detection", "ok", f"{len(probes)} probes from {len(app.watcher.detector.vantages)} vantage points")
    ]


async def _playbooks(app: App) -> list[Check]:
    from bcp.contracts.channel import Check  # noqa: PLC0415
    from bcp.playbook.lint import lint  # noqa: PLC0415

    catalogue, out = app.catalogue(), []
    for name in app.playbook_files():
        try:
            errors = [p for p in lint(app.playbook(name), catalogue) if p.severity == "error"]
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


async def _dns(app: App, name: str) -> list[Check]:
    from bcp.contracts.channel import Check  # noqa: PLC0415
    from bcp.contracts.dns import SwapOrder  # noqa: PLC0415

    out, back_end = [], app.dns[name]
    domains = [d.name for d in app.domains.values() if d.dns == name]
    for reading in await back_end.read(domains):
        if reading.problem or reading.mx is None:
            out.append(
                Check(
                    f"mx {reading.domain}", "fail", reading.problem or "no MX", "Check domains: and dns: in bcp.yaml."
                )
            )
            continue
        proof = (await back_end.prove([SwapOrder(reading.domain, reading.mx, reading.mx)]))[0]
        ttl = "" if reading.mx.ttl_s <= 3600 else f"; its TTL of {reading.mx.ttl_s} s delays a switch, lower it"
        out.append(
            Check(
                f"mx {reading.domain}",
                "ok" if proof.allowed and not ttl else ("warn" if proof.allowed else "fail"),
                f"{reading.mx}, {'we may change it' if proof.allowed else proof.message}{ttl}",
                proof.hint,
            )
        )
    bad = [a for a in await back_end.answers(domains) if a.problem]
    out += [Check(f"dns {a.address}", "warn", f"{a.problem} for {a.domain}", "Is this server up?") for a in bad]
    return out


async def _relay(app: App, name: str) -> list[Check]:
    from bcp.contracts.channel import Check  # noqa: PLC0415

    relay, out = app.relays[name], []
    for domain in list(app.domains)[:5]:
        for found in await relay.probe(domain, ""):
            tls = "" if found.tls in {"ok"} else f"; TLS: {found.tls}"
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
    from bcp.contracts.channel import Check  # noqa: PLC0415

    if not app.watcher.probes:
        return [Check("service", "warn", "there is nothing to look at", "Give domains: primary: and canary: to:")]
    seen = await app.looker.verdict()
    state = {"healthy": "ok", "unknown": "warn"}.get(str(seen["state"]), "fail")
    return [
        Check(
            "service",
            state,
            f"{app.settings.service} is {seen['state']}" + (f": {seen['evidence'][0]}" if seen["evidence"] else ""),
            "bcp verdict",
        )
    ]
