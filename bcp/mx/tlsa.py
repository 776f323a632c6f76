"""DANE for SMTP (RFC 7672): which TLSA records a sender uses, and whether a certificate satisfies them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

DANE_TA, DANE_EE = 2, 3
"""Certificate usages that SMTP senders use. PKIX-TA (0) and PKIX-EE (1) are unusable for SMTP (RFC 7672 section
3.1.3)."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    """0: the whole certificate. 1: its public key."""
    matching: int
    """0: in full. 1: SHA-256. 2: SHA-512."""
    data: str
    """Hexadecimal, lower case, without spaces."""

    @property
    def usable(self) -> bool:
        """Would a sender use it? Unknown selectors and matching types are ignored, as are digests of a wrong length."""
        if self.usage not in {DANE_TA, DANE_EE} or self.selector not in {0, 1}:
            return False
        return bool(self.data) if self.matching == 0 else len(self.data) == {1: 64, 2: 128}.get(self.matching)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data[:8]}..."


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of the chain that a host showed. What is empty was not seen."""

    der: bytes = b""
    spki: bytes = b""
    """SubjectPublicKeyInfo, DER."""
    spki_sha256: str = ""
    """Its digest, where only that is known."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one address of a host showed after STARTTLS: its own certificate first, then those that it sent along."""

    address: str
    tls: bool
    chain: tuple[Certificate, ...] = ()
    names_host: bool = True
    """Does the first certificate name the host? Needed for DANE-TA, not for DANE-EE (RFC 7672 sections 3.1.1,
    3.1.2)."""


class Match(StrEnum):
    """What a sender with DANE makes of it."""

    NO_RECORDS = "no-records"
    UNUSABLE = "unusable"
    """There are records and none is usable: the sender encrypts, without checking who it is (RFC 7672 section 2.2)."""
    OK = "ok"
    MISMATCH = "mismatch"
    NO_TLS = "no-tls"
    """There are records and no STARTTLS: the sender does not deliver."""
    NOT_SEEN = "not-seen"
    """It cannot be judged: the host was not reached, or the certificates that the records are about were not seen."""


def parse(text: str) -> Tlsa | None:
    """A record's text, ``3 1 1 0123...``; the data may hold spaces. ``None`` when it is none."""
    parts = text.split()
    if len(parts) < 4 or not all(p.isascii() and p.isdigit() for p in parts[:3]):
        return None
    data = "".join(parts[3:]).lower()
    if any(c not in "0123456789abcdef" for c in data):
        return None
    return Tlsa(int(parts[0]), int(parts[1]), int(parts[2]), data)


def judge(records: Sequence[str], shown: Sequence[Shown]) -> Match:
    """The worst over all addresses that were seen: a sender may take any of them."""
    if not records:
        return Match.NO_RECORDS
    usable = [t for r in records if (t := parse(r)) is not None and t.usable]
    if not shown:
        return Match.NOT_SEEN
    if not all(s.tls for s in shown):
        return Match.NO_TLS
    if not usable:
        return Match.UNUSABLE
    found = [_one(usable, s) for s in shown]
    return next((m for m in (Match.MISMATCH, Match.NOT_SEEN) if m in found), Match.OK)


def _one(usable: Iterable[Tlsa], shown: Shown) -> Match:
    unclear = False
    for record in usable:
        if record.usage == DANE_TA and not shown.names_host:
            continue
        chain = shown.chain[:1] if record.usage == DANE_EE else shown.chain
        values = [_value(c, record) for c in chain]
        if record.data in values:
            return Match.OK
        unclear = unclear or not chain or None in values or (record.usage == DANE_TA and len(chain) < 2)
    return Match.NOT_SEEN if unclear else Match.MISMATCH


def _value(certificate: Certificate, record: Tlsa) -> str | None:
    """What the record would have to say of this certificate; ``None`` when that part of it was not seen."""
    raw = certificate.der if record.selector == 0 else certificate.spki
    if not raw:
        known = record.selector == 1 and record.matching == 1 and certificate.spki_sha256
        return certificate.spki_sha256 if known else None
    if record.matching == 0:
        return raw.hex()
    return (hashlib.sha256 if record.matching == 1 else hashlib.sha512)(raw).hexdigest()
