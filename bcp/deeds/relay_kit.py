"""The kit of a relay: made from ``bcp.yaml`` and what was recorded of the tenant, and compared with a living relay."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid, StorageError, Transient
from bcp.kernel.files import write_atomic
from bcp.kit.ed25519 import public_half
from bcp.kit.relay_reach import Reach
from bcp.relay.sources import agents_of
from bcp.relay_kit.drift import Drift, drifts, foreign, loose, open_folders
from bcp.relay_kit.facts import KitFacts, hops_of
from bcp.relay_kit.files import KitFile, kit_files
from bcp.relay_kit.ssh_keys import is_public_key
from bcp.relay_kit.watch import MachineFacts, facts_in
from bcp.wiring import App

FOREIGN = (
    *(
        f"{folder}/{unit}.d/*.conf"
        for folder in ("etc/systemd/system", "etc/systemd/system.control", "usr/local/lib/systemd/system")
        for unit in ("postfix*.service", "bcp-*.service", "bcp-*.timer", "certbot.*", "nftables.service", "service")
    ),
    "var/lib/bcp-relay/.ssh/authorized_keys2",
)
"""Files below a root that are not the kit's, and change what its files do, as ``bcp-relay files`` finds them."""
NO_FIREWALL = Drift("etc/nftables.d/bcp-relay.nft", "in the kernel", "loaded", "")


@dataclass(frozen=True, slots=True)
class RelayHosts:
    """A relay whose machines are ours."""

    name: str
    hosts: tuple[str, ...]
    machine: RelayMachine

    def reach(self, host: str) -> Reach:
        """The way to one of them."""
        return Reach(self.machine.reach, host)


def relay_of(app: App, name: str = "") -> RelayHosts:
    """The relay that is meant: the only one with a machine of ours where none is named.

    Raises:
        Invalid: there is none, or several and none is named.
    """
    found = {n: m for n, s in app.world.relay_settings.items() if (m := s.machine()) is not None}
    if name and name not in found:
        hint = did_you_mean(name, found) if found else "Only relays that you run have a kit."
        raise Invalid(f"there is no relay {name!r} with a machine of ours", hint=hint, rule="relay.unknown")
    if not name and len(found) != 1:
        what = "bcp.yaml names no relay with a machine of ours" if not found else "there are several relays"
        raise Invalid(what, hint="Name one: --relay NAME" if found else "Add one under relays:.", rule="relay.which")
    chosen = name or next(iter(found))
    published = app.world.relay_settings[chosen].published()
    return RelayHosts(chosen, tuple(h.host.rstrip(".") for h in published), found[chosen])


def broken_keys(app: App, name: str = "") -> tuple[str, ...]:
    """Lines of ``ssh_keys:`` that an SSH server would pass over: whoever has that key is not let in."""
    return tuple(k for k in relay_of(app, name).machine.ssh_keys if not is_public_key(k))


def facts_of(app: App, relay: RelayHosts) -> tuple[KitFacts, ...]:
    """What the kit of each of its hosts is made from. Raises ``Invalid``."""
    domains = list(app.world.domains)
    peace = app.world.peace
    recorded = {
        d: [str(r["host"]) for r in (peace.domains.get(d, {}).get("graph") or [])] if peace else [] for d in domains
    }
    primary = {d.name: [p.host for p in d.primary] for d in app.settings.domains}
    hops = hops_of(domains, relay.hosts, relay.machine.next_hop, recorded, primary)
    key = relay.machine.recipients.key
    signer = public_half(key.reveal()) if key is not None else ""
    agents = {a.host: a.name for a in agents_of(relay.name, app.world.relay_settings[relay.name])}
    return tuple(
        KitFacts(
            relay.name,
            host,
            tuple(h for h in relay.hosts if h != host),
            hops,
            relay.machine,
            signer,
            agents.get(host, relay.name),
        )
        for host in relay.hosts
    )


def write_kit(app: App, folder: Path, name: str = "") -> list[Path]:
    """Write the kit of each host, each in a folder of its own where there are several. Returns the folders.

    Raises:
        Invalid: something is not known. ``StorageError``: it cannot be written.
    """
    all_facts = facts_of(app, relay_of(app, name))
    folders = []
    for facts in all_facts:
        place = folder / facts.host if len(all_facts) > 1 else folder
        _write(place, kit_files(facts))
        folders.append(place)
    return folders


def _write(folder: Path, files: Sequence[KitFile]) -> None:
    """Each whole, or as it was: a kit that is written again on a full disk is not left with half of a file."""
    for file in files:
        path = folder / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, file.text, mode=file.mode)
            path.chmod(file.mode)
        except OSError as error:
            hint = "Free space or fix permissions, or name another folder."
            raise StorageError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


