"""Observations from elsewhere: taken once, from those whom we know, and nothing that anybody writes ends the watch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bcp.contracts.probe import Part, Result, Signal
from bcp.detect.remote import Batch, Spool, seal, unseal
from bcp.kernel.errors import Invalid, Refused

KEY, OTHER = b"k" * 32, b"o" * 32
KEYS = {"branch": KEY}
SIGNAL = Signal(
    "smtp",
    "inbound",
    Result.FAIL,
    1_800_000_000.0,
    "refused",
    "451 later",
    vantage="branch",
    parts=(Part(Result.FAIL, address="192.0.2.1", family=4),),
)


def batch(seq: int = 1, vantage: str = "branch") -> Batch:
    """One round."""
    return Batch(vantage, seq, 1_800_000_001.0, (SIGNAL,))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A folder that knows one vantage point."""
    return Spool(tmp_path / "observed", KEYS)


def left(spool: Spool) -> list[str]:
    """Files that wait."""
    return sorted(p.name for p in spool.folder.glob("*.json"))


def test_what_was_sealed_is_read_as_it_was() -> None:
    assert unseal(seal(batch(), KEY), KEYS) == batch()


def test_a_vantage_point_that_nobody_knows_is_refused(spool: Spool) -> None:
    """Also with a key that we know: a name is given by the configuration alone. Nothing is left in the folder."""
    line = seal(batch(vantage="stranger"), KEY)
    with pytest.raises(Refused, match="stranger") as caught:
        spool.put(line)
    assert caught.value.rule == "unknown-vantage" and "vantages" in caught.value.hint
    assert not spool.folder.exists() and spool.read() == []


@pytest.mark.parametrize(
    "change",
    [
        {"mac": "0" * 64},
        {"mac": ""},
        {"mac": "é"},
        {"mac": "\ud800"},
        {"mac": None},
        {"seq": 2},
        {"sent": 0.0},
        {"signals": []},
        {"more": 1},
        {"more": "\ud800"},
    ],
    ids=repr,
)
def test_a_batch_that_was_changed_is_refused_whatever_it_holds(spool: Spool, change: dict[str, object]) -> None:
    """By its rule, never by a fault of ours: anybody can write into a folder that is shared."""
    line = json.dumps({**json.loads(seal(batch(), KEY)), **change})
    with pytest.raises(Refused) as caught:
        spool.put(line)
    assert caught.value.rule == "bad-seal" and not spool.folder.exists()


def test_a_number_that_no_seal_can_cover_is_a_bad_seal() -> None:
    """RFC 8259 lets a number be of any size; ours are finite."""
    line = seal(batch(), KEY).replace('"seq": 1', '"seq": 1e999')
    with pytest.raises(Refused) as caught:
        unseal(line, KEYS)
    assert caught.value.rule == "bad-seal"


def test_a_batch_sealed_with_another_key_is_refused_and_put_aside(spool: Spool) -> None:
    """It counts for nothing, and does not hold up the next."""
    spool.folder.mkdir(parents=True)
    (spool.folder / "1.json").write_text(seal(batch(), OTHER))
    (spool.folder / "2.json").write_text(seal(batch(2), KEY))
    assert spool.read() == [SIGNAL] and left(spool) == []
    assert [p.name for p in (spool.folder / "refused").iterdir()] == ["1.json"] and "seal" in spool.refused[0]


@pytest.mark.parametrize("seq", [5, 4, 0])
def test_a_batch_that_comes_again_or_late_is_not_counted_twice(spool: Spool, seq: int) -> None:
    """Not by the one who took it, nor by whoever reads the folder after a restart."""
    spool.put(seal(batch(5), KEY))
    assert spool.read() == [SIGNAL]
    for reader in (spool, Spool(spool.folder, KEYS)):
        reader.put(seal(batch(seq), KEY))
        with pytest.raises(Refused) as caught:
            reader._take(next(spool.folder.glob("*.json")))
        assert caught.value.rule == "replayed"
        assert reader.read() == [] and "again, or out of order" in reader.refused[-1]
    spool.put(seal(batch(6), KEY))
    assert spool.read() == [SIGNAL]


def test_a_file_that_cannot_be_removed_yet_is_taken_later(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither lost nor called a copy of itself."""

    def refuses(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError("read-only")

    spool.put(seal(batch(), KEY))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuses)
        assert spool.read() == [] and spool.refused == []
    assert spool.read() == [SIGNAL] and spool.read() == []


def test_what_cannot_be_put_aside_does_not_end_the_round(spool: Spool) -> None:
    """Somebody left a file where the folder for refused batches is to be."""
    spool.put(seal(batch(2), KEY))
    (spool.folder / "refused").write_text("in the way")
    (spool.folder / "0.json").write_text("{}")
    assert spool.read() == [SIGNAL] and left(spool) == ["0.json"] and len(spool.refused) == 1


def test_no_batch_at_all_is_invalid() -> None:
    for line in ("", "[]", "{}", '"x"', "1", '{"mac": "x"}'):
        with pytest.raises(Invalid, match="no batch"):
            unseal(line, KEYS)
