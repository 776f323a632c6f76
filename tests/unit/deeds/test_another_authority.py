"""After ``timestamps: ca:`` was changed the newest stamp is of another authority: it says so, and hides nothing."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from bcp.cli import audit
from bcp.deeds.evidence import prove
from bcp.kernel.errors import Permanent
from bcp.store.files.anchors import Anchored, AnchorLog
from bcp.store.sqlite.evidence import Evidence


@pytest.mark.parametrize(("configured", "doubts"), [("new", 1), ("new+old", 0), ("old", 0)])
def test_it_says_whose_it_is_and_how_to_name_the_old_one(tmp_path: Path, monkeypatch, configured, doubts) -> None:
    async def verify(token: bytes, digest: str, ca: Path, at: float) -> None:
        if token.decode() not in ca.read_text():
            raise Permanent("its time stamp is not genuine: self-signed certificate in chain")

    monkeypatch.setattr(prove, "verify", verify)
    monkeypatch.setattr(prove.standalone_proof, "token_of", lambda token: {"digest": "d", "at": 7.0})
    log = AnchorLog(tmp_path)
    log.authority("main").parent.mkdir(parents=True, exist_ok=True)
    log.authority("main").write_text("old")
    stamp = {"kind": "timestamp", "tsa": "main", "seq": 4, "token": base64.b64encode(b"old").decode()}
    (ca := tmp_path / "ca.pem").write_text(configured)
    found = asyncio.run(prove._genuine(log, Anchored((stamp,), ""), {"main": ca}))
    assert len(found) == doubts
    if not doubts:
        return
    assert found[0].startswith("the time stamp of main for the signed head 4 is of another authority than the one that")
    assert "put the old certificate behind the new one in that file" in found[0]
    assert "somebody may have written everything anew" in found[0]
    empty, alone = Evidence((), (), "", keyed=False), prove.Proved(tuple(found), 4)
    both = prove.Proved((*found, "run-1 has lost its newest 3 event(s)"), 4)
    said = [audit._verdict(audit._places(empty, p), empty, p, whole=True) for p in (alone, both)]
    rules = [audit._refused(audit._places(empty, p)).rule for p in (alone, both)]
    assert rules == ["audit-authority", "audit-chain"]
    assert said[0].startswith("NOT PROVED: the time stamp of main")
    assert said[1].startswith("ALTERED: run-1 has lost its newest 3 event(s) (and 1 more, below)")
    log.authority("main").write_text("nobody's")
    assert "its time stamp is not genuine" in asyncio.run(prove._genuine(log, Anchored((stamp,), ""), {"main": ca}))[0]
