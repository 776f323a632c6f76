"""``bcp relay pull, take, mails, account, give-up``: what the relays' agents told, by recipient and in sum."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.contracts.relay_ledger import Fate, Wanted
    from bcp.relay.sums import Account
    from bcp.wiring.relay_books import RelayBooks

Relays = Annotated[list[str] | None, typer.Option("--relay", help="Only this relay; may be given again.")]
Since = Annotated[str, typer.Option("--since", help="Accepted from then on: a time (ISO 8601), or 2h, 3d ago.")]
Until = Annotated[str, typer.Option("--until", help="Accepted before: a time (ISO 8601), or 30m ago.")]
WRONG = 1


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(name="pull", help="Ask the relays' agents for what is new.")(pull)
    group.command(name="take", help="Take a batch that was brought by hand: a file, or - for standard input.")(take)
    group.command(
        name="give-up", help="Mail at a host that left bcp.yaml is lost: a named person says so, with a reason."
    )(give_up)
    group.command(name="mails", help="What became of each recipient.")(mails)
    group.command(name="account", help="Accepted, delivered, bounced, held: do the ends meet?")(account)


def _books() -> RelayBooks:
    books = make_app().running.books
    if not books.agents and not books.gone():
        raise Missing(
            "no relay in bcp.yaml has an agent",
            hint="relays: NAME: agent: {url: http://127.0.0.1:8025, key: file:agent.key}",
            rule="no-agent",
        )
    return books


def pull(relay: Relays = None) -> None:
    """Ask."""
    books = _books()
    for name in relay or ():
        if not books.sources([name]) and (gone := books.gone([name])) and books.way_of(name) is None:
            hint = f"Put {gone[0].place} back, or bring a batch by hand: bcp relay take."
            raise Invalid(
                f"{name!r} is no longer in bcp.yaml: how to ask it is not known", hint=hint, rule="agent-gone"
            )
    _checked(books, relay)
    done = wait_for(books.pull(tuple(relay or ())))
    rows = [[p.relay, str(p.batches), p.problem or "all that it has is here"] for p in done]
    data = [{"relay": p.relay, "batches": p.batches, "problem": p.problem, "rule": p.rule} for p in done]
    render.emit("bcp.relay-pull/1", {"relays": data}, render.table(rows, ["RELAY", "BATCHES", ""]))
    if any(p.problem for p in done):
        raise typer.Exit(WRONG)


def _checked(books: RelayBooks, names: list[str] | None) -> tuple[str, ...]:
    """The agents of these relays, or that are called so, also those that left ``bcp.yaml``. Raises ``Invalid`` for a
    relay that has none."""
    for name in names or ():
        if not books.sources([name]) and not books.gone([name]):
            raise Invalid(f"{name!r} is no relay with an agent", hint=", ".join(books.agents), rule="no-agent")
    return (*books.sources(names), *(g.name for g in books.gone(names))) if names else ()


def take(
    file: Annotated[str, typer.Argument(help="What `bcp relay agent --batch N` printed; - is standard input.")],
    relay: Annotated[str, typer.Option("--relay", help="Whose it is; needed where several have agents.")] = "",
    key: Annotated[
        str, typer.Option("--key", help="Its key, where it is no longer in bcp.yaml: file:agent.key, env:NAME.")
    ] = "",
) -> None:
    """Take."""
    from bcp.kit.triplets import unpacked
    from bcp.relay.intake import take_batch

    books = _books()
    name = relay or (next(iter(books.agents)) if len(books.agents) == 1 else "")
    secret = _key(books, name, key)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read: {error}", rule="no-file") from error
    raw = unpacked(text)
    size = raw.partition(b"\n")[0]
    batch = raw[len(size) + 1 + int(size) :] if size.isdigit() and len(size) < 12 else raw
    done = take_batch(books.ledger, name, batch, secret, books.clock.now()) if batch else "nothing"
    render.emit("bcp.relay-take/1", {"relay": name, "batch": done}, f"{name}: {done}")


def _key(books: RelayBooks, name: str, given: str) -> bytes:
    """Of the agent: as ``bcp.yaml`` has it; of one that left it as its relay has it still, or as it is given. Raises
    ``Invalid``."""
    from bcp.kernel.secret import Secret
    from bcp.relay.batch import checked_key

    gone = {g.name: g for g in books.gone()}
    if name not in books.agents and name not in gone:
        known = ", ".join((*books.agents, *gone))
        raise Invalid("say whose batch it is", hint=f"--relay: {known}", rule="no-agent")
    ways = [a.way for a in books.places if a.relay == name.partition("@")[0]]
    if given and given.partition(":")[0] not in {"env", "file", "keyring"}:
        raise Invalid("a key is given by its reference, never as it is", hint="--key file:agent.key", rule="no-key")
    if given:
        found = Secret(given, books.configuration.folder)
    elif name in books.agents:
        found = books.agents[name].key
    elif ways:
        found = ways[0].key
    else:
        hint = "The one that its agent seals with: --key file:agent.key"
        raise Invalid(f"{name} is no longer in bcp.yaml: give its key", hint=hint, rule="no-key")
    return checked_key(found.reveal().encode(), found.reference)


def give_up(
    source: Annotated[str, typer.Argument(help="As the account names it: RELAY@HOST, or RELAY.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Give up."""
    from bcp.cli.person import ground_of, who_is
    from bcp.deeds.relay_gone import GivenUp
    from bcp.deeds.relay_gone import give_up as deed

    app = make_app()
    count = wait_for(deed(ground_of(app), who_is(app, as_), GivenUp(source, reason)))
    text = f"{plural(count, 'recipient')} at {source} now counted as removed; their senders were not told."
    render.emit("bcp.relay-give-up/1", {"source": source, "recipients": count}, text)


