"""Mails whose fate nobody knows, at every door: the console, the API, and the daemon that closes by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from corefakes import Core
from test_record import HEALTHY, Recorder, alert
from visits import Visit, place

from bcp.deeds.unaccounted import Unaccounted
from bcp.detect.course import Course
from bcp.kernel.errors import StorageError

__all__ = ["place"]
MISSING = Unaccounted(2, ("a@corp.test (unknown, r1 q1)", "b@corp.test (held, r1 q2)"))


@pytest.fixture
def missing(monkeypatch) -> list[Unaccounted | Exception]:
    """What is counted, from now on: the last one stays."""
    found: list[Unaccounted | Exception] = [MISSING]

    async def count(app, incident):
        one = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr("bcp.deeds.incident.ask_and_count", count)
    monkeypatch.setattr("bcp.server.parts.record.ask_and_count", count)
    return found


def test_the_console_asks_for_another_reason(place, missing) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        path = (await v.post("/incidents", title="no mail", classes="b")).partition("?")[0]
        assert "Mails are unaccounted for" not in await v.get(path)
        back = await v.post(f"{path}/close", reason="it works")
        assert back.startswith(f"{path}?mails=1&done=") and v.house.book.incidents()[0].state == "declared"
        page = await v.get(back)
        assert "Mails are unaccounted for" in page and "a@corp.test" in page
        await v.post(f"{path}/close", reason="it works", unaccounted="its sender knows")
        (event,) = [e for e in v.house.book.events(v.house.book.incidents()[0].id) if e.kind == "closed_by_hand"]
        assert event.data["unaccounted_reason"] == "its sender knows" and event.data["unaccounted"] == 2

    place.visit(work)


def test_a_program_is_told_by_a_code(place, missing) -> None:
    async def work(v: Visit) -> None:
        made = await v.api("POST", "/incidents", "run", body={"title": "no mail", "classes": ["B"]})
        path = f"/incidents/{made.json()['id']}/close"
        refused = await v.api("POST", path, "run", body={"reason": "ok"})
        assert refused.status_code == 409 and "mail-unaccounted" in refused.text
        body = {"reason": "ok", "unaccounted": "known elsewhere"}
        assert (await v.api("POST", path, "run", body=body)).status_code == 200

    place.visit(work)


def over(core: Core) -> None:
    """As far as the detector knows nothing is left."""
    course = Course(record="closed", seen="clear")
    core.detector.course = replace(course, news_at=core.detector.course.news_at, alerts=True)


def test_the_daemon_leaves_it_open_and_says_so_once(tmp_path, missing) -> None:
    missing[:] = [MISSING, MISSING, StorageError("disk is full"), Unaccounted()]

    async def run() -> None:
        core = Core(tmp_path)
        recorder = Recorder(core)
        alert(core, True)
        await recorder.take(HEALTHY)
        over(core)
        for _ in range(2):
            row = await recorder.take(HEALTHY)
            assert row is not None and row.state == "opened"
            assert len(missing) == 3, "mails are not counted at every look"
        said = []
        for _ in range(3):
            await core.clock.sleep(61.0)
            over(core)
            row = await recorder.take(HEALTHY)
            said.append(row.state if row else "")
        assert said == ["opened", "opened", "closed"], "it is closed when they are accounted for"
        notes = [e.data["text"] for e in core.book.events(row.id) if e.kind == "not_closed"]
        assert len(notes) == 2 and "a@corp.test" in notes[0] and "cannot be counted: disk is full" in notes[1]

    asyncio.run(run())
