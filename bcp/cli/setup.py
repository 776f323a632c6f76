"""``bcp init``, ``bcp config``: get started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import config_path, wait_for
from bcp.kernel.errors import Invalid


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
  {known}
  # arrival: /var/mail/canary # a Maildir outside of Exchange to which a mail-flow rule sends them back: a round trip
# What looks, where detect: probes: is empty: own MX, the MX host's name, SMTP to these recipients and to an unknown \
one,
# and controls. What such a set cannot see, bcp doctor says. More of them: docs/howto/watch.md
"""
_KNOWN = "# known: [second@{domain}]   # another that exists: with one alone, a deleted mailbox looks like an outage"
_CONTACTS = """\
id,name,email,phone,slack,language,groups,logins
alice,Alice Example,,,,en,staff;oncall,{login}
bob,Bob Example,,,,en,staff;oncall,
"""


def _domain(text: str) -> str:
    """The mail domain as DNS writes it (``domain_name``); raises ``Invalid`` for what is no domain."""
    from bcp.kernel.names import domain_name

    try:
        return domain_name(text)
    except ValueError as error:
        raise Invalid(str(error), hint="For example --domain example.com") from error


def init(
    domain: Annotated[str, typer.Option("--domain", help="Your mail domain.")] = "",
    name: Annotated[str, typer.Option("--name", help="Your organisation.")] = "",
    server: Annotated[str, typer.Option("--dns-server", help="Address of the DNS primary that takes updates.")] = "",
    key: Annotated[str, typer.Option("--key", help="Name of the TSIG key.")] = "bcp",
    secret: Annotated[str, typer.Option("--key-secret", help="Its secret, by reference.")] = "env:BCP_TSIG_SECRET",
    relay: Annotated[str, typer.Option("--relay", help="Host name of the backup relay.")] = "",
    hotline: Annotated[str, typer.Option("--hotline", help="Number that people can call.")] = "",
    canary: Annotated[str, typer.Option("--canary", help="Mailbox for test mails.")] = "",
    known: Annotated[
        list[str] | None,
        typer.Option("--known", help="Another mailbox that exists; it is asked for and gets no mail. May be repeated."),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
) -> None:
    """Write a first bcp.yaml and contacts.csv, from options or from answers at the terminal."""
    from bcp.kernel.files import write_atomic

    path = folder / "bcp.yaml"
    if path.exists() and not force:
        raise Invalid(f"{path} exists already", hint="Add --force to overwrite it, or choose another --folder.")
    domain = _domain(domain or render.ask_text("Your mail domain", "example.com"))
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
        known=f"known: {json.dumps(known)}" if known else _KNOWN.format(domain=domain),
    )
    write_atomic(path, text, mode=0o640)
    written = [str(path)]
    people = folder / "contacts.csv"
    if not people.exists():
        from bcp.wiring import login_name

        write_atomic(people, _CONTACTS.format(login=login_name()))
        written.append(str(people))
    looking = _usual(domain, [h for _, h in hosts], canary, known or [], relay)
    render.emit(
        "bcp.written/1",
        {"files": written, "mx": [f"{p} {h}" for p, h in hosts], "probes": looking},
        f"Written: {', '.join(written)}\n{told}\nLooks: {', '.join(looking) or 'nothing yet, without primary:'}\n"
        "Next: edit them, then bcp config check, then bcp doctor",
    )


def _usual(domain: str, hosts: list[str], canary: str, known: list[str], relay: str) -> list[str]:
    """Names of the probes that look from now on."""
    from bcp.wiring.usual_probes import Canary, Reachable, usual_probes

    control = Reachable("mx-backup", relay, (), 25, f"postmaster@{domain}")
    return list(usual_probes({domain: hosts}, Canary(canary, tuple(known)), control))


def _mx_now(domain: str, server: str) -> tuple[list[tuple[int, str]], int, str]:
    """The MX as it stands, from the primary, for the peacetime record."""
    from bcp.kit.dnswire import Lost, exchange, parse_endpoint

    async def work() -> Any:
        import dns.message

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
    from bcp.kit.dns_read import mx_of

    found = mx_of(reply, domain)
    if found is None:
        return [], 3600, f"{domain} has no MX at {server}; fill in primary: by hand."
    return [(h.preference, h.host.rstrip(".")) for h in found.hosts], found.ttl_s, f"MX now: {found}"


def check() -> None:
    """Check bcp.yaml and all that it names."""
    app = make_app()
    people, messages = len(app.people.directory.contacts), len(app.world.pack.names())
    empty = [n for n in app.people.directory.audiences if not app.people.directory.members(n)]
    text = (
        f"{config_path()}: nothing wrong. {len(app.world.domains)} domain(s), {people} contact(s), "
        f"{messages} message(s), {len(app.world.channels)} channel(s)."
    )
    render.emit(
        "bcp.config/1",
        {
            "file": str(config_path()),
            "domains": list(app.world.domains),
            "contacts": people,
            "messages": messages,
            "empty_audiences": empty,
        },
        text + "".join(f"\nwarning: nobody is in the audience {n!r}" for n in empty),
    )


def schema() -> None:
    """Print the JSON Schema of bcp.yaml."""
    from bcp.settings import Settings
    from bcp.settings.families import add_schemas

    out = Settings.model_json_schema(by_alias=True)
    add_schemas(out)
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


def doctor() -> None:
    """Doctor."""
    from bcp.cli.doctor import doctor as look  # a long file that only this command needs

    look()