def moment(text: str, now: float) -> float:
    """A time as people write it, in epoch seconds; 0 for none. Raises ``Invalid``."""
    if not text:
        return 0.0
    from bcp.kernel.units import parse_duration

    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "For example 2026-11-27T10:00:00Z, 2026-11-27, or 2h for two hours ago."
        raise Invalid(f"{text!r} is no time", hint=hint, rule="no-time") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def mails(
    recipient: Annotated[str, typer.Argument(help="An address; without one all recipients.")] = "",
    status: Annotated[
        list[str] | None,
        typer.Option("--status", help="sent, bounced, expired, removed, held, deferred, queued or unknown."),
    ] = None,
    sender: Annotated[str, typer.Option("--from", help="The sender's address; <> for bounces.")] = "",
    message_id: Annotated[str, typer.Option("--message-id", help="Of the message, with or without < >.")] = "",
    queue_id: Annotated[str, typer.Option("--queue-id", help="The relay's own name for the message.")] = "",
    doubled: Annotated[bool, typer.Option("--doubled", help="Only what was delivered more than once.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Copies and the relay's own messages, too.")] = False,
    since: Since = "",
    until: Until = "",
    relay: Relays = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma separated values, with a line of names.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many rows at most.")] = 100,
) -> None:
    """By recipient."""
    from bcp.contracts.relay_ledger import COPY, DELIVERED, FORWARDED, LEFT, MAIL, OPEN_FATES, OWN, UNSEEN, Wanted

    known = (*DELIVERED, *LEFT, *OPEN_FATES)
    for name in status or ():
        if name not in known:
            raise Invalid(f"there is no status {name!r}", hint=f"Known: {', '.join(known)}.", rule="no-status")
    books = _books()
    now = books.clock.now()
    wanted = Wanted(
        relays=_checked(books, relay),
        since=moment(since, now),
        until=moment(until, now),
        recipient=recipient,
        sender=sender,
        message_id=message_id,
        queue_id=queue_id,
        statuses=tuple(status or ()),
        kinds=(MAIL, COPY, OWN, UNSEEN, FORWARDED) if everything else (MAIL,),
        doubled=doubled,
    )
    _show(books, wanted, limit, as_csv)


