"""Checks a folder of evidence made by ``bcp evidence export``. It needs nothing but Python (3.8 or later).

    python3 verify.py [FOLDER] [--key HEX] [--witness FOLDER]

It proves, from the files alone: that no file was changed since the export (manifest.json, its signature); that no event
of a run, of the book of incidents, of an exercise or of the audit file was changed, taken out or put in (chains of
SHA-256); that nothing was cut off, removed or written anew since its heads were signed (anchors.jsonl: Ed25519, RFC
8032), stamped by others (RFC 3161) or left with a witness; that no clock was moved. ``--key``: the public key that you
know from elsewhere, also one that was in use before. ``--witness``: what somebody else kept. Exit code 0: unaltered, 1:
altered, 2: it cannot be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from bcp.store.standalone_proof import signed, token_of

# -- words -----------------------------------------------------------------------------------------------------------

Chain = List[Tuple[float, str]]
"""Time and hash of each event, the first one first."""
GENESIS = "0" * 64
APART_S = 120.0
"""Clocks of two machines, and of two processes of one, may differ by so much."""


def quote(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def said(at: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


# -- chains ----------------------------------------------------------------------------------------------------------


def genesis_of(meta: Mapping[str, str]) -> str:
    """What the first event of a run points at: the digest of what it was started with."""
    if meta.get("format", "1") == "1":
        return GENESIS
    return sha("".join(f"{key}\x1f{meta[key]}\x1e" for key in sorted(meta)))


def event_hash(previous: str, seq: int, at: float, kind: str, step: str, actor: str, data: str) -> str:
    """Of an event of a run."""
    record = {"actor": actor, "at": at, "data": data, "kind": kind, "seq": seq, "step": step}
    return sha(previous + quote(record))


def book_hash(previous: str, seq: int, at: float, about: str, kind: str, actor: str, data: str) -> str:
    """``data`` is canonical JSON already, and stands in the record as it is."""
    head = f'{{"actor":{quote(actor)},"at":{quote(at)},"data":{data},"incident":{quote(about)}'
    return sha(f'{previous}{head},"kind":{quote(kind)},"seq":{seq}}}')


def follow(rows: Iterable[Sequence[Any]], first: str, make: Any, kind: int = 2) -> Tuple[Chain, str]:
    """A chain of rows (seq, at, ..., hash), and what is wrong with it; empty: nothing. ``kind``: in which column the
    kind of an event stands."""
    chain: Chain = []
    previous = first
    for row in rows:
        seq, found = int(row[0]), str(row[-1])
        if seq != len(chain) + 1:
            return chain, f"event {len(chain) + 1} is missing"
        if make(previous, *row[:-1]) != found:
            what = "what it was started with, or event 1," if seq == 1 else f"event {seq} ({row[kind]})"
            return chain, f"{what} was changed, or one before it was taken out"
        chain.append((float(row[1]), found))
        previous = found
    return chain, ""


def lines_in(text: str) -> List[str]:
    """The lines of a file of JSON lines. LF alone ends one: U+0085, U+2028 and U+2029 may stand in a text, as in the
    name of a file (RFC 8259, section 7)."""
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []


def audit_chain(lines: Iterable[str]) -> Tuple[Chain, Dict[str, Tuple[int, str, str]], str]:
    """The audit file: its chain, the last anchor (seq, head, status) of each chain, and what is wrong."""
    chain: Chain = []
    anchors: Dict[str, Tuple[int, str, str]] = {}
    previous = GENESIS
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            record = {k: v for k, v in row.items() if k not in ("hash", "mac")}
            found, at = str(row["hash"]), float(row["at"])
            anchor = int(row.get("seq", 0)), str(row["head"]), str(row["status"])
            anchors.update({} if "files" in row else {str(row["run"]): anchor})  # a report is no chain
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return chain, anchors, f"line {number} cannot be read"
        if sha(previous + quote(record)) != found:
            return chain, anchors, f"line {number} was changed, or one before it was taken out"
        chain.append((at, found))
        previous = found
    return chain, anchors, ""


def ledger_damage(events: Sequence[Sequence[Any]], effects: Sequence[Sequence[Any]]) -> str:
    """Claims and settlements of a run against the digests in its events."""
    claims: Dict[str, str] = {}
    ends: Dict[str, str] = {}
    for event in events:
        data = json.loads(event[5])
        key = str(data.get("key", "")) if isinstance(data, dict) else ""
        if key and "claim" in data:
            claims[key] = str(data["claim"])
        if key and "outcome" in data:
            ends[key] = str(data.get("digest", ""))
    for key, step, claimed, _, settled, request, outcome, fence in effects:
        known = claims.pop(key, "")
        if known and known != sha(f"{key}\x1f{step}\x1f{float(claimed)!r}\x1f{fence}\x1f{request}"):
            return f"what was claimed as {key} was changed"
        known = ends.pop(key, "")
        if known and known != sha(f"{key}\x1f{float(settled or 0.0)!r}\x1f{outcome or ''}"):
            return f"how {key} was settled was changed"
    lost = sorted({*claims, *ends})
    return f"the ledger's entry {lost[0]} is gone" if lost else ""


def signal_damage(signals: Sequence[Sequence[Any]], hashed: bool = False) -> str:
    """What people told a run: each (id, at, kind, actor, data, hash) covers those before it. ``hashed``: there is no
    older one without a hash."""
    previous = GENESIS
    for number, at, kind, actor, data, found in signals:
        if (hashed or previous != GENESIS) and not found:
            return f"signal {number} ({kind}) was put in"
        if found and sha(f"{previous}\x1f{float(at)!r}\x1f{kind}\x1f{actor}\x1f{data}") != found:
            return f"signal {number} ({kind}) was changed, or one before it was taken out"
        previous = found or GENESIS
    return ""


# -- heads that were witnessed ---------------------------------------------------------------------------------------


def statement_of(text: Any, signature: Any) -> Optional[Dict[str, Any]]:
    """A statement as it was signed; ``None`` where it is none: whoever may write the file may write anything."""
    try:
        data = json.loads(text)
        heads = {str(n): (int(h[0]), str(h[1])) for n, h in data["chains"].items()}
        audit = (int(data["audit"][0]), str(data["audit"][1]))
        at = float(data["at"])
        said(at)
        one = {"seq": int(data["seq"]), "at": at, "audit": audit, "chains": heads}
        names = {n: str(data[n]) for n in ("key", "previous")}
        turn = {str(n): v for n, v in dict(data.get("rotation") or {}).items()}
        notes = [_explained(e) for e in data.get("explained") or []]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError):
        return None
    told = {"text": text, "signature": str(signature), "stamped": []}
    return {**one, **names, **told, "rotation": turn, "explained": notes}


def _explained(given: Mapping[str, Any]) -> Dict[str, Any]:
    """What a named person said of times that cannot be: of which events, and why."""
    covers = [(str(k), str(n), int(first), int(last)) for k, n, first, last in given["covers"]]
    return {"by": str(given["by"]), "at": float(given["at"]), "reason": str(given["reason"]), "covers": covers}


def statements_of(
    records: Iterable[Mapping[str, Any]], genuine: Optional[Callable[[str, str, str], bool]] = None
) -> Tuple[List[Dict[str, Any]], List[str]]:
    """The signed statements in order, each with its *text* and *stamped* (what authorities say of its time).
    ``genuine``: a quicker way to check a signature."""
    found: List[Dict[str, Any]] = []
    wrong: List[str] = []
    for record in records:
        if record.get("kind") == "statement":
            one = statement_of(record.get("text"), record.get("signature"))
            if one is None:
                wrong.append(f"the signed head after number {found[-1]['seq'] if found else 0} cannot be read")
                continue
            wrong += _linked(one, found[-1] if found else None, genuine or signed)
            found.append(one)
        elif record.get("kind") == "timestamp":
            wrong += _stamped(record, found)
    return found, wrong


def _linked(
    one: Mapping[str, Any], last: Optional[Mapping[str, Any]], genuine: Callable[[str, str, str], bool]
) -> List[str]:
    seq, wanted = int(one["seq"]), int(last["seq"]) + 1 if last else 1
    out = []
    if seq != wanted or str(one["previous"]) != (sha(last["text"]) if last else GENESIS):
        out.append(f"the signed heads do not follow one another at number {seq}: one was taken out or put in")
    if last and not _follows(one, last):
        out.append(f"the signed head {seq} is signed with another key than the one before it")
    if not genuine(one["text"], str(one["signature"]), str(one["key"])):
        out.append(f"the signature of the signed head {seq} is not genuine: it was changed")
    return out


def _follows(one: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """May this key sign behind that statement: the same one, the one that it names as the next, or one of which a
    named person says that the old one was lost (which is told: see ``turns``)?"""
    following = last["rotation"].get("next")
    if following:
        return bool(one["key"] == following)
    return one["key"] == last["key"] or bool(one["rotation"].get("lost"))


def turns(statements: Sequence[Mapping[str, Any]]) -> List[str]:
    """What is to be known of the keys: where one took over from another, and who says why."""
    out = []
    for last, one in zip(statements, statements[1:]):
        if one["key"] == last["key"]:
            continue
        if last["rotation"].get("next") == one["key"]:
            told, how = last["rotation"], f"the old key signed for the new one, {one['key'][:16]}"
        else:
            told, how = one["rotation"], f"nobody but the new key, {one['key'][:16]}, vouches for it"
        who, why = told.get("by", "somebody"), told.get("reason", "")
        out.append(f"since the signed head {one['seq']} of {said(float(one['at']))} there is another key: {how};"
                   f" {who} says: {why}")  # fmt: skip
    return out


def known_line(statements: Sequence[Mapping[str, Any]], known: str) -> List[str]:
    """The keys that a known key vouches for: itself, and each that the one before it named as the next."""
    line = [known]
    for last in statements:
        following = str(last["rotation"].get("next") or "")
        if last["key"] == line[-1] and following:
            line.append(following)
    return line


def _stamped(record: Mapping[str, Any], found: Sequence[Dict[str, Any]]) -> List[str]:
    number, name = record.get("seq"), str(record.get("tsa", ""))
    about = next((s for s in found if s["seq"] == number), None)
    if about is None:
        return [f"the time stamp of {name} is about the signed head {number}, which is gone"]
    try:
        token = token_of(base64.b64decode(str(record.get("token", "")), validate=True))
    except (ValueError, binascii.Error):
        return [f"the time stamp of {name} for the signed head {number} cannot be read"]
    if token["digest"] != sha(about["text"]):
        return [
            f"the signed head {number} is not the one that {name} stamped at {said(token['at'])}: everything up to"
            " there was written anew"
        ]
    about["stamped"].append(token["at"])
    return []


def moment(statement: Mapping[str, Any]) -> float:
    """When it was: as an authority says, else as our own clock said."""
    return min(statement["stamped"]) if statement["stamped"] else float(statement["at"])


def compare(
    statements: Sequence[Mapping[str, Any]], audit: Chain, chains: Mapping[str, Chain], by: str = ""
) -> List[str]:
    """What was witnessed against what is there. Each chain is told of once, by the earliest statement it fails."""
    out: List[str] = []
    told = set()
    for s in statements:
        when = f"{by or 'it was'} {said(moment(s))}".replace("it was ", "it was there at ")
        lines, head = int(s["audit"][0]), str(s["audit"][1])
        if "" not in told and lines and (len(audit) < lines or audit[lines - 1][1] != head):
            told.add("")
            cut = len(audit) < lines
            what = f"has lost its newest {lines - len(audit)} line(s)" if cut else "was written anew"
            out.append(f"the audit file {what}; {when}")
        for name, (seq, wanted) in sorted(s["chains"].items()):
            if name in told:
                continue
            wrong = _against(chains.get(name), int(seq), str(wanted))
            if wrong:
                told.add(name)
                out.append(f"{name} {wrong}; {when}")
    return out


def _against(chain: Optional[Chain], seq: int, head: str) -> str:
    if chain is None:
        return "was removed"
    if len(chain) < seq:
        return f"has lost its newest {seq - len(chain)} event(s)"
    return "" if seq == 0 or chain[seq - 1][1] == head else f"was written anew: event {seq} is another one"


def against_witness(
    mine: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], who: str, took: Iterable[int] = ()
) -> List[str]:
    """The statements here against those that somebody else kept. ``took``: the numbers that were handed over."""
    numbers = {int(s["seq"]) for s in theirs}
    wanted = set(took) | (set(range(min(numbers), max(numbers))) if numbers else set())
    if lost := sorted(wanted - numbers):
        many = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        return [f"the signed head {lost[0]}{many}, which {who} got, is gone there"]
    known = {int(s["seq"]): str(s["text"]) for s in mine}
    for s in theirs:
        number = int(s["seq"])
        if number not in known:
            return [f"the signed head {number} of {said(float(s['at']))}, which {who} has, is gone here"]
        if known[number] != s["text"]:
            return [f"the signed head {number} is not the one that {who} got at {said(float(s['at']))}"]
    return []
