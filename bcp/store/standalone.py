"""Checks a folder of evidence made by ``bcp evidence export``. It needs nothing but Python (3.8 or later).

    python3 verify.py [FOLDER] [--key HEX] [--witness FOLDER]

It proves, from the files alone: that no file was changed since the export (manifest.json, its signature); that no event
of a run, of the book of incidents, of an exercise or of the audit file was changed, taken out or put in (chains of
SHA-256); that nothing was cut off, removed or written anew since its heads were signed (anchors.jsonl: Ed25519, RFC
8032), stamped by others (RFC 3161) or left with a witness; that no clock was moved. ``--key``: the public key that you
know from elsewhere. ``--witness``: what somebody else kept. Exit code 0: unaltered, 1: altered, 2: it cannot be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

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
            anchors[str(row["run"])] = (int(row.get("seq", 0)), str(row["head"]), str(row["status"]))
        except (ValueError, KeyError, TypeError, AttributeError):
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


def signal_damage(signals: Sequence[Sequence[Any]]) -> str:
    """What people told a run: each (id, at, kind, actor, data, hash) covers those before it."""
    previous = GENESIS
    for number, at, kind, actor, data, found in signals:
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
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError):
        return None
    return {**one, **names, "text": text, "signature": str(signature), "stamped": []}


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
    if last and one["key"] != last["key"]:
        out.append(f"the signed head {seq} is signed with another key than the one before it")
    if not genuine(one["text"], str(one["signature"]), str(one["key"])):
        out.append(f"the signature of the signed head {seq} is not genuine: it was changed")
    return out


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


def clock_damage(statements: Sequence[Mapping[str, Any]], audit: Chain, chains: Mapping[str, Chain]) -> List[str]:
    """Times that cannot be: going back within a chain, or not between the heads that were taken before and after."""
    out = []
    for name, chain in sorted({**chains, "the audit file": audit, "the signed heads": _times(statements)}.items()):
        for i, (before, after) in enumerate(zip(chain, chain[1:]), 2):
            if after[0] < before[0] - APART_S:
                out.append(f"the clock went back in {name}: event {i} is dated {said(after[0])}, the one before it"
                           f" {said(before[0])}")  # fmt: skip
                break
    seen: Dict[str, int] = {}
    earlier = 0.0
    for s in statements:
        now = moment(s)
        if s["stamped"] and abs(float(s["at"]) - now) > APART_S:
            out.append(f"the clock was wrong at the signed head {s['seq']}: it said {said(float(s['at']))}, an"
                       f" authority {said(now)}")  # fmt: skip
        for name, (seq, _) in sorted(s["chains"].items()):
            for i, (at, _) in enumerate(chains.get(name, [])[seen.get(name, 0) : int(seq)], seen.get(name, 0) + 1):
                if at > now + APART_S or at < earlier - APART_S:
                    out.append(f"event {i} of {name} is dated {said(at)}, and was made between"
                               f" {said(earlier) if earlier else 'the beginning'} and {said(now)}")  # fmt: skip
                    break
            seen[name] = max(seen.get(name, 0), int(seq))
        earlier = now if s["stamped"] else earlier
    return out


def _times(statements: Sequence[Mapping[str, Any]]) -> Chain:
    return [(float(s["at"]), "") for s in statements]


def against_witness(mine: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], who: str) -> List[str]:
    """The statements here against those that somebody else kept."""
    known = {int(s["seq"]): str(s["text"]) for s in mine}
    for s in theirs:
        number = int(s["seq"])
        if number not in known:
            return [f"the signed head {number} of {said(float(s['at']))}, which {who} has, is gone here"]
        if known[number] != s["text"]:
            return [f"the signed head {number} is not the one that {who} got at {said(float(s['at']))}"]
    return []


# -- Ed25519 (RFC 8032 section 5.1.7), to check only: slow, and good for that ------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = Tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    m, n, o, q = f - e, h - g, h + g, f + e
    return m * n % P, o * q % P, n * o % P, m * q % P


def _times_point(k: int, a: Point) -> Point:
    out: Point = (0, 1, 1, 0)
    while k:
        if k & 1:
            out = _add(out, a)
        a, k = _add(a, a), k >> 1
    return out


def _point(raw: bytes) -> Optional[Point]:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if (x & 1) != sign else x
    return x, y, 1, x * y % P


BASE = _point(bytes.fromhex("58" + "66" * 31))


def signed(text: str, signature: str, key: str) -> bool:
    """Is this the signature (hex) of a text by a public key (hex)?"""
    try:
        raw, public, message = bytes.fromhex(signature), bytes.fromhex(key), text.encode("utf-8", "surrogatepass")
    except ValueError:
        return False
    if len(raw) != 64 or len(public) != 32 or BASE is None:
        return False
    a, r, s = _point(public), _point(raw[:32]), int.from_bytes(raw[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(raw[:32] + public + message).digest(), "little") % L
    one, other = _times_point(s, BASE), _add(r, _times_point(k, a))
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


# -- time stamps (RFC 3161): what they say; who said it is checked by openssl -----------------------------------------


def der(raw: bytes) -> Iterator[Tuple[int, bytes]]:
    """Tag and contents of each element of DER (X.690). Raises ``ValueError``."""
    at = 0
    while at < len(raw):
        if at + 2 > len(raw):
            raise ValueError("it ends in the middle")
        tag, size, at = raw[at], raw[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(raw[at : at + count], "big"), at + count
            if not 1 <= count <= 4:
                raise ValueError("a length that is none")
        if at + size > len(raw):
            raise ValueError("it ends in the middle")
        yield tag, raw[at : at + size]
        at += size


def parts(raw: bytes) -> List[Tuple[int, bytes]]:
    """The elements of the one element that this is."""
    found = list(der(raw))
    if len(found) != 1:
        raise ValueError("it is not one element")
    return list(der(found[0][1]))


def token_of(token: bytes) -> Dict[str, Any]:
    """What a TimeStampToken says: digest (hex), at (epoch seconds), nonce, serial. Raises ``ValueError``."""
    try:
        signed_data = list(der(list(der(parts(token)[1][1]))[0][1]))
        info = list(der(list(der(list(der(signed_data[2][1]))[1][1]))[0][1]))[0][1]
        fields = list(der(info))
        imprint = list(der(fields[2][1]))
        text = fields[4][1].decode("ascii")
        digits, _, part = text.rstrip("Z").partition(".")
        at = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).timestamp()
        nonces = [int.from_bytes(v, "big", signed=True) for t, v in fields[5:] if t == 0x02]
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("it is no time stamp") from error
    return {
        "digest": imprint[1][1].hex(),
        "at": at + (float("0." + part) if part.isdigit() else 0.0),
        "nonce": nonces[0] if nonces else None,
        "serial": int.from_bytes(fields[3][1], "big", signed=True),
    }
