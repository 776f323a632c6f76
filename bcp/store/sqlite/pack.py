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
from bcp.store import standalone, standalone_pack
from bcp.store.files.anchors import AnchorLog
from bcp.store.sqlite import runfile
from bcp.store.sqlite.heads import BOOK_QUERY, DRILL_QUERY, EVENT_QUERY, audit_lines, rows_of
from bcp.store.sqlite.state import SqliteState

LINE = "# -- the folder"
"""What is below this line of ``standalone_pack`` is the second half of ``verify.py``."""
EFFECTS = "select key, step, claimed, state, settled, request, outcome{fence} from effect order by key"
SIGNALS = "select id, at, kind, actor, data, hash from signal order by id"
KEPT = {".html", ".json", ".csv"}
"""Files of reports that are handed over."""


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
    room, pack = SqliteState(state), Pack()
    for run in room.runs.ids():
        _run(pack, run, room.runs.path(run))
    for name, query in (("book", BOOK_QUERY), ("drills", DRILL_QUERY)):
        rows = list(rows_of(state / ("incidents.db" if name == "book" else "drills.db"), query))
        pack.put(f"chains/{name}.jsonl", rows)
        pack.as_of = max([pack.as_of, *(float(r[1]) for r in rows)])
    if lines := audit_lines(state):
        pack.files["audit.jsonl"] = ("\n".join(lines) + "\n").encode()
    _anchors(pack, AnchorLog(state))
    _reports(pack, state / "reports")
    pack.files["verify.py"] = program().encode()
    pack.files["README.txt"] = readme(pack).encode()
    return pack


def _run(pack: Pack, run: str, path: Path) -> None:
    """One run: what it was started with, its events, its ledger, what it was told. One whose file cannot be read is
    left out, and the audit file says that it is missing."""
    try:
        with runfile.RunFile(path) as file:
            rows = file.read(lambda db: list(_lines(db)))
    except BcpError:
        return
    pack.put(f"runs/{run}.jsonl", rows)
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
    standalone.token_of(token)
    if not tsa.replace("-", "").isalnum():  # it becomes a file's name
        raise ValueError(tsa)
    pack.files[f"stamps/{seq:08d}-{tsa}.tst"] = token
    authority = log.authority(tsa)
    if authority.exists():
        pack.files[f"stamps/{authority.name}"] = authority.read_bytes()


def _reports(pack: Pack, folder: Path) -> None:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix in KEPT:
            pack.files[f"reports/{path.relative_to(folder).as_posix()}"] = path.read_bytes()


def program() -> str:
    """``verify.py``: both halves in one file, which needs nothing of ours."""
    first, second = Path(standalone.__file__).read_text(), Path(standalone_pack.__file__).read_text()
    imports = "import sys\nfrom pathlib import Path\nfrom typing import Collection\n"
    head, mark, rest = first.partition("\nimport base64\n")
    assert mark, "the imports of the first half have moved"
    return f"{head}\n{imports}import base64\n{rest.rstrip()}\n\n\n{LINE}{second.partition(LINE)[2]}"


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
        "audit.jsonl, anchors.jsonl   heads of the chains, as they were signed, stamped, handed over",
        "stamps/    what was stamped (.txt), time stamps of RFC 3161 (.tst), certificates of the authorities (.pem)",
        "reports/   for people",
        "",
    ]
    if stamps:
        lines.append("Whose the time stamps are (OpenSSL 1.1 or later), the last of each authority:")
    for name in _last(stamps):
        said = standalone.token_of(pack.files[name])
        ca = f"stamps/tsa-{name.rpartition('/')[2][9:-4]}.pem"
        lines.append(
            f"    openssl ts -verify -data {name[:15]}.txt -in {name} -token_in -CAfile {ca} -attime {int(said['at'])}"
        )
    return "\n".join(lines) + "\n"


def _last(stamps: Iterable[str]) -> list[str]:
    return list({name.rpartition("/")[2][9:]: name for name in stamps}.values())
