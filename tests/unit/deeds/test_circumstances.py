"""Whose clock it was, who keeps it right, and what falls with what is down: said as far as anybody can say it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from unit.deeds.house import BOOK, House

from bcp.contracts.readiness import Check
from bcp.deeds.circumstances import RECENT_S, clock_source
from bcp.kernel.errors import StorageError
from bcp.playbook.load import loads
from bcp.settings import load
from bcp.settings.people import StandingApproval
from bcp.wiring import make_app


@pytest.mark.parametrize(
    ("kernel", "words"), [(True, "something keeps it right"), (False, "nothing keeps it right"), (None, "is not known")]
)
def test_the_kernel_says_whether_the_clock_is_kept(house: House, monkeypatch, kernel, words: str) -> None:
    monkeypatch.setattr("bcp.kit.sntp.kept_by_kernel", lambda: kernel)
    said = clock_source(house.app)
    assert said.startswith("clock of this machine, UTC; ")
    assert said.endswith(words)


@pytest.fixture
def timed(house: House) -> House:
    path = house.folder / "bcp.yaml"
    path.write_text(path.read_text() + "readiness: {time: [ntp.test]}\n")
    house.app = make_app(load(path))
    return house


def looked(house: House, age: float, state: str = "ok") -> None:
    at = house.app.clock.now() - age
    check = Check("clock-offset", "ntp.test", state, "0.1 s ahead of ntp.test")  # type: ignore[arg-type]
    house.app.running.readiness.note(at, [check, Check("disk", "", "ok", "free")], [])


def test_what_a_time_server_said_lately_stands_beside_it(timed: House) -> None:
    looked(timed, 60.0)
    assert clock_source(timed.app).endswith("Z: 0.1 s ahead of ntp.test")
    assert "compared at 20" in clock_source(timed.app)


@pytest.mark.parametrize(("age", "state"), [(RECENT_S + 60, "ok"), (-60.0, "ok"), (60.0, "unknown")])
def test_what_is_old_of_the_future_or_no_answer_is_none(timed: House, age: float, state: str) -> None:
    looked(timed, age, state)
    assert "compared" not in clock_source(timed.app)


def test_a_history_that_cannot_be_read_says_nothing(timed: House, monkeypatch) -> None:
    def broken() -> None:
        raise StorageError("it cannot be read")

    monkeypatch.setattr(timed.app.running.readiness, "last", broken)
    assert "compared" not in clock_source(timed.app)


def test_what_is_needed_does_not_fall_with_what_is_down(house: House) -> None:
    found = house.app.playbooks.shared_fate([loads(BOOK)], 7.0)
    assert (found["state"], found["chains"]) == ("ok", [])
    assert found["at"] == 7.0
    assert house.app.playbooks.shared_fate([], 7.0)["state"] == "unknown"


def test_what_falls_with_it_is_named_with_its_chain(house: House) -> None:
    path = house.folder / "bcp.yaml"
    path.write_text(path.read_text().replace("kind: rfc2136", "depends_on: [microsoft], kind: rfc2136"))
    house.app = make_app(load(path))
    found = house.app.playbooks.shared_fate([loads(BOOK)], 7.0)
    assert found["state"] == "risk"
    assert found["chains"][0].startswith("out: this depends on what is down: 'mx' -> the DNS back end")


def test_where_it_cannot_be_checked_it_is_not_known(house: House, monkeypatch) -> None:
    def broken() -> None:
        raise StorageError("the contacts cannot be read")

    monkeypatch.setattr(house.app.playbooks, "catalogue", broken)
    found = house.app.playbooks.shared_fate([loads(BOOK)], 7.0)
    assert (found["state"], found["chains"]) == ("unknown", ["the contacts cannot be read"])


@pytest.mark.parametrize(("zone", "holds"), [("Europe/Berlin", False), ("UTC", True)])
def test_the_last_day_of_a_standing_approval_ends_at_midnight_of_the_organisation(
    house: House, monkeypatch: pytest.MonkeyPatch, zone: str, holds: bool
) -> None:
    """23:30 UTC on the last of December is half past midnight in Berlin: nobody has said yes for January."""
    running = house.app.running
    running.settings.organisation.__dict__["timezone"] = zone
    given = StandingApproval(playbook="out", classes=["B"], by="alice", until="2026-12-31")
    running.settings.approvals.__dict__["standing"] = [given]
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC).timestamp()
    monkeypatch.setattr(running, "clock", SimpleNamespace(now=lambda: at))
    monkeypatch.setattr(running, "seen", lambda: SimpleNamespace(outage_class="B"))
    asked = SimpleNamespace(automatic=True, loaded=SimpleNamespace(book=SimpleNamespace(name="out")))
    assert ("alice" in running.standing(asked)) is holds
