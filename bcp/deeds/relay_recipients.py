"""Recipients of a relay: gathered from a directory and files, compared with what the relay has, signed and sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bcp import registry
from bcp.contracts.directory import DirectoryPlugin, TellsAddresses
from bcp.deeds.relay_kit import RelayHosts, relay_of
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid, PartlyDone, Permanent
from bcp.kit.ed25519 import sign
from bcp.relay_kit.recipients import (
    Change,
    Gathered,
    Listing,
    addresses_in,
    change,
    gather,
    judge,
    parse,
    render,
    signed,
)
from bcp.store.files.relay_lists import Remembered, read_remembered, write_remembered
from bcp.wiring import App


@dataclass(frozen=True, slots=True)
class HostList:
    """One relay host: the list that it has, or why that is not known, and what the new one would change."""

    host: str
    listing: Listing | None = None
    change: Change | None = None
    trouble: str = ""
    sent: bool = False
    damaged: bool = False
    """It answers, and what it has is no list: somebody had a hand in it."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """What was found, and how each host stands."""

    relay: str
    found: Gathered
    hosts: tuple[HostList, ...]
    news: Remembered | None = None
    """What the directory said, to be kept once the list is sent."""


async def found_now(app: App, relay: RelayHosts, *, full: bool = False) -> tuple[Gathered, Remembered | None]:
    """Everybody whom the relay should take mail for, and what is to be remembered of the directory.

    Raises:
        Invalid: no source is configured, or one is not there. Other errors are the directory's: then nothing is sent.
    """
    wanted = relay.machine.recipients
    addresses, sources, news = [], [], None
    if wanted.directory:
        news = await _from_directory(app, relay, full=full)
        addresses += [a for found in news.by_id.values() for a in found]
        sources.append(wanted.directory)
    for file in wanted.files:
        addresses += addresses_in(_read(app.configuration.path(file)))
        sources.append(str(file))
    if not sources:
        raise Invalid(
            f"the relay {relay.name} does not know where its recipients come from",
            hint="Set kit: recipients: directory: or files: of the relay in bcp.yaml.",
            rule="recipients.no-source",
        )
    return gather(addresses, list(app.world.domains), sources), news


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        text = f"{path} cannot be read: {error.strerror or error}"
        raise Invalid(text, hint="The relay keeps the list that it has.", rule="recipients.file") from error


async def _from_directory(app: App, relay: RelayHosts, *, full: bool) -> Remembered:
    """By changes since the last time, where the directory still knows them."""
    name = relay.machine.recipients.directory
    given = app.configuration.plugins["directories"]
    if name not in given:
        hint = did_you_mean(name, given)
        raise Invalid(f"there is no directory {name!r} in bcp.yaml", hint=hint, rule="recipients.no-directory")
    source = registry.find(DirectoryPlugin, given[name].kind).create(name, given[name])
    if not isinstance(source, TellsAddresses):
        text = f"the directory {name} ({given[name].kind}) does not tell mail addresses"
        raise Invalid(text, hint="Use files: instead.", rule="recipients.no-addresses")
    last = Remembered() if full else read_remembered(_memory(app, relay))
    try:
        try:
            news = await source.addresses(last.since)
        except Permanent:
            if not last.since:
                raise
            last, news = Remembered(), await source.addresses()
    finally:
        await source.close()
    by_id = {**last.by_id, **news.by_id} if last.since else dict(news.by_id)
    for ident in news.gone:
        by_id.pop(ident, None)
    return Remembered(news.since, by_id)


def _memory(app: App, relay: RelayHosts) -> Path:
    return app.configuration.state / f"recipients-{relay.name}.json"


async def check(app: App, name: str = "", *, full: bool = False) -> Recipients:
    """What each host has, and what a sync would change. Sends nothing."""
    relay = relay_of(app, name)
    found, news = await found_now(app, relay, full=full)
    return Recipients(relay.name, found, tuple([await _look(relay, host, found) for host in relay.hosts]), news)


async def _look(relay: RelayHosts, host: str, found: Gathered) -> HostList:
    try:
        shown = await relay.reach(host).ask("list")
    except BcpError as error:
        return HostList(host, trouble=error.message)
    try:
        listing = parse(shown)
    except BcpError as error:
        return HostList(host, trouble=f"{error.message}; {error.hint}", damaged=True)
    return HostList(host, listing, change(listing, found.addresses))


async def sync(app: App, name: str = "", *, accept_drop: bool = False, full: bool = False) -> Recipients:
    """Send the new list to every host that can be reached; one that cannot keeps what it has.

    Raises:
        Invalid, Refused: nothing was sent to anybody.
        PartlyDone: some hosts have it, others do not. ``Transient`` and others: none has it.
    """
    relay = relay_of(app, name)
    key = relay.machine.recipients.key
    if key is None:
        hint = "Make one: openssl genpkey -algorithm ed25519 -out KEY, and set kit: recipients: key: file:KEY."
        raise Invalid("there is no key to sign lists with", hint=hint, rule="recipients.no-key")
    looked = await check(app, name, full=full)
    for host in looked.hosts:
        if host.change is not None:
            judge(host.change, relay.machine.recipients.max_drop, accepted=accept_drop)
    text = render(Listing(relay.name, int(app.clock.now()), looked.found.addresses))
    data = signed(text, sign(key.reveal(), text.encode()))
    done = [await _send(relay, h, data) if not h.trouble or (h.damaged and accept_drop) else h for h in looked.hosts]
    troubled = [h for h in done if h.trouble]
    if troubled:
        _tell(troubled, len(done))
    if looked.news is not None:
        write_remembered(_memory(app, relay), looked.news)
    return Recipients(relay.name, looked.found, tuple(done))


async def _send(relay: RelayHosts, host: HostList, data: bytes) -> HostList:
    try:
        await relay.reach(host.host).ask("recipients", stdin=data)
    except BcpError as error:
        return HostList(host.host, host.listing, host.change, error.message)
    return HostList(host.host, host.listing, host.change, sent=True)


def _tell(troubled: Sequence[HostList], hosts: int) -> None:
    """Say which relays have the old list."""
    text = "; ".join(f"{h.host}: {h.trouble}" for h in troubled)
    hint = "They keep the lists that they have. Repeat it when they can be reached."
    if len(troubled) < hosts:
        raise PartlyDone(f"not every relay has the new list: {text}", hint=hint, rule="recipients.partly")
    raise Permanent(f"no relay took the new list: {text}", hint=hint, rule="recipients.not-sent")