def _show(books: RelayBooks, wanted: Wanted, limit: int, as_csv: bool) -> None:
    from bcp.relay.sums import fate_data

    found, count = books.ledger.fates(wanted, limit=limit), books.ledger.count(wanted)
    if as_csv:
        rows = [fate_data(f) for f in found]
        out = csv.DictWriter(sys.stdout, list(rows[0]) if rows else ["relay"], lineterminator="\n")
        out.writeheader()
        out.writerows({k: _tame(v) for k, v in row.items()} for row in rows)
        return
    table = [[iso(f.taken)[5:19].replace("T", " "), f.recipient or f"({f.people})", _what(f), f.sender] for f in found]
    text = render.table(table, ["ACCEPTED", "RECIPIENT", "", "FROM"]) if table else "None."
    more = f"\n{count} recipient(s) in all; --limit shows more." if count > len(found) else ""
    render.emit("bcp.relay-mails/1", {"recipients": count, "mails": [fate_data(f) for f in found]}, text + more)


def _tame(value: object) -> object:
    """A cell that a spreadsheet does not take for a formula: senders write some of these texts."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t"} else value


def _what(f: Fate) -> str:
    told = {"no": ", sender not told", "told": ", sender told", "failed": ", bounce failed"}.get(f.told, "")
    twice = ", twice" if f.doubled else ", perhaps twice" if f.risky and f.status == "sent" else ""
    where = f.remote_id or f.answer
    return f"{f.status}{told}{twice}{': ' if where else ''}{where}"


def account(since: Since = "", until: Until = "", back: Annotated[
    str, typer.Option("--back", help="When MX was switched back: who came later is counted apart.")
] = "", relay: Relays = None) -> None:  # fmt: skip
    """In sum."""
    books = _books()
    now = books.clock.now()
    times = moment(since, now), moment(until, now), moment(back, now)
    found = books.account(*times, relays=_checked(books, relay))
    if found is None:  # all that ever had an agent took nothing then
        raise Missing("no relay that had an agent took a mail then", hint="--since, --until", rule="no-agent")
    render.emit("bcp.relay-account/1", {**found.to_data(), "without_agent": books.without}, account_text(found, books))
    if not found.meets:
        raise typer.Exit(WRONG)


def account_text(found: Account, books: RelayBooks) -> str:
    """The account for people."""
    from bcp.relay.sums import NAMES

    lines = [f"{'accepted':<12}{found.accepted:>9}"]
    lines += [f"  {name:<10}{found.fates.get(name, 0):>9}" for name in NAMES]
    beside = (
        ("sender not told", found.untold),
        ("doubled", found.doubled),
        ("perhaps doubled", found.perhaps_doubled),
        ("perhaps delivered", found.perhaps_delivered),
        ("late", found.late),
        ("acceptance not seen", found.unseen),
    )
    lines += [f"{name:<20}{count}" for name, count in beside if count]
    lines += [f"{iso(h.at)[5:13].replace('T', ' ')}h {h.accepted:>8}  {_parts(h.fates)}" for h in found.hours[-48:]]
    lines.append("The ends meet." if found.meets else "The ends do not meet.")
    lines += [
        f"  {f.recipient or f'{f.people} without a name'} in {f.queue_id}: {_what(f)}" for f in found.by_name[:50]
    ]
    lines += [f"! {w}" for w in found.warnings]
    lines += [f"! {name} has no agent: what it took is not in here" for name in books.without]
    return "\n".join(lines)


def _parts(fates: object) -> str:
    assert isinstance(fates, dict)
    return ", ".join(f"{count} {name}" for name, count in sorted(fates.items()) if count)