@dataclass(frozen=True, slots=True)
class Compared:
    """One host, and what differs there. ``trouble``: it could not be looked at."""

    host: str
    drifts: tuple[Drift, ...] = ()
    trouble: str = ""


async def check_kit(app: App, name: str = "", root: Path | None = None) -> list[Compared]:
    """Compare living relays with their kits. ``root``: one whose files lie below this folder, instead of asking it."""
    relay = relay_of(app, name)
    out = []
    for facts in facts_of(app, relay):
        files = kit_files(facts)
        try:
            there = read_root(root, files) if root else unpack(await relay.reach(facts.host).ask("files"))
        except Transient as error:
            out.append(Compared(facts.host, trouble=error.message))
            continue
        living = () if root else await _living(relay, facts.host)
        rights = (*loose(files, there.rights), *open_folders(there.folders))
        out.append(Compared(facts.host, (*drifts(files, there), *foreign(files, there.names), *rights, *living)))
    return out


async def _living(relay: RelayHosts, host: str) -> Sequence[Drift]:
    """What files do not tell. A relay whose program is older does not tell it either."""
    try:
        told = facts_in(await relay.reach(host).ask("facts"))
    except BcpError:
        return ()
    off = (_at_start(*unit.partition(" is ")[::2]) for unit in told.units_off)
    open_keys = (Drift(f"etc/bcp-relay/{name}", "rights", "0600 of root", "readable by others") for name in told.loose)
    return (*((NO_FIREWALL,) if told.firewall is False else ()), *off, *open_keys, *_recipients(told))


def _at_start(name: str, why: str) -> Drift:
    if why.startswith("without "):  # it starts, and our rules are not among those that it loads
        return Drift("etc/nftables.conf", "include", '"/etc/nftables.d/*.nft"', "")
    return Drift(f"etc/systemd/system/{name}", "at the machine's start", "enabled", why)


def _recipients(told: MachineFacts) -> Iterator[Drift]:
    """The map that Postfix looks into, against the list that it was made from."""
    for one in told.odd_recipients:
        wanted, there = ("", "there") if one.startswith("+") else ("there", "")
        yield Drift("etc/postfix/bcp_recipients.db", one[1:], wanted, there)
    if told.list_signed is False:
        yield Drift("etc/postfix/bcp_recipients", "", "as it was signed", "changed by hand")
    elif not told.odd_recipients and told.list_says is not None and told.list_says != told.list_count:
        yield Drift("etc/postfix/bcp_recipients", "count", str(told.list_count), f"{told.list_says:.0f}")


class There(dict[str, str]):
    """Files as they are, by path without the first slash."""

    def __init__(self) -> None:
        super().__init__()
        self.rights: dict[str, tuple[int, int]] = {}
        """Mode and owner (uid) of each."""
        self.folders: dict[str, tuple[int, int]] = {}
        """The same of the folders that they lie in."""
        self.names: set[str] = set()
        """All that the relay told of but folders, links, too."""


def read_root(root: Path, files: Sequence[KitFile]) -> There:
    """The kit's files as they are below a folder."""
    found = There()
    for file in files:
        path = root / file.target
        if file.target and path.is_file():
            found[file.target] = path.read_text(encoding="utf-8", errors="replace")
            found.rights[file.target] = _rights(path)
            found.folders[file.target.rpartition("/")[0]] = _rights(path.parent)
    found.names.update(str(p.relative_to(root)) for g in FOREIGN for p in root.glob(g) if not p.is_dir())
    return found


def _rights(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_mode & 0o7777, told.st_uid


def unpack(text: str) -> There:
    """What ``bcp-relay files`` prints. Raises ``Transient`` where it is something else."""
    try:
        found = There()
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text, validate=True)), mode="r:") as archive:
            for member in archive.getmembers():
                name = member.name.lstrip("./")
                if member.isdir():
                    found.folders[name] = member.mode & 0o7777, member.uid
                    continue
                found.names.add(name)
                inner = archive.extractfile(member) if member.isfile() else None
                if inner is not None:
                    found[name] = inner.read(1_000_000).decode("utf-8", "replace")
                    found.rights[name] = member.mode & 0o7777, member.uid
        return found
    except (ValueError, tarfile.TarError, OSError, EOFError) as error:
        text = f"the relay answers, but not as bcp-relay does: {error}"
        raise Transient(text, hint="Is the kit installed there?") from error
