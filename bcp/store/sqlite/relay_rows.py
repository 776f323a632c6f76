"""One recipient of one message as a row of the ledger. Pure."""

from __future__ import annotations

from typing import Any

from bcp.contracts.relay_ledger import Fate


def domain_of(f: Fate) -> str:
    """Of the address that the sender used, with A-labels, as ``bcp.yaml`` has it; empty where nobody knows it."""
    name = f.recipient.rpartition("@")[2]
    if name.isascii():
        return name
    try:
        import idna  # few mails are addressed so (RFC 6531)

        return idna.encode(name, uts46=True).decode()
    except (ImportError, UnicodeError):
        return name


def row_of(mail: int, n: int, f: Fate) -> tuple[Any, ...]:
    """The columns of the table ``fate``."""
    return (
        mail, n, f.relay, f.kind, f.taken, domain_of(f), f.recipient, f.status, f.told, f.people, f.at, f.to, f.answer,
        f.via, f.remote_id, f.tries, f.risky, f.passed,
    )  # fmt: skip
