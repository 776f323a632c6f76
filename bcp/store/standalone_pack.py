"""The second half of the exported ``verify.py``: reads the folder, checks everything, says it. See ``standalone``.

What stands below the line is written behind ``standalone`` into one file; nothing of it may need more than Python.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from bcp.store.standalone import (
    GENESIS,
    Chain,
    against_witness,
    audit_chain,
    book_hash,
    compare,
    event_hash,
    follow,
    genesis_of,
    known_line,
    ledger_damage,
    lines_in,
    moment,
    said,
    signal_damage,
    statement_of,
    statements_of,
    turns,
)
from bcp.store.standalone_clock import clock_damage, explained
from bcp.store.standalone_proof import signed
from bcp.store.standalone_reports import REPORTS, UNKNOWN, answer, not_sealed, reports_damage, seals_of

# -- the folder ------------------------------------------------------------------------------------------------------

HOUR_S = 3600.0
UNVOUCHED = "Nothing was found altered; that somebody wrote all of it anew is not ruled out: see NOT PROVED."


def rows_of(path: Path) -> List[Any]:
    """The lines of a file of JSON lines; none where there is no such file. Raises ``ValueError``."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().decode("utf-8", "surrogatepass").split("\n") if line]


def audit_lines(folder: Path) -> List[str]:
    """The lines of an audit file; none where there is no such file. Raises ``ValueError``."""
    path = folder / "audit.jsonl"
    return lines_in(path.read_text(encoding="utf-8")) if path.exists() else []


def records_of(path: Path) -> List[Dict[str, Any]]:
    """The records of the heads; a line that cannot be read stands for a statement that cannot."""
    raw = path.read_bytes() if path.exists() else b""
    found = []
    for line in raw[: raw.rfind(b"\n") + 1].decode("utf-8", "replace").split("\n")[:-1]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        found.append(record if isinstance(record, dict) else {"kind": "statement"})
    return found


