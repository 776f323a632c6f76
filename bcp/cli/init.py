"""``bcp init``: step by step to a first configuration, at a terminal, from a file of answers, or from options."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import wait_for
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.contracts.mx import MxSet
    from bcp.deeds.begin.found import Found
    from bcp.deeds.begin.questions import Question


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="init", help="Answer some questions; a configuration, contacts and approval codes are written.")(
        init
    )


def init(
    answers: Annotated[
        Path | None, typer.Option("--answers", help="YAML file with answers by name; nothing is asked then.")
    ] = None,
    domain: Annotated[list[str] | None, typer.Option("--domain", help="Your mail domain. May be repeated.")] = None,
    name: Annotated[str, typer.Option("--name", help="Your organisation.")] = "",
    server: Annotated[str, typer.Option("--dns-server", help="Address of the DNS primary that takes updates.")] = "",
    key: Annotated[str, typer.Option("--key", help="Name of the TSIG key.")] = "",
    secret: Annotated[str, typer.Option("--key-secret", help="Its secret, by reference.")] = "",
    relay: Annotated[str, typer.Option("--relay", help="Host name of the backup relay.")] = "",
    hotline: Annotated[str, typer.Option("--hotline", help="Number that people can call.")] = "",
    canary: Annotated[str, typer.Option("--canary", help="Mailbox for test mails.")] = "",
    known: Annotated[
        list[str] | None,
        typer.Option("--known", help="Another mailbox that exists; it is asked for and gets no mail. May be repeated."),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what was answered before.")] = False,
) -> None:
    """Ask, check each answer, keep it; write bcp.yaml, contacts.csv and approval codes when all is answered."""
    from bcp import registry
    from bcp.deeds.begin import memory
    from bcp.deeds.begin.questions import questions

    if (folder / "bcp.yaml").exists() and not force:
        raise Invalid(f"{folder / 'bcp.yaml'} exists already", hint="Add --force to overwrite it, or another --folder.")
    asked = questions(tuple(registry.kinds("dns")), _zone_here())
    given: dict[str, Any] = {
        "domains": domain, "name": name, "dns_server": server, "tsig_key": key, "tsig_secret": secret, "relay": relay,
        "hotline": hotline, "canary": canary, "known": known, "dns": "rfc2136" if server else "",
    }  # fmt: skip
    raw = {k: v for k, v in given.items() if v}
    raw = {**(memory.from_file(answers, asked) if answers else {}), **raw}
    kept = {} if anew or answers else memory.recall(folder)
    for known_key in raw:
        kept.pop(known_key, None)
    _write(folder, *_answered(folder, asked, raw, kept, answers))


def _terminal() -> bool:
    return sys.stdin.isatty()


def _answered(
    folder: Path, asked: tuple[Question, ...], raw: Mapping[str, Any], kept: dict[str, Any], answers: Path | None
) -> tuple[dict[str, Any], dict[str, Found]]:
    """All answers and what DNS tells of every domain. With a file of ``answers``, or options and no terminal, nothing
    is asked."""
    from bcp.deeds.begin import memory

    alone = answers is not None or (bool(raw) and not _terminal())

    first = tuple(q for q in asked if q.key in {"domains", "resolvers", "authoritative"})
    _refuse(memory.settle(first, raw, kept, defaults=alone), answers)
    if alone:
        seen = _look(kept)
        _refuse(memory.settle(asked, raw, kept, defaults=alone), answers)
        return kept, seen
    if kept:
        count = sum(not k.startswith("found_") for k in kept)
        render.say(f"Going on where you stopped: {count} answer(s) are kept. --anew begins again.")
    render.say("Enter takes what stands in brackets, < goes back. Ctrl-C stops; what was answered is kept.")
    while True:
        if "domains" not in kept:
            kept.pop("found_host", None)
        _ask(folder, first, kept)
        seen = _look(kept)
        _refuse(memory.settle(asked, raw, kept, defaults=alone), answers)
        if _ask(folder, asked, kept):
            return kept, seen


def _again(folder: Path) -> str:
    """The command that finds what is kept there."""
    return "bcp init" if folder == Path() else f"bcp init --folder {quote(str(folder))}"


def _refuse(wrong: list[str], answers: Path | None) -> None:
    if wrong:
        hint = f"Mend {answers}, and give the same command again." if answers else "bcp init --help"
        raise Invalid(f"{plural(len(wrong), 'answer')} cannot be used: {'; '.join(wrong)}", hint=hint)


def _ask(folder: Path, asked: tuple[Question, ...], kept: dict[str, Any]) -> bool:
    """Ask what is not answered yet; each answer is checked and kept before the next question. ``False``: somebody went
    back to the domains, and DNS is to be looked at again."""
    from bcp.deeds.begin import memory
    from bcp.deeds.begin.questions import waiting

    while (q := next(waiting(asked, kept), None)) is not None:
        if q.key == "domains" and "found_host" in kept:
            return False
        try:
            _one(folder, q, kept, asked)
        except KeyboardInterrupt:
            memory.keep(folder, kept)
            kept_in = f"What was answered is kept in {folder / memory.NAME}: {_again(folder)} goes on."
            render.say("\n" + render.wrap(f"Stopped at: {q.ask}. {kept_in}", "  ", ""))
            raise
        memory.keep(folder, kept)
    return True


def _back(q: Question, kept: dict[str, Any], asked: tuple[Question, ...]) -> None:
    """Take the last answer back: of this question, where several were given, else the one before."""
    from bcp.deeds.begin.questions import before, so_far

    if given := kept.get(so_far(q)):
        render.say(f"  taken back: {', '.join(v for v in given.pop().values() if v)}")
        return
    last = before(asked, kept, q)
    if last is None:
        render.say("  this is the first question")
        return
    kept.pop(last.key)


def _one(folder: Path, q: Question, kept: dict[str, Any], asked: tuple[Question, ...]) -> None:
    """One question, until its answer can be used, or somebody wants to go back."""
    from bcp.deeds.begin import memory
    from bcp.deeds.begin.questions import MAX_PEOPLE, so_far, taken

    begun = so_far(q)
    while True:
        line = _line(folder, q, kept)
        if line == "<":
            _back(q, kept, asked)
            return
        try:
            value = taken(q, line, kept)
        except ValueError as error:
            render.say(f"  {error}")
            continue
        if not q.many:
            kept[q.key] = value
            return
        rows = [*kept.get(begun, []), *value]
        if not line.strip() or len(rows) >= MAX_PEOPLE:
            kept.pop(begun, None)
            kept[q.key] = rows
            return
        kept[begun] = rows
        memory.keep(folder, kept)


def _line(folder: Path, q: Question, kept: Mapping[str, Any]) -> str:
    """What is typed. At the end of input: stopped, and said how to go on."""
    from bcp.deeds.begin import memory

    default = "" if q.many else q.default(kept)
    why = f" ({q.why})" if q.why else ""
    sys.stderr.write(render.wrap(f"{q.ask}{why}{f' [{default}]' if default else ''}:", "  ", "") + " ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stderr.write("\n")
        memory.keep(folder, kept)
        raise Invalid(
            f"stopped at {q.key!r}: {q.ask}",
            hint=f"Answers are kept in {folder / memory.NAME}: {_again(folder)} goes on. Without a terminal: --answers",
        )
    return line.strip()


def _look(kept: dict[str, Any]) -> dict[str, Found]:
    """The MX as it stands, and who keeps the zone: said, and proposed."""
    from bcp import registry
    from bcp.deeds.begin import found
    from bcp.deeds.begin.hosts import back_ends_of

    more = {k: kept.get(k) or () for k in ("resolvers", "authoritative")}
    seen = wait_for(found.find(kept["domains"], **more))
    for line in found.said(seen):
        render.say(render.wrap(line, "  ", ""))
    host = next((f.host for f in seen.values() if f.host), "")
    kinds = registry.kinds("dns")
    kept["found_host"] = host
    kept["found_of"] = {d: list(back_ends_of(f.hosts, kinds)) for d, f in seen.items()}
    kept["found_dns"] = ", ".join(dict.fromkeys(k for of in kept["found_of"].values() for k in of)) or "manual"
    return seen


def _write(folder: Path, answers: dict[str, Any], seen: dict[str, Found]) -> None:
    from bcp.deeds.begin import found, memory, write
    from bcp.kernel.files import write_atomic
    from bcp.wiring import login_name

    mx = {d: f.mx for d, f in seen.items()}
    if answers.get("dns_server"):
        mx = {**mx, **{d: m for d in answers["domains"] if (m := _at_primary(d, answers["dns_server"])) is not None}}
    notes = found.notes(seen, answers.get("relay") or "")
    texts = write.files(answers, mx, login_name(), lambda: secrets.token_hex(6), notes)
    written = []
    for path, text in texts.items():
        place = folder / path
        if place.exists() and path != "bcp.yaml":
            continue  # people and codes that are there are not replaced
        memory.room(place.parent, 0o700)
        write_atomic(place, text, mode=0o600 if path.startswith("secrets/") else 0o640)
        written.append(str(place))
    memory.forget(folder)
    _told(folder, written, answers, mx)


def _at_primary(domain: str, server: str) -> MxSet | None:
    """The MX as the primary itself has it: the world may not see it."""
    from bcp.kit.dns_read import mx_of, query
    from bcp.kit.dnswire import Lost, exchange, parse_endpoint

    asked = [query(domain, "MX")]
    (reply,) = wait_for(exchange(parse_endpoint(server), asked, keyring=None, timeout_s=3, window=1))
    return None if isinstance(reply, Lost) else mx_of(reply, domain)


def _told(folder: Path, written: list[str], answers: dict[str, Any], mx: dict[str, MxSet | None]) -> None:
    shown = [str(m) for m in mx.values() if m is not None]
    without = [d for d, m in mx.items() if m is None]
    looking = _usual(answers, mx)
    text = [f"Written: {', '.join(written)}", f"MX now: {'; '.join(shown) or 'not known'}"]
    text += [f"The MX of {d} could not be read; fill in primary: by hand." for d in without]
    text += [f"Looks: {', '.join(looking) or 'nothing yet; primary: says where'}"]
    if not answers.get("relay"):
        text += ["MX is never moved: there is no relay. Outages are seen, and people are told."]
    if len(answers.get("people") or ()) < 2:
        alone = "Only one person can approve, and whoever starts a run may not: a plan that asks for a yes is refused. "
        text += [render.wrap(f"{alone}Add people to contacts.csv, group oncall.", "  ", "")]
    there = "" if folder == Path() else f"cd {quote(str(folder))}, then "
    text += [f"Next: {there}bcp config check, then bcp doctor, then bcp drill run"]
    render.emit("bcp.written/1", {"files": written, "mx": shown, "probes": looking}, "\n".join(text))


def _usual(answers: dict[str, Any], mx: dict[str, MxSet | None]) -> list[str]:
    """Names of the probes that look from now on."""
    from bcp.wiring.usual_probes import Canary, Reachable, usual_probes

    hosts = {d: [h.host for h in m.hosts] if m else [] for d, m in mx.items()}
    canary = Canary(answers.get("canary") or "", tuple(answers.get("known") or ()))
    relay, first = answers.get("relay"), answers["domains"][0]
    return list(
        usual_probes(hosts, canary, Reachable("mx-backup", relay, (), 25, f"postmaster@{first}") if relay else None)
    )


def _zone_here() -> str:
    """The time zone of this machine, where it says so; else UTC."""
    from bcp.contacts.quiet import zone_of

    named = os.environ.get("TZ", "").removeprefix(":")  # noqa: TID251 - POSIX
    link = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    for name in (named, link):
        try:
            if name and "/" in name:
                zone_of(name)
                return name
        except ValueError:
            continue
    return "UTC"
