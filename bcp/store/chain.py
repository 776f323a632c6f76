"""Proof that a run's file is as it was written: events, plan, ledger and signals against the chain of hashes. Pure.

The first link of a run made since format 2 points at the digest of what the run was started with, so that nobody's plan
or initiator can be changed; every claim and settlement is an event that carries the digest of its row in the ledger;
every signal carries the hash of itself and the one before it. What one chain cannot prove is that nothing was cut off
its end: for that its head is written into the audit file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bcp.kernel.hashing import GENESIS, link, link_event

EventRow = tuple[int, float, str, str, str, str, str]
"""seq, at, kind, step, actor, data as text, hash."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the ledger as it is on disk."""

    key: str
    step: str
    claimed: float
    state: str
    settled: float | None
    request: str
    outcome: str | None
    fence: int


def genesis_of(meta: Mapping[str, str]) -> str:
    """What the first link points at: the digest of what the run was started with (canonical texts as they are in the
    file); zeros in runs of format 1."""
    if meta.get("format", "1") == "1":
        return GENESIS
    found = hashlib.sha256()
    for key in sorted(meta):
        found.update(f"{key}\x1f{meta[key]}\x1e".encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def claim_digest(key: str, step: str, claimed: float, fence: int, request: str) -> str:
    """Covers what was claimed."""
    return _sha(f"{key}\x1f{step}\x1f{claimed!r}\x1f{fence}\x1f{request}")


def outcome_digest(key: str, settled: float, outcome: str) -> str:
    """Covers how it was settled."""
    return _sha(f"{key}\x1f{settled!r}\x1f{outcome}")


def signal_hash(previous: str, at: float, kind: str, actor: str, data: str) -> str:
    """Covers a signal and those before it."""
    return _sha(f"{previous}\x1f{at!r}\x1f{kind}\x1f{actor}\x1f{data}")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def verify_events(rows: Iterable[EventRow], genesis: str) -> tuple[int, str, str]:
    """Number of events that hold, head of the chain, and what is wrong (empty: nothing)."""
    previous, expected = genesis, 1
    for seq, at, kind, step, actor, data, found in rows:
        if seq != expected:
            return expected - 1, previous, f"event {expected} is missing"
        if link_event(previous, seq, at, kind, step, actor, data) != found:
            what = "what the run was started with, or event 1," if seq == 1 else f"event {seq} ({kind})"
            return seq - 1, previous, f"{what} was changed"
        previous, expected = found, expected + 1
    return expected - 1, previous, ""


def verify_ledger(events: Iterable[tuple[str, Mapping[str, Any]]], rows: Sequence[LedgerRow]) -> str:
    """Every row of the ledger against the events (step, data) that speak of its key, and the other way round."""
    claimed: dict[str, str] = {}
    settled: dict[str, Mapping[str, Any]] = {}
    for _, data in events:
        key = str(data.get("key", ""))
        if not key:
            continue
        if "claim" in data:
            claimed[key] = str(data["claim"])
        if "outcome" in data:
            settled[key] = data
    for row in rows:
        if wrong := _ledger_row(row, claimed.pop(row.key, ""), settled.pop(row.key, None)):
            return wrong
    lost = next(iter([*claimed, *settled]), "")
    return f"the ledger's entry {lost} is gone" if lost else ""


def _ledger_row(row: LedgerRow, claim: str, settled: Mapping[str, Any] | None) -> str:
    if claim and claim != claim_digest(row.key, row.step, row.claimed, row.fence, row.request):
        return f"what was claimed as {row.key} was changed"
    if (row.state == "settled") != (settled is not None):
        return f"the ledger's entry {row.key} does not agree with the chain"
    if settled is None:
        return ""
    text = row.outcome or ""
    whole = str(settled.get("digest", ""))
    same = whole == outcome_digest(row.key, row.settled or 0.0, text) if whole else settled["outcome"] == text[:2000]
    return "" if same else f"the ledger's entry {row.key} does not agree with the chain"


def verify_signals(
    rows: Iterable[tuple[int, float, str, str, str, str]], last: int, heard: Mapping[int, str], *, hashed: bool = False
) -> str:
    """Signals (id, at, kind, actor, data, hash) against their hashes, the last number, and those the run noted.
    ``hashed``: there is no older one without a hash."""
    previous, expected = GENESIS, 0
    for number, at, kind, actor, data, found in rows:
        expected = expected or number
        if number != expected:
            return f"signal {expected} is gone"
        if found:
            if signal_hash(previous, at, kind, actor, data) != found:
                return f"signal {number} ({kind}) was changed"
            if heard.get(number, found) != found:
                return f"signal {number} ({kind}) is not the one that the run heard"
        elif hashed or previous != GENESIS:
            return f"signal {number} ({kind}) was put in"
        previous, expected = found or GENESIS, number + 1
    if expected and expected - 1 < last:
        return f"signal {last} is gone"
    gone = [n for n in heard if n >= max(expected, 1)]
    return f"signal {min(gone)} is gone" if gone else ""


def link_book(previous: str, seq: int, at: float, incident: str, kind: str, actor: str, data: Mapping[str, Any]) -> str:
    """The hash of an event in the book of incidents."""
    return link(
        previous, {"seq": seq, "at": at, "incident": incident, "kind": kind, "actor": actor, "data": dict(data)}
    )
