"""Reports and the year in the browser: as they are now, without script, in the language that is asked for."""

from __future__ import annotations

import pytest
from unit.deeds.house import BOOK
from visits import Visit, place

__all__ = ["place"]


async def made(v: Visit) -> str:
    """An exercise that was played."""
    where = await v.post("/drills", kind="dry", playbook="out", title="Quarter <drill>", objectives="rto_receive=30m")
    drill = where.split("?")[0].rpartition("/")[2]
    book = v.daemon.app.running.drills
    book.append(drill, "began", "alice", {})
    book.append(drill, "ended", "alice", {"outcome": "completed"})
    return drill


def with_a_book(place) -> None:
    (place.house.folder / "playbooks" / "out.yaml").write_text(BOOK)


def test_the_report_of_a_drill(place) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        await v.log_in()
        drill = await made(v)
        assert f"/drills/{drill}/report" in await v.get(f"/drills/{drill}")
        page = await v.get(f"/drills/{drill}/report")
        assert "Did we meet our objectives?" in page
        assert "Quarter &lt;drill&gt;" in page
        assert "<script" not in page
        assert "Haben wir unsere Ziele erreicht?" in await v.get(f"/drills/{drill}/report?language=de")
        await v.get(f"/drills/{drill}/report?language=xx", 400)
        await v.get("/drills/drill-none/report", 404)
        await v.get("/drills/run-1/report", 404)

    place.visit(work)


def test_the_report_of_an_incident(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        await v.post("/incidents", title="Mail <fails>", classes="B")
        page = await v.get("/incidents")
        name = page.split('href="/incidents/')[1].split('"')[0]
        assert f"/incidents/{name}/report" in await v.get(f"/incidents/{name}")
        report = await v.get(f"/incidents/{name}/report")
        assert "Mail &lt;fails&gt;" in report
        assert "EXERCISE" not in report
        await v.get("/incidents/last/report", 404)
        await v.get("/incidents/inc-none/report", 404)

    place.visit(work)


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_the_year(place, role) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        await v.log_in()
        drill = await made(v)
        if role == "viewer":
            await v.log_in("bob", "viewer")
        assert "/drills/year" in await v.get("/drills")
        page = (await v.get("/drills/year")).replace("<wbr>", "")
        assert "What has not been rehearsed?" in page
        assert drill in page
        past = await v.get("/drills/year?from=2001-01-01&to=2001-12-31")
        assert drill not in past.replace("<wbr>", "")
        await v.get("/drills/year?from=yesterday", 400)
        await v.get("/drills/year?from=2026-12-31&to=2026-01-01", 400)

    place.visit(work)
