"""What the heads that others witnessed prove of the state folder: nothing was cut off, removed, written anew or dated
otherwise. Whatever is found is one sentence with the thing, and since when."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.deeds.evidence.key import genuine, strange_key
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.hashing import digest_text
from bcp.kit.rfc3161 import verify
from bcp.store import standalone, standalone_clock, standalone_pack, standalone_proof
from bcp.store.files.anchors import Anchored, AnchorLog
from bcp.store.sqlite.heads import audit_of, chains
from bcp.store.sqlite.state import SqliteState


@dataclass(frozen=True, slots=True)
class Proved:
    """What was found."""

    findings: tuple[str, ...] = ()
    statements: int = 0
    """Signed heads that there are."""
    key: str = ""
    """The public key that signed them, in hex."""
    stamped: tuple[float, float] | None = None
    """First and last moment that an authority vouches for; ``None``: none does."""
    witnesses: Mapping[str, int] = field(default_factory=dict)
    """How many heads each witness that could be asked has."""
    unasked: Mapping[str, str] = field(default_factory=dict)
    """Witnesses that could not be asked, and why."""
    remarks: tuple[str, ...] = ()
    """What is to be known and is no damage: times that a named person explained, keys that took over."""


async def prove(room: SqliteState, witnesses: Mapping[str, Path] | None = None, noted: Sequence[str] = (),
                *, own_key: bool = False, authorities: Mapping[str, Path] | None = None,
                known: Collection[str] | None = None) -> Proved:  # fmt: skip
    """Everything that was signed, stamped and left with others, against what is there.

    ``witnesses``: folders that somebody else keeps, by name. ``noted``: lines that a channel took (``BCP-HEAD ...``).
    ``own_key``: the key that signs lies in the state folder, and is looked at, too. ``authorities``: certificates of
    the time-stamping authorities that the configuration names; those beside the stamps are anybody's who may write
    there.
    ``known``: witnesses of the configuration; whoever took heads and is none of them is told of.

    Raises:
        StorageError: the audit file cannot be read.
        Invalid: a noted line is none.
    """
    log = AnchorLog(room.folder)
    found = log.read()
    statements, wrong = standalone.statements_of(found.records, genuine)
    wrong = [found.damage] if found.damage else wrong
    audit, _, _ = audit_of(room)
    there = chains(room)
    wrong += standalone.compare(statements, audit, there)
    counts, unasked = dict[str, int](), dict[str, str]()
    for name, folder in (witnesses or {}).items():
        if not folder.is_dir():
            unasked[name] = f"{folder} is not there"
            continue
        try:
            theirs, spoilt = standalone_pack.witnessed(folder, name)
        except OSError as error:
            unasked[name] = str(error)
            continue
        counts[name] = len(theirs)
        took = standalone_pack.taken(found.records, name)
        wrong += spoilt + standalone.against_witness(statements, theirs, name, took)
        wrong += standalone.compare(theirs, audit, there, f"{name} saw it at")
    wrong += standalone_clock.clock_damage(statements, audit, there)
    remarks = (*standalone.turns(statements), *standalone_clock.explained(statements, audit, there))
    wrong += _noted(statements, noted)
    wrong += await _genuine(log, found, authorities or {})
    asked = None if known is None else {*known, *(witnesses or {})}
    remarks = (*_let_go(found, asked), *remarks)
    times = [standalone.moment(s) for s in statements if s["stamped"]]
    key = str(statements[-1]["key"]) if statements else ""
    if own_key and (strange := strange_key(room.folder, _named(statements))):
        wrong.append(strange)
    span = (times[0], times[-1]) if times else None
    return Proved(tuple(dict.fromkeys(wrong)), len(statements), key, span, counts, unasked, remarks)


def _named(statements: Sequence[Mapping[str, Any]]) -> set[str]:
    """Every public key that the heads name: those that signed, and those that are to sign next."""
    return {str(s["key"]) for s in statements} | {
        str(s["rotation"]["next"]) for s in statements if s["rotation"].get("next")
    }


def _noted(statements: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> list[str]:
    """Heads that somebody kept as a line of text. Raises ``Invalid`` (``no-head``)."""
    out = []
    for line in lines:
        words = line.split()
        at = words.index("BCP-HEAD") if "BCP-HEAD" in words else len(words)
        if len(words) < at + 3 or not words[at + 1].isdigit():
            hint = "It begins with BCP-HEAD and has a number and a digest: copy it whole."
            raise Invalid(f"{line[:60]!r} is no head of the evidence", rule="no-head", hint=hint)
        seq, head = int(words[at + 1]), words[at + 2]
        mine = next((s for s in statements if int(s["seq"]) == seq), None)
        if mine is None:
            out.append(f"the signed head {seq}, which somebody noted, is gone here")
        elif digest_text(str(mine["text"])) != head:
            out.append(f"the signed head {seq} is not the one that somebody noted: it was written anew")
    return out


LET_GO = "its heads were not compared"


def _let_go(found: Anchored, asked: Collection[str] | None) -> list[str]:
    """Witnesses that took heads once and are asked no more: whoever writes everything anew lets them go first."""
    took = [str(r.get("name")) for r in found.records if r.get("kind") == "witness"]
    gone = [] if asked is None else [n for n in dict.fromkeys(took) if n not in asked]
    return [
        f"{name} took {took.count(name)} signed head(s) and is not in bcp.yaml any more: {LET_GO}. If it has a folder:"
        " bcp audit verify --witness FOLDER" for name in gone
    ]  # fmt: skip


OTHER = "is of another authority than the one that evidence: timestamps: in bcp.yaml names"


async def _other(record: Mapping[str, Any], token: bytes, said: Mapping[str, Any], name: str, ca: Path) -> list[str]:
    """A genuine stamp of somebody else: ``ca:`` was changed since, or somebody wrote everything anew and had it stamped
    by an authority of their own. Nothing here tells the two apart, so that a person has to."""
    try:
        await verify(token, str(said["digest"]), ca, float(said["at"]))
    except BcpError as error:
        return [
            f"the time stamp of {name} for the signed head {record.get('seq')} {OTHER} now ({ca}): {error.message}. If"
            f" ca: was changed on purpose, put the old certificate behind the new one in that file. If it was not,"
            " somebody may have written everything anew and stamped it"
        ]
    return []


async def _genuine(log: AnchorLog, found: Anchored, authorities: Mapping[str, Path]) -> list[str]:
    """Is each stamp of those whose certificates we have? Of each authority the first and the last are checked: every
    head contains the one before it. The last is of the authority that the configuration names, where it names one."""
    out = []
    stamps = [r for r in found.records if r.get("kind") == "timestamp"]
    for name in dict.fromkeys(str(r.get("tsa")) for r in stamps):
        mine = [r for r in stamps if r.get("tsa") == name]
        for record in (mine[:1] + mine[-1:]) if len(mine) > 1 else mine:
            try:
                token = base64.b64decode(str(record["token"]))
                said = standalone_proof.token_of(token)
                await verify(token, str(said["digest"]), log.authority(name), float(said["at"]))
                if record is mine[-1] and name in authorities:
                    out += await _other(record, token, said, name, authorities[name])
            except (BcpError, ValueError, KeyError) as error:
                why = error.message if isinstance(error, BcpError) else str(error)
                out.append(f"the time stamp of {name} for the signed head {record.get('seq')}: {why}")
    return out
