"""The files of an export: every chain as lines of JSON, anchors, stamps, reports, and the program that checks them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.kernel.errors import BcpError
from bcp.store import standalone, standalone_clock, standalone_pack, standalone_proof, standalone_reports
from bcp.store.files.anchors import AnchorLog
from bcp.store.files.sealed import report_files
from bcp.store.sqlite import runfile
from bcp.store.sqlite.heads import BOOK_QUERY, DRILL_QUERY, EVENT_QUERY, audit_lines, labs, rows_of
from bcp.store.sqlite.state import SqliteState

PARTS = (standalone, standalone_proof, standalone_clock, standalone_reports, standalone_pack)
"""What the exported ``verify.py`` is made of: of each what stands below its first line of dashes."""
IMPORTS = """\
import base64
import binascii
import hashlib
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)
"""
EFFECTS = "select key, step, claimed, state, settled, request, outcome{fence} from effect order by key"
SIGNALS = "select id, at, kind, actor, data, hash from signal order by id"


@dataclass
class Pack:
    """Files by path, and the time of the newest event."""

    files: dict[str, bytes] = field(default_factory=dict)
    as_of: float = 0.0

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file."""
        return {n: hashlib.sha256(raw).hexdigest() for n, raw in sorted(self.files.items())}

    def put(self, name: str, rows: Iterable[Any]) -> None:
        """Lines of JSON; no file where there are none."""
        text = "".join(standalone.quote(row) + "\n" for row in rows)
        if text:
            self.files[name] = text.encode("utf-8", "surrogatepass")


def gather(state: Path) -> Pack:
    """Everything that is evidence, and nothing else: no accounts, no keys, no contacts. Raises ``StorageError``."""
    pack = Pack()
    _state(pack, state, "")
    for drill, folder in labs(state):
        _state(pack, folder, f"labs/{drill}/")
    _anchors(pack, AnchorLog(state))
    pack.files["verify.py"] = program().encode()
    pack.files["README.txt"] = readme(pack).encode()
    return pack


def _state(pack: Pack, state: Path, under: str) -> None:
    """One state folder: the organisation's, or that of a lab drill."""
    room = SqliteState(state)
    for run in room.runs.ids():
        _run(pack, f"{under}runs/{run}.jsonl", room.runs.path(run))
    for name, query in (("book", BOOK_QUERY), ("drills", DRILL_QUERY)):
        rows = list(rows_of(state / ("incidents.db" if name == "book" else "drills.db"), query))
        pack.put(f"{under}chains/{name}.jsonl", rows)
        pack.as_of = max([pack.as_of, *(float(r[1]) for r in rows)])
    if lines := audit_lines(state):
        pack.files[f"{under}audit.jsonl"] = ("\n".join(lines) + "\n").encode()
    pack.files.update({under + name: path.read_bytes() for name, path in report_files(state).items()})


def _run(pack: Pack, name: str, path: Path) -> None:
    """One run: what it was started with, its events, its ledger, what it was told. One whose file cannot be read is
    left out, and the audit file says that it is missing."""
    try:
        with runfile.RunFile(path) as file:
            rows = file.read(lambda db: list(_lines(db)))
    except BcpError:
        return
    pack.put(name, rows)
    pack.as_of = max([pack.as_of, *(float(r[2]) for r in rows if r[0] == "event")])


def _lines(db: Any) -> Iterator[list[Any]]:
    two = runfile.has_tables_of_two(db)
    yield ["meta", runfile.read_texts(db)]
    yield from (["event", *r] for r in db.execute(EVENT_QUERY))
    yield from (["effect", *r] for r in db.execute(EFFECTS.format(fence=", fence" if two else ", 0")))
    yield from (["signal", *r] for r in db.execute(SIGNALS if two else SIGNALS.replace("hash", "''")))


def _anchors(pack: Pack, log: AnchorLog) -> None:
    found = log.read()
    if log.path.exists():
        pack.files["anchors.jsonl"] = log.path.read_bytes()  # as it is: what is wrong in it is for the check to tell
    for record in found.records:
        if record.get("kind") == "statement":
            text = str(record["text"])
            pack.files[f"stamps/{int(json.loads(text)['seq']):08d}.txt"] = text.encode("utf-8", "surrogatepass")
        elif record.get("kind") == "timestamp":
            with contextlib.suppress(ValueError, KeyError, TypeError):  # one that cannot be read is told by the check
                _stamp(pack, log, int(record["seq"]), str(record["tsa"]), str(record["token"]))


def _stamp(pack: Pack, log: AnchorLog, seq: int, tsa: str, text: str) -> None:
    token = base64.b64decode(text, validate=True)
    standalone_proof.token_of(token)
    if not tsa.replace("-", "").isalnum():  # it becomes a file's name
        raise ValueError(tsa)
    pack.files[f"stamps/{seq:08d}-{tsa}.tst"] = token
    authority = log.authority(tsa)
    if authority.exists():
        pack.files[f"stamps/{authority.name}"] = authority.read_bytes()


def program() -> str:
    """``verify.py``: all parts in one file, which needs nothing of ours."""
    halves = [Path(str(m.__file__)).read_text() for m in PARTS]
    head, mark, _ = halves[0].partition("\nimport base64\n")
    assert mark, "the imports of the first part have moved"
    bodies = [text[text.index("\n# -- ") :].strip("\n") for text in (halves[1], halves[0], *halves[2:])]
    return f"{head}\n{IMPORTS}\n\n" + "\n\n\n".join(bodies) + "\n"


def readme(pack: Pack) -> str:
    """How anybody checks the folder."""
    stamps = sorted(n for n in pack.files if n.endswith(".tst"))
    lines = [
        "Evidence of a continuity orchestrator (bcp).",
        "",
        "Check everything (Python 3.8 or later, nothing else):",
        "    python3 verify.py",
        "    python3 verify.py --key HEX          the public key that you know from elsewhere",
        "    python3 verify.py --witness FOLDER   what somebody else kept",
        "",
        "runs/      one file a run: what it was started with, events, ledger, what it was told",
        "chains/    the book of incidents, the exercises",
        "labs/      the same of exercises in the lab, one folder each: what was played there touched nothing real",
        "audit.jsonl, anchors.jsonl   heads of the chains, as they were signed, stamped, handed over",
        "stamps/    what was stamped (.txt), time stamps of RFC 3161 (.tst), certificates of the authorities (.pem)",
        "reports/   for people; what each file was when it was written stands in audit.jsonl",
        "",
    ]
    if stamps:
        lines.append("Whose the time stamps are (OpenSSL 1.1 or later), the last of each authority:")
    for name in _last(stamps):
        said = standalone_proof.token_of(pack.files[name])
        ca = f"stamps/tsa-{name.rpartition('/')[2][9:-4]}.pem"
        lines.append(
            f"    openssl ts -verify -data {name[:15]}.txt -in {name} -token_in -CAfile {ca} -attime {int(said['at'])}"
        )
    return "\n".join(lines) + "\n"


def _last(stamps: Iterable[str]) -> list[str]:
    return list({name.rpartition("/")[2][9:]: name for name in stamps}.values())
