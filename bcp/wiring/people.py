"""People: who there is, who may approve, and who sits at this terminal."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from bcp.contacts.directory import Audience, Directory
from bcp.contacts.load import load_contacts
from bcp.contacts.person import heard, unheard
from bcp.contacts.snapshot import Keys, read_snapshot
from bcp.contracts.contact import Contact
from bcp.engine.gate import apart, shared
from bcp.settings import Configuration
from bcp.store.files.optouts import read_optouts


class People:
    """Contacts and audiences of one configuration. The directory is read when it is first asked for, then kept."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration, self.settings = configuration, configuration.settings
        self._directory: Directory | None = None

    @property
    def directory(self) -> Directory:
        """Contacts and audiences. Raises ``Invalid``."""
        if self._directory is None:
            self._directory = self._read()
        return self._directory

    def use(self, directory: Directory) -> None:
        """Use these people instead of the file's, until ``forget``: a drill tells volunteers only."""
        self._directory = directory

    def forget(self) -> None:
        """Read contacts and opt-outs anew at the next question: somebody opted out, or a file has changed."""
        self._directory = None

    def _read(self) -> Directory:
        c = self.settings.contacts
        audiences = {
            n: Audience(n, tuple(a.groups), tuple(a.people), a.where, tuple(a.first), a.quiet, a.timezone)
            for n, a in self.settings.audiences.items()
        }
        people: dict[str, Contact] = {}
        taken = 0.0
        if c.snapshot is not None and c.snapshot.exists():
            found, taken, _ = read_snapshot(c.snapshot, self.contact_keys())
            people.update((p.id, p) for p in found)
        if c.file is not None:
            people.update((p.id, p) for p in load_contacts(c.file))
        out, channels = read_optouts(self.configuration.state), self.settings.channels
        astray: dict[str, str] = {}
        for i, p in people.items():
            noes = heard((*p.optout, "sms") if p.phone in out else p.optout, channels)
            own = heard(p.channels, channels)
            if lost := unheard(own, channels):
                astray[i] = lost[0]
                own = () if len(lost) == len(own) else own  # of wishes that mean nothing nobody goes without a word
            people[i] = replace(p, optout=noes, channels=own) if (noes, own) != (p.optout, p.channels) else p
        return Directory(tuple(people.values()), audiences, str(c.file or c.snapshot or ""), taken, astray)

    def contact_keys(self) -> Keys:
        """What protects the snapshot of contacts."""
        c = self.settings.contacts
        return Keys(c.key.reveal() if c.key else "", c.signing_key.reveal() if c.signing_key else "", c.trusted_key)

    def whoami(self, claimed: str = "") -> str:
        """Who is at this terminal: the contact with this login, else the login itself."""
        if claimed:
            return claimed
        login = login_name()
        found = self.directory.by_login(login)
        return found.id if found else login

    def ways(self, people: Collection[str]) -> dict[str, set[str]]:
        """Of people the numbers and addresses by which they can answer;
        who shares one counts as one person at a gate."""
        found = {p: self.directory.person(p) for p in people}
        return {
            p: {w for w in (c.phone, c.slack.casefold(), mailbox(c.email)) if w} if c is not None else set()
            for p, c in found.items()
        }

    def apart(self, references: Sequence[str]) -> int:
        """How many persons are behind references, when those who share a way to answer count as one."""
        people = self.approvers(references)
        return apart(people, shared(self.ways(people)))

    def approvers(self, references: Sequence[str]) -> frozenset[str]:
        """Ids of the people behind references such as ``group:oncall``."""
        return frozenset(c.id for c in self.directory.people(references))


def mailbox(address: str) -> str:
    """The mailbox behind an address: ``ann+oncall@x`` is read by whoever reads ``ann@x`` (RFC 5233), and Google's
    passes over dots. For telling people apart only: mail goes to the address as it is written."""
    local, _, domain = address.casefold().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local else domain


def login_name() -> str:
    """The login of whoever runs this process, by user id, not by what the environment claims."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()
