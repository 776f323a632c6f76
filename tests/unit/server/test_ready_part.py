"""The part that looks round after round, and tells the owner once a week, once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from visits import Visit, place

from bcp.contracts.readiness import Check
from bcp.deeds.readiness import weekly
from bcp.deeds.readiness.look import Found
from bcp.kernel.errors import StorageError
from bcp.ready.standing import standings
from bcp.server.parts import ready as part
from bcp.settings.readiness import ReadinessSettings
from bcp.store.memory.readiness import MemoryReadiness
from bcp.testing.clock import FakeClock

__all__ = ["place"]
MONDAY = 1_795_420_800.0 + 8 * 3600
"""2026-11-23, 16:00 UTC."""
RED = Check("channel", "sms", "fail", "sms: no.", "Mend it.", None, ("a",))


def found(at: float) -> Found:
    return Found(at, (RED,), tuple(standings({"a": "A"}, [RED])))


class Speaker:
    def __init__(self, *states: str) -> None:
        self.states, self.sent = list(states), []

    def org(self) -> dict[str, Any]:
        return {"org": {}}

    async def send(self, channel, address, template, language, values, key, *rest, **more) -> tuple[str, str]:
        self.sent.append((address, template, values["ready"]["level"], key))
        return (self.states.pop(0) if self.states else "sent"), "no room"


class App:
    def __init__(self, settings: ReadinessSettings, store: Any) -> None:
        organisation = SimpleNamespace(timezone="UTC")
        self.settings = SimpleNamespace(
            readiness=settings, organisation=organisation, serve=SimpleNamespace(public_url="")
        )
        self.running = SimpleNamespace(readiness=store)
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


def parts(monkeypatch, *, store: Any = None, speaker: Speaker | None = None, owner: tuple[str, ...] = ("ann",)) -> Any:
    clock = FakeClock(MONDAY)
    app = App(ReadinessSettings(owner=list(owner), every="15m", hour="15:00"), store or MemoryReadiness())
    changed: list[int] = []
    core = SimpleNamespace(app=app, clock=clock, run_app=lambda: app, changed=lambda: changed.append(1))
    to = weekly.To(SimpleNamespace(name="mail"), "ann@home.test", "en", "ann")
    monkeypatch.setattr(weekly, "addresses", lambda app: iter([to]))

    async def look(app: Any) -> Found:
        return found(clock.now())

    monkeypatch.setattr(part, "look", look)
    made = part.Readiness(core, speaker or Speaker())
    return made, core, changed


def test_a_round_is_kept_shown_and_its_connections_are_closed(monkeypatch) -> None:
    made, core, changed = parts(monkeypatch)
    asyncio.run(made.once())
    assert made.found.checks[0].since == MONDAY and made.store.last().at == MONDAY
    assert changed == [1] and core.app.closed == 1


def test_a_history_that_cannot_be_written_hides_nothing(monkeypatch, caplog) -> None:
    class Full(MemoryReadiness):
        def note(self, *a: Any) -> Any:
            raise StorageError("the disk is full", hint="Free space.")

    made, _, _ = parts(monkeypatch, store=Full())
    asyncio.run(made.once())
    assert made.found.checks == (RED,) and "the disk is full" in caplog.text


def test_the_weekly_message_goes_out_once(monkeypatch) -> None:
    speaker = Speaker()
    made, core, _ = parts(monkeypatch, speaker=speaker)
    assert asyncio.run(made.tell()) == 0, "nothing was looked at yet"
    asyncio.run(made.once())
    assert [asyncio.run(made.tell()) for _ in range(3)] == [1, 0, 0]
    assert speaker.sent == [("ann@home.test", "readiness-weekly", "not ready", "readiness-weekly/2026-11-23/mail/ann")]
    core.clock.wall += 7 * 86_400
    assert asyncio.run(made.tell()) == 1


def test_a_message_that_cannot_be_sent_is_said_and_not_sent_again_and_again(monkeypatch, caplog) -> None:
    made, _, _ = parts(monkeypatch, speaker=Speaker("failed"))
    asyncio.run(made.once())
    assert [asyncio.run(made.tell()) for _ in range(2)] == [0, 0]
    assert "ann was not told by mail: no room" in caplog.text


def told_of(core: Any) -> list[tuple[str, Any]]:
    """What the book notes from now on."""
    noted: list[tuple[str, Any]] = []
    book = SimpleNamespace(note=lambda kind, incident, actor, **data: noted.append((kind, data["text"])))

    async def do(work: Any) -> Any:
        return work(book)

    core.do = do
    return noted


def test_what_was_not_taken_is_sent_again_a_few_times_with_patience(monkeypatch, caplog) -> None:
    speaker = Speaker(*["failed"] * 9)
    made, core, _ = parts(monkeypatch, speaker=speaker)
    noted = told_of(core)
    asyncio.run(made.once())
    for wait in part.AGAIN_S:
        assert asyncio.run(made.tell()) == 0
        core.clock.wall += wait - 1
        before = len(speaker.sent)
        assert (asyncio.run(made.tell()), len(speaker.sent)) == (0, before), "not yet"
        core.clock.wall += 1
    assert asyncio.run(made.tell()) == 0
    core.clock.wall += 3600
    assert asyncio.run(made.tell()) == 0 and len(speaker.sent) == 1 + len(part.AGAIN_S)
    assert [k for k, _ in noted] == ["nobody_told"] and "1 tries" in noted[0][1], "once, though it was tried again"


@pytest.mark.parametrize(("second", "sent"), [("sent", 2), ("doubt", 2)])
def test_what_was_taken_or_may_have_been_is_not_sent_again(monkeypatch, second: str, sent: int) -> None:
    speaker = Speaker("failed", second)
    made, core, _ = parts(monkeypatch, speaker=speaker)
    told_of(core)
    asyncio.run(made.once())
    for _ in range(6):
        asyncio.run(made.tell())
        core.clock.wall += 4 * 3600
    assert len(speaker.sent) == sent


def test_nobody_owns_it_and_nobody_is_told(monkeypatch) -> None:
    made, _, _ = parts(monkeypatch, owner=())
    asyncio.run(made.once())
    assert asyncio.run(made.tell()) == 0


def test_the_loop_looks_as_often_as_the_settings_say(monkeypatch) -> None:
    made, core, changed = parts(monkeypatch, owner=())

    async def work() -> None:
        task = asyncio.ensure_future(made.run())
        while len(changed) < 4:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert 3 * 900 <= core.clock.monotonic() <= 3 * 900 + 300


# -- the page and the doors ------------------------------------------------------------------------------------------


def test_the_page_says_what_does_not_hold_and_what_to_do(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        assert "Nobody has looked yet" in await v.get("/ready")
        store = v.daemon.readiness.store
        store.note(MONDAY, [RED], [m.mark for m in found(MONDAY).standings])
        text = await v.get("/ready")
        assert "a is not ready" in text and "sms: no." in text and "Mend it." in text and "not ready" in text
        assert '<span class="id">a</span>' in text  # of two playbooks with one title, which
        assert "a is not ready" in await v.get("/drills")  # every page says the same
        store.close()

    place.visit(work)


def test_the_api_and_metrics_say_the_same(place) -> None:
    async def work(v: Visit) -> None:
        v.daemon.readiness.found = found(MONDAY)
        headers = {"Authorization": f"Bearer {v.accounts.add_token('t', ('read',), v.daemon.clock.now() + 60)}"}
        data = (await v.api("GET", "/readiness", "read")).json()
        assert data["level"] == "not-ready" and data["checks"][0]["subject"] == "sms"
        lines = (await v.browser.get("/metrics", headers=headers)).text
        assert 'bcp_readiness_level{playbook="a"} 0' in lines

    place.visit(work)
