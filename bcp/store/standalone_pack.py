"""The second half of the exported ``verify.py``: reads the folder, checks everything, says it. See ``standalone``.

What stands below the line is written behind ``standalone`` into one file; nothing of it may need more than Python.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from bcp.store.standalone import (
    GENESIS,
    Chain,
    against_witness,
    audit_chain,
    book_hash,
    clock_damage,
    compare,
    event_hash,
    follow,
    genesis_of,
    ledger_damage,
    moment,
    said,
    signal_damage,
    signed,
    statement_of,
    statements_of,
)

# -- the folder ------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> List[Any]:
    """The lines of a file of JSON lines; none where there is no such file. Raises ``ValueError``."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().decode("utf-8", "surrogatepass").split("\n") if line]


def records_of(path: Path) -> List[Dict[str, Any]]:
    """The records of the heads; a line that cannot be read stands for a statement that cannot."""
    raw = path.read_bytes() if path.exists() else b""
    found = []
    for line in raw[: raw.rfind(b"\n") + 1].decode("utf-8", "replace").split("\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        found.append(record if isinstance(record, dict) else {"kind": "statement"})
    return found


def manifest_damage(folder: Path, key: str) -> Tuple[List[str], Mapping[str, Any]]:
    """Files that are not as they were exported, and the manifest. ``key``: the one that is known from elsewhere."""
    raw = (folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(raw)
    signature = (folder / "manifest.sig").read_text(encoding="utf-8").strip()
    out = []
    if key and manifest["key"] != key.lower():
        out.append(f"the folder is signed with the key {manifest['key']}, not with the one that you know")
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
    return chain, first, wrong or signal_damage([r[1:] for r in rows if r[0] == "signal"])


def chains_of(folder: Path) -> Tuple[Dict[str, Chain], Dict[str, str], List[str]]:
    """Every chain by name, what each begins with, and what is wrong with each by itself."""
    found: Dict[str, Chain] = {}
    firsts: Dict[str, str] = {}
    out = []
    for path in sorted((folder / "runs").glob("*.jsonl")):
        found[path.stem], firsts[path.stem], wrong = run_chain(path)
        out += [f"{path.stem}: {wrong}"] if wrong else []
    for name, rows in _books(folder):
        found[name], wrong = follow(rows, GENESIS, book_hash, 3)
        out += [f"{name}: {wrong}"] if wrong else []
    return found, firsts, out


def _books(folder: Path) -> Iterator[Tuple[str, List[Any]]]:
    """The book of incidents as one chain; each exercise as one of its own."""
    book = rows_of(folder / "chains" / "book.jsonl")
    if book:
        yield "book", book
    drills: Dict[str, List[Any]] = {}
    for row in rows_of(folder / "chains" / "drills.jsonl"):
        drills.setdefault(str(row[2]), []).append(row)
    yield from sorted(drills.items())


def anchored(
    chains: Mapping[str, Chain], firsts: Mapping[str, str], anchors: Mapping[str, Tuple[int, str, str]]
) -> List[str]:
    """What the audit file says of each chain, against the chain."""
    out = []
    for name, (_, head, _) in sorted(anchors.items()):
        if name not in chains:
            out.append(f"{name} is in the audit file and was removed")
        elif head not in {h for _, h in chains[name]} | {firsts.get(name, GENESIS)}:
            out.append(f"{name} does not contain the head that the audit file knows: it was cut or written anew")
    return out


def witnessed(folder: Path) -> List[Dict[str, Any]]:
    """The statements that somebody else kept in a folder: one file each."""
    found = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        one = statement_of(data["text"], data["signature"])
        if one is not None and signed(one["text"], one["signature"], one["key"]):
            found.append(one)
    return sorted(found, key=lambda s: int(s["seq"]))


def check(folder: Path, key: str = "", witness: Optional[Path] = None) -> Tuple[List[str], List[str]]:
    """Everything that is wrong, and what a reader should know. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    wrong, manifest = manifest_damage(folder, key)
    chains, firsts, broken = chains_of(folder)
    path = folder / "audit.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    audit, anchors, damage = audit_chain(lines)
    wrong += broken + ([f"the audit file: {damage}"] if damage else [])
    statements, unlinked = statements_of(records_of(folder / "anchors.jsonl"))
    damaged = {b.partition(":")[0] for b in broken}
    wrong += unlinked + _but(compare(statements, audit, chains), damaged)
    told = {w.split()[0].rstrip(":") for w in wrong}
    wrong += [w for w in anchored(chains, firsts, anchors) if w.split()[0] not in told]
    theirs = witnessed(witness) if witness is not None else []
    wrong += against_witness(statements, theirs, "the witness")
    wrong += _but(compare(theirs, audit, chains, "the witness saw it at"), damaged)
    wrong += clock_damage(statements, audit, chains)
    return list(dict.fromkeys(wrong)), notes_of(manifest, statements, chains, key, theirs)


def _but(found: Sequence[str], told: Collection[str]) -> List[str]:
    """Without what is said of chains that were told of already: they are read up to where they were changed."""
    return [f for f in found if f.split()[0] not in told]


def notes_of(
    manifest: Mapping[str, Any],
    statements: Sequence[Mapping[str, Any]],
    chains: Mapping[str, Chain],
    key: str,
    theirs: Sequence[Mapping[str, Any]],
) -> List[str]:
    """What was proved, and what was not."""
    runs = sum(1 for n in chains if n.startswith("run-"))
    out = [f"{len(chains)} chains, {runs} of them runs, {sum(map(len, chains.values()))} events, evidence of"
           f" {manifest['organisation']} as of {manifest['as_of']}"]  # fmt: skip
    stamped = [s for s in statements if s["stamped"]]
    if stamped:
        out.append(f"stamped by others since {said(moment(stamped[0]))}, last at {said(moment(stamped[-1]))}; who they"
                   " are is proved by openssl: see README.txt")  # fmt: skip
    if not key and not stamped and not theirs:
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
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        print(f"it cannot be read: {error}", file=sys.stderr)
        return 2
    print(f"ALTERED: {len(wrong)} thing(s) were found." if wrong else "Unaltered: everything agrees.")
    for line in [*wrong, *notes]:
        print(f"- {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
