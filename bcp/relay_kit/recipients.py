"""Whom a relay takes mail for: one list of addresses, made in peacetime, dated, counted and signed. Pure.

The text is what Postfix's ``postmap`` reads, with a head in comments: which relay, when it was made, how many. The
relay takes it with the signature over all of it, whole or not at all.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from bcp.kernel.errors import Invalid, Refused, Transient

FORMAT = "# bcp recipients 1"
_HEAD = re.compile(r"^# (relay|made|count): (\S+)$")
_LOCAL = re.compile(r"^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}$")
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """One list."""

    relay: str
    made: int
    """When: epoch seconds. A relay takes no list that is older than the one it has."""
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """What a new list changes."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    before: int
    after: int

    def __str__(self) -> str:
        text = f"{self.after} recipients ({self.before} before): {len(self.added)} new, {len(self.removed)} gone"
        names = [f"+{a}" for a in self.added[:SHOWN]] + [f"-{a}" for a in self.removed[:SHOWN]]
        more = max(0, len(self.added) - SHOWN) + max(0, len(self.removed) - SHOWN)
        return "\n  ".join([text, *names, *([f"and {more} more"] if more else [])])


@dataclass(frozen=True, slots=True)
class Gathered:
    """Addresses out of all sources."""

    addresses: frozenset[str]
    foreign: int = 0
    """So many belong to domains that the relay is not for (guests, the provider's own domain): left out."""
    odd: tuple[str, ...] = ()
    """What is no address that Postfix could look up: left out, and said."""
    sources: tuple[str, ...] = field(default=())


def gather(found: Iterable[str], domains: Collection[str], sources: Sequence[str] = ()) -> Gathered:
    """Addresses of our domains in one form: lower case, each once."""
    ours, kept, foreign, odd = {d.lower() for d in domains}, set(), 0, []
    for raw in found:
        local, at, domain = raw.strip().lower().rpartition("@")
        if not at or not _LOCAL.match(local):
            odd.append(raw.strip()[:100])
        elif domain not in ours:
            foreign += 1
        else:
            kept.add(f"{local}@{domain}")
    return Gathered(frozenset(kept), foreign, tuple(odd), tuple(sources))


def addresses_in(text: str) -> list[str]:
    """Addresses of a file: one a line, ``smtp:`` before it or not, comments with ``#``."""
    rows = (line.partition("#")[0].strip().strip('"') for line in text.lstrip("\ufeff").splitlines())
    return [re.sub(r"^smtp:", "", row, flags=re.IGNORECASE) for row in rows if "@" in row]


def render(listing: Listing) -> str:
    """The list as text."""
    head = [FORMAT, f"# relay: {listing.relay}", f"# made: {listing.made}", f"# count: {len(listing.addresses)}"]
    return "\n".join([*head, *(f"{a} OK" for a in sorted(listing.addresses))]) + "\n"


DAMAGED = "bcp relay recipients sync --accept-drop puts the new one there"
"""What was there is not known: whether more than a tenth would vanish, neither."""


def parse(text: str) -> Listing | None:
    """A list out of its text; ``None``: this relay has none yet. Raises ``Transient`` where it is something else."""
    lines = text.splitlines()
    if not any(line.strip() and not line.startswith("#") for line in lines) and FORMAT not in lines[:1]:
        return None
    head = {m[1]: m[2] for line in lines[:10] if (m := _HEAD.match(line))}
    addresses = frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
    whole = head.get("count") == str(len(addresses)) and head.get("made", "").isdigit()
    if lines[:1] != [FORMAT] or not whole:
        raise Transient("what the relay shows is no list of recipients of ours", hint=DAMAGED)
    return Listing(head.get("relay", ""), int(head["made"]), addresses)


def signed(text: str, signature: bytes) -> bytes:
    """What the relay's ``bcp-relay recipients`` reads: the signature, then the list."""
    return base64.b64encode(signature) + b"\n" + text.encode()


def change(old: Listing | None, new: Collection[str]) -> Change:
    """What is new and what is gone."""
    before, after = old.addresses if old is not None else frozenset(), frozenset(new)
    return Change(tuple(sorted(after - before)), tuple(sorted(before - after)), len(before), len(after))


def judge(change_: Change, max_drop: float, *, accepted: bool) -> None:
    """May this list be sent?

    Raises:
        Invalid: it is empty (``recipients.empty``): nobody could be written to, and no person can want that.
        Refused: more vanish than may without a person's word (``recipients.drop``), and nobody gave it.
    """
    if change_.after == 0:
        raise Invalid(
            "no recipient was found: the relay keeps the list that it has",
            hint="Is the directory the right one, and are its permissions whole?",
            rule="recipients.empty",
        )
    if change_.before and len(change_.removed) / change_.before > max_drop and not accepted:
        share = 100 * len(change_.removed) / change_.before
        raise Refused(
            f"{len(change_.removed)} of {change_.before} recipients ({share:.0f} %) would vanish from the relay",
            hint="Look at them: bcp relay recipients check. If it is right: bcp relay recipients sync --accept-drop",
            rule="recipients.drop",
        )