def manifest_damage(folder: Path) -> Tuple[List[str], Mapping[str, Any]]:
    """Files that are not as they were exported, and the manifest."""
    raw = (folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(raw)
    signature = (folder / "manifest.sig").read_text(encoding="utf-8").strip()
    out = []
    if not signed(raw, signature, str(manifest["key"])):
        out.append("the signature of manifest.json is not genuine: files were changed, and the list with them")
    for name, wanted in sorted(manifest["files"].items()):
        path = folder / name
        if not path.is_file():
            out.append(f"the file {name} is gone")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            out.append(f"the file {name} was changed since the export")
    there = {
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    extra = sorted(there - set(manifest["files"]) - {"manifest.json", "manifest.sig"})
    return out + [f"the file {name} was put in since the export" for name in extra], manifest


def run_chain(path: Path) -> Tuple[Chain, str, str]:
    """One run: its chain, what the first event points at, and what is wrong with its events, its ledger or what it was
    told."""
    rows = rows_of(path)
    events = [r[1:] for r in rows if r[0] == "event"]
    meta: Dict[str, str] = next((r[1] for r in rows if r[0] == "meta"), {})
    first = genesis_of(meta)
    chain, wrong = follow(events, first, event_hash)
    wrong = wrong or ledger_damage(events, [r[1:] for r in rows if r[0] == "effect"])
    hashed = meta.get("format", "1") != "1"
    return chain, first, wrong or signal_damage([r[1:] for r in rows if r[0] == "signal"], hashed)


class Found(NamedTuple):
    """Every chain by name, what each begins with, what is wrong with each by itself, and what the audit files know."""

    chains: Dict[str, Chain]
    firsts: Dict[str, str]
    wrong: List[str]
    anchors: Dict[str, Tuple[int, str, str]]


def chains_of(folder: Path, prefix: str = "") -> Found:
    """Of a folder, and of the lab drills in it: ``drill-.../run-...`` is a run that was kept with an exercise."""
    found = Found({}, {}, [], {})
    for path in sorted((folder / "runs").glob("*.jsonl")):
        name = prefix + path.stem
        found.chains[name], found.firsts[name], wrong = run_chain(path)
        found.wrong.extend([f"{name}: {wrong}"] if wrong else [])
    for name, rows in _books(folder):
        found.chains[prefix + name], wrong = follow(rows, GENESIS, book_hash, 3)
        found.wrong.extend([f"{prefix}{name}: {wrong}"] if wrong else [])
    audit, anchors, damage = audit_chain(audit_lines(folder))
    found.anchors.update({prefix + n: a for n, a in anchors.items()})
    found.wrong.extend([f"{prefix or 'the '}audit file: {damage}"] if damage else [])
    if prefix and audit:
        found.chains[prefix + "audit"] = audit
    for lab in sorted((folder / "labs").glob("*")) if not prefix else ():
        more = chains_of(lab, lab.name + "/")
        found.chains.update(more.chains)
        found.firsts.update(more.firsts)
        found.anchors.update(more.anchors)
        found.wrong.extend(more.wrong)
    return found


def _books(folder: Path) -> Iterator[Tuple[str, List[Any]]]:
    """The book of incidents as one chain; each exercise as one of its own."""
    book = rows_of(folder / "chains" / "book.jsonl")
    if book:
        yield "book", book
    drills: Dict[str, List[Any]] = {}
    for row in rows_of(folder / "chains" / "drills.jsonl"):
        drills.setdefault(str(row[2]), []).append(row)
    yield from sorted(drills.items())


def reports_of(folder: Path, found: Found, prefix: str = "") -> Tuple[List[str], List[str]]:
    """The files of reports, and of those of lab drills: what is wrong with them, and those that nobody sealed."""
    lines = audit_lines(folder)
    files = [p for p in (folder / REPORTS).rglob("*") if p.is_file()]
    there = {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    known = {str(row[2]) for row in rows_of(folder / "chains" / "book.jsonl")}
    known.update(n[len(prefix) :] for n in (*found.chains, *found.anchors) if n.startswith(prefix))
    wrong, loose = reports_damage(seals_of(lines), there, known)
    wrong, loose = [prefix + w for w in wrong], [prefix + n for n in loose]
    for lab in sorted((folder / "labs").glob("*")) if not prefix else ():
        more, others = reports_of(lab, found, lab.name + "/")
        wrong, loose = wrong + more, loose + others
    return wrong, loose


def brought_home(folder: Path) -> Dict[str, str]:
    """Heads of the runs of lab drills as each exercise wrote them down when its lab was closed."""
    out: Dict[str, str] = {}
    for row in rows_of(folder / "chains" / "drills.jsonl"):
        data = json.loads(row[5]) if row[3] == "measured" else {}
        if data.get("what") == "lab":
            out.update({f"{row[2]}/{run}": str(head) for run, head in dict(data.get("heads") or {}).items()})
    return out


def anchored(found: Found, home: Mapping[str, str]) -> List[str]:
    """What the audit files and the exercises say of each chain, against the chain; and chains that none knows."""
    out = []
    for name, (_, head, _) in sorted(found.anchors.items()):
        if name not in found.chains:
            out.append(f"{name} is in the audit file and was removed")
        elif not _has(found, name, head):
            out.append(f"{name} does not contain the head that the audit file knows: it was cut or written anew")
    for name, head in sorted(home.items()):
        if name not in found.chains:
            out.append(f"{name} was written down by the exercise and was removed")
        elif not _has(found, name, head):
            out.append(f"{name} does not contain the head that the exercise wrote down: it was cut or written anew")
    for name in sorted(set(found.chains) - set(found.anchors)):
        kind = name.rpartition("/")[2].partition("-")[0]
        old = kind == "run" and found.firsts[name] == GENESIS  # of a version that wrote no line at the beginning
        if kind in ("run", "drill") and found.chains[name] and not old:
            out.append(f"{name} was put in: the audit file does not know it, or lines of that were taken out")
    return out


def unknown(found: Found) -> List[str]:
    """Exercises whose newest event is not in the audit file: whoever wrote it was killed there, or put it in."""
    out = []
    for name, (seq, _, _) in sorted(found.anchors.items()):
        events = len(found.chains.get(name, ()))
        if name.startswith("drill-") and "/" not in name and 0 < seq < events:
            out.append(f"{UNKNOWN} event {events} of {name}: its writer was killed"
                       " there, or it was put in")  # fmt: skip
    return out


def _has(found: Found, name: str, head: str) -> bool:
    return head in {h for _, h in found.chains[name]} | {found.firsts.get(name, GENESIS)}


def witnessed(folder: Path, who: str = "the witness") -> Tuple[List[Dict[str, Any]], List[str]]:
    """The statements that somebody else kept in a folder, one file each, and what of it is none: a file that was
    spoilt hides nothing of the others. Raises ``OSError``."""
    found, wrong = [], []
    for path in sorted(p for p in folder.iterdir() if p.suffix == ".json"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            one = statement_of(data["text"], data["signature"])
        except (ValueError, KeyError, TypeError, RecursionError):
            one = None
        if one is None:
            wrong.append(f"{path.name}, which {who} keeps, cannot be read: it was changed there, or is no signed head")
        elif not signed(one["text"], one["signature"], one["key"]):
            wrong.append(f"the signature of {path.name}, which {who} keeps, is not genuine: it was changed there")
        else:
            found.append(one)
    return sorted(found, key=lambda s: int(s["seq"])), wrong


def taken(records: Iterable[Mapping[str, Any]], name: str = "") -> List[int]:
    """The numbers of the signed heads that this witness took; without a name: the only one that there is."""
    rows = [r for r in records if r.get("kind") == "witness"]
    names = {str(r.get("name")) for r in rows}
    if not name and len(names) != 1:
        return []
    return [int(r["seq"]) for r in rows if (not name or r.get("name") == name) and isinstance(r.get("seq"), int)]


def key_damage(manifest: Mapping[str, Any], statements: Sequence[Mapping[str, Any]], key: str) -> List[str]:
    """Is the folder signed by whoever signed the heads, and does the known key vouch for that? A key vouches for the
    one that it named as the next."""
    mine = str(manifest["key"])
    out = []
    if key and mine not in known_line(statements, key.lower()):
        out.append(f"the folder is signed with the key {mine}, not with the one that you know")
    last = statements[-1] if statements else None
    if last is not None and mine not in (last["key"], last["rotation"].get("next")):
        out.append(f"the folder is signed with the key {mine}, and the newest signed head with {last['key']}:"
                   " somebody else signed the list of files")  # fmt: skip
    return out


def check(folder: Path, key: str = "", witness: Optional[Path] = None) -> Tuple[List[str], List[str]]:
    """Everything that is wrong, and what a reader should know. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    wrong, manifest = manifest_damage(folder)
    try:
        return _looked_into(folder, wrong, manifest, key, witness)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        if not wrong:
            raise
        return [*wrong, f"what was changed cannot be read any more: {error}"], []


def _looked_into(
    folder: Path, before: Sequence[str], manifest: Mapping[str, Any], key: str, witness: Optional[Path]
) -> Tuple[List[str], List[str]]:
    """The same, given what is wrong with the list of files."""
    wrong, found = list(before), chains_of(folder)
    audit, _, _ = audit_chain(audit_lines(folder))
    records = records_of(folder / "anchors.jsonl")
    statements, unlinked = statements_of(records)
    damaged = {b.partition(":")[0] for b in found.wrong}
    wrong += key_damage(manifest, statements, key) + found.wrong
    wrong += unlinked + _but(compare(statements, audit, found.chains), damaged)
    told = {w.split()[0].rstrip(":") for w in wrong}
    wrong += [w for w in anchored(found, brought_home(folder)) if w.split()[0] not in told]
    theirs, spoilt = witnessed(witness) if witness is not None else ([], [])
    if witness is not None:
        wrong += spoilt + against_witness(statements, theirs, "the witness", taken(records))
    wrong += _but(compare(theirs, audit, found.chains, "the witness saw it at"), damaged)
    wrong += clock_damage(statements, audit, found.chains)
    changed, loose = reports_of(folder, found)
    wrong += changed
    notes = notes_of(manifest, statements, found.chains, key, theirs) + turns(statements)
    notes += unknown(found) + [not_sealed(path) for path in loose]
    return list(dict.fromkeys(wrong)), notes + explained(statements, audit, found.chains)


def _but(found: Sequence[str], told: Collection[str]) -> List[str]:
    """Without what is said of chains that were told of already: they are read up to where they were changed."""
    return [f for f in found if not any(f.startswith(f"{t} ") for t in told)]


def _some(count: int, what: str) -> str:
    """One thing, several things."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def notes_of(
    manifest: Mapping[str, Any],
    statements: Sequence[Mapping[str, Any]],
    chains: Mapping[str, Chain],
    key: str,
    theirs: Sequence[Mapping[str, Any]],
) -> List[str]:
    """What was proved, and what was not."""
    runs = sum(1 for n in chains if n.rpartition("/")[2].startswith("run-"))
    when = f" as of {manifest['as_of']}" if any(chains.values()) else ", where nothing has happened yet"
    out = [f"{_some(len(chains), 'chain')}, {runs} of them runs, {_some(sum(map(len, chains.values())), 'event')},"
           f" evidence of {manifest['organisation']}{when}"]  # fmt: skip
    stamped = [s for s in statements if s["stamped"]]
    if stamped:
        out.append(f"stamped by others since {said(moment(stamped[0]))}, last at {said(moment(stamped[-1]))}; who they"
                   " are is proved by openssl: see README.txt")  # fmt: skip
        begun = min((at for events in chains.values() for at, _ in events if at > 0), default=moment(stamped[0]))
        if moment(stamped[0]) - begun > HOUR_S:
            out.append(f"what is older than the first stamp, since {said(begun)}, nobody stamped when it happened")
    if not key and not theirs:
        out.append(f"NOT PROVED: nobody outside vouches for it here. Compare the key {manifest['key']} with the one"
                   " that you got by another way (--key), or give what a witness kept (--witness)")  # fmt: skip
    return out


def main(arguments: Sequence[str]) -> int:
    """The command line. 0: unaltered, 1: altered, 2: it cannot be read."""
    given, options = [], {"--key": "", "--witness": ""}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in options and rest:
            options[word] = rest.pop(0)
        elif word.startswith("-"):
            print("usage: python3 verify.py [FOLDER] [--key HEX] [--witness FOLDER]", file=sys.stderr)
            return 2
        else:
            given.append(word)
    folder = Path(given[0]) if given else Path(__file__).resolve().parent
    try:
        witness = Path(options["--witness"]) if options["--witness"] else None
        wrong, notes = check(folder, options["--key"], witness)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        print(f"it cannot be read: {error}", file=sys.stderr)
        return 2
    first = answer(notes)
    if first == answer(()) and not options["--key"] and witness is None:
        first = UNVOUCHED
    print(f"ALTERED: {len(wrong)} {'thing was' if len(wrong) == 1 else 'things were'} found." if wrong else first)
    for line in [*wrong, *notes]:
        print(f"- {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
