"""Batches on the main node: judged, then taken once. What is wrong with one is refused, and noted beside the sums."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bcp.contracts.relay_ledger import RelayLedger, Remark, Source
from bcp.kernel.clock import iso
from bcp.kernel.errors import Refused, StorageError
from bcp.relay.batch import BATCH, REPLY, Request, digest, unseal
from bcp.relay.rows import told_of

NEVER = 1.0
"""Of an agent that could not read when it was heard first: nothing that it told is whole."""
STOPPED_S = 900.0
"""One that looked into its log so long ago does not run: its answers come from what it kept."""
SKEW_S = 5.0
"""Clocks that differ by less are the same."""
TURNS, TURNS_S = 2, 3600.0
"""An agent that began so many chains within so many seconds, and begins another, is not one."""
AGAIN, TAKEN = "again", "taken"


def take_batch(
    ledger: RelayLedger, relay: str, raw: bytes, key: bytes, now: float, doors: Mapping[str, str] | None = None
) -> str:
    """``taken``, or ``again`` when it was taken before. ``doors``: see ``bcp.relay.sources.next_doors``.

    Raises:
        Refused: ``batch-forged``, ``batch-unreadable``, ``other-relay``, ``batch-gap`` (one before it is missing),
            ``batch-altered`` (another one had this number), ``batch-chain`` (it does not follow the last one).
        StorageError: nothing of it was kept.
    """
    try:
        data = unseal(key, BATCH, raw)
        return _take(ledger, relay, data, digest(raw), now, doors or {})
    except Refused as error:
        ledger.remark(Remark(relay, now, error.rule, error.message))
        raise


def _take(
    ledger: RelayLedger, relay: str, data: Mapping[str, Any], mark: str, now: float, doors: Mapping[str, str]
) -> str:
    try:
        named, stream, seq, prev = str(data["relay"]), str(data["stream"]), int(data["seq"]), str(data["prev"])
        mails, said, copies = list(data["mails"]), list(data["said"]), [str(c) for c in data["copies"]]
        remarks = [Remark(relay, float(at), str(code), str(text)) for _, at, code, text in said]
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"the batch cannot be read: {error!r}", rule="batch-unreadable") from error
    if named != relay:
        raise Refused(f"the batch is of {named}, not of {relay}", rule="other-relay")
    known = ledger.digest(relay, stream, seq)
    if known:
        if known != mark:
            raise Refused(f"batch {seq} was taken before, and was another one", rule="batch-altered")
        return AGAIN
    source = ledger.source(relay)
    _must_follow(source, stream, seq, prev)
    if source.stream and stream != source.stream:
        text = f"the agent began a new chain after batch {source.seq}: it tells all that it knows again"
        if sum(r.code == "agent-anew" for r in ledger.remarks([relay], now - TURNS_S)) >= TURNS:
            remarks.append(_twice(relay, now))
        remarks.append(Remark(relay, now, "agent-anew", f"{text} ({stream})"))
    told = [told_of(relay, m, copies, doors) for m in mails]
    ledger.take(replace(source, stream=stream, seq=seq, digest=mark), told, remarks)
    return TAKEN


def _twice(relay: str, now: float) -> Remark:
    """Chains take turns: this is not one agent with one state. Noted once an hour."""
    text = (
        "several agents tell under this one name, or one loses its state: should one fall silent, nobody sees it; give"
        f" each a name of its own (name = {relay.partition('@')[0]}@HOST in its agent.conf) and a state: that stays"
    )
    return Remark(relay, now, "agent-twice", f"{text} (seen {iso(now)[:13]}h)")


def _must_follow(source: Source, stream: str, seq: int, prev: str) -> None:
    last = source.seq if stream == source.stream else 0
    if seq != last + 1:
        raise Refused(
            f"batch {seq} came, and {last + 1} is missing", rule="batch-gap", hint="bcp relay pull asks for it."
        )
    if prev != (source.digest if last else ""):
        raise Refused(f"batch {seq} does not follow the one that was taken", rule="batch-chain")


def take_reply(
    ledger: RelayLedger,
    request: Request,
    raw: bytes,
    key: bytes,
    now: float,
    asked: float,
    doors: Mapping[str, str] | None = None,
) -> tuple[str, bool]:
    """An agent's answer: its batch taken, its state noted. What became of the batch (empty: there was none), and
    whether there is more. ``asked``: when the request left, by our clock, as ``now`` is when the answer was there.

    Raises ``Refused``: as ``take_batch``, and ``reply-replayed`` for the answer to another request; ``StorageError``,
    noted as far as even that can be kept.
    """
    with _noted(ledger, request.relay, "what it tells cannot be kept here"):
        size, _, rest = raw.partition(b"\n")
        if not size.isdigit() or int(size[:12]) > len(rest):
            raise Refused("the agent's answer cannot be read", rule="batch-unreadable", hint="Try the command by hand.")
        head, batch = rest[: int(size)], rest[int(size) :]
        data = unseal(key, REPLY, head)
        if data.get("nonce") != request.nonce or data.get("relay") != request.relay:
            raise Refused("this answers another request", rule="reply-replayed")
        if str(data.get("batch", "")) != (digest(batch) if batch else ""):
            raise Refused("the batch is not the one that the answer names", rule="batch-altered")
        done = take_batch(ledger, request.relay, batch, key, now, doors) if batch else ""
        source = ledger.source(request.relay)
        if done == AGAIN and (stream := str(data.get("stream", ""))) != source.stream:
            ledger.goes_on(request.relay, stream, [_twice(request.relay, now)])  # else this batch would come for ever
            source = ledger.source(request.relay)
        ledger.heard(_state(source, data, now, asked))
        return done, bool(batch)


@contextlib.contextmanager
def _noted(ledger: RelayLedger, relay: str, what: str) -> Iterator[None]:
    """A disk that is full here is in the account, as far as even that can be kept: a word needs less than a batch."""
    try:
        yield
    except StorageError as error:
        with contextlib.suppress(StorageError):
            ledger.heard(replace(ledger.source(relay), problem=f"{what}: {error.message}"))
        raise


def _state(source: Source, data: Mapping[str, Any], now: float, asked: float) -> Source:
    skew = float(data.get("now", now)) - (now + asked) / 2
    if abs(skew) < max(SKEW_S, now - asked):
        skew = 0.0
    counted = data.get("counted") or {}
    bad = {k: int(counted[k]) for k in ("broken", "half", "long", "undated", "nameless") if counted.get(k)}
    words, problem = ", ".join(f"{n} {k}" for k, n in bad.items()), str(data.get("problem", ""))[:300]
    return replace(
        source,
        heard=now,
        skew=skew,
        blind=(source.blind or source.heard or NEVER) if problem else _stopped(data, now, skew),
        read=float(data.get("read", 0)),
        log=float(data.get("heard", 0)),
        problem=problem,
        doubt=str(data.get("doubt", ""))[:300],
        counted=f"{words}, the last: {str(data.get('sample', ''))[:120]!r}" if words else "",
    )


def _stopped(data: Mapping[str, Any], now: float, skew: float) -> float:
    """Since when it does not look into its log, by our clock; 0: it does."""
    read, its_now = float(data.get("read", 0)), float(data.get("now", now))
    return max(NEVER, read - skew) if its_now - read > STOPPED_S else 0.0
