"""Exercises by the API and in the console: made, written in, planned, signed and closed by whom the door knows."""

from __future__ import annotations

import pytest
from unit.deeds.house import BOOK
from visits import Visit, place

from bcp.contracts.exercise_plain import from_data
from bcp.deeds.exercises import record_of

__all__ = ["place"]
NEW = {
    "kind": "dry", "title": "Quarter drill", "playbook": "out", "objectives": ["rto_receive=30m"],
    "people": ["alice=facilitator"], "bia": "https://intra.test/bia",
}  # fmt: skip


def with_a_book(place) -> None:
    (place.house.folder / "playbooks" / "out.yaml").write_text(BOOK)


def ended(v: Visit, drill: str) -> None:
    book = v.daemon.app.running.drills
    book.append(drill, "began", "alice", {})
    book.append(drill, "ended", "alice", {"outcome": "completed"})


def test_a_program_keeps_the_record_of_an_exercise(place) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        made = await v.api("POST", "/drills", "run", body=NEW)
        assert made.status_code == 201, made.text
        drill = made.json()["drill"]
        at = f"/drills/{drill}"
        for path, body in (
            ("/notes", {"text": "phones are slow", "kind": "deviation"}),
            ("/notes", {"text": "we switch", "reaches": "rto_receive"}),
            ("/attendance", {"person": "alice"}),
            ("/schedule", {"at": "2099-01-14 10:00", "every": "quarter", "surprise": True}),
        ):
            answer = await v.api("POST", at + path, "run", body=body)
            assert (answer.status_code, answer.json()["drill"]) == (200, drill), answer.text
        found = (await v.api("POST", at + "/findings", "run", body={"title": "No list", "severity": "high"})).json()
        ended(v, drill)
        assert (await v.api("POST", at + "/sign", "run", body={"role": "manager"})).status_code == 200
        assert (await v.api("POST", at + "/close", "run")).status_code == 200
        done = await v.api("POST", f"{at}/findings/{found['finding']}", "run", body={"state": "done", "owner": "bob"})
        assert done.status_code == 200
        late = await v.api("POST", at + "/notes", "run", body={"text": "late"})
        assert (late.status_code, late.json()["rule"]) == (409, "drill-closed")
        record = from_data((await v.api("GET", at, "read")).json())
        assert (record.state, record.signatures[0].name, record.signatures[0].stands) == ("closed", "Alice", True)
        assert (record.findings[0].state, record.findings[0].owner) == ("done", "bob")
        assert record.created_by == "alice"
        row = (await v.api("GET", "/drills", "read")).json()[0]
        assert (row["id"], row["state"], row["open_findings"]) == (drill, "closed", 0)

    place.visit(work)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/drills", {"kind": "party"}, {422}),
        ("/drills", {"kind": "dry", "retention_years": "5"}, {422}),
        ("/drills/drill-none/attendance", {"person": "x", "absent": "yes"}, {422}),
        ("/drills/drill-none/notes", {"text": "x", "kind": "feedback", "rating": "4"}, {422}),
        ("/drills/drill-none/schedule", {"at": "2099-01-14 10:00", "window_s": True}, {422}),
        ("/drills", {"kind": "tabletop", "scenario": "/etc/passwd"}, {422}),
        ("/drills", {"kind": "tabletop", "scenario": "../x.yaml"}, {422}),
        ("/drills", {"kind": "tabletop", "scenario": "no-such"}, {400}),
        ("/drills", {"kind": "dry", "playbook": "no-such"}, {404}),
        ("/drills", {"kind": "live", "playbook": "out"}, {400}),
        ("/drills", {"kind": "dry", "objectives": ["x=1"]}, {400}),
        ("/drills/drill-none/notes", {"text": "x"}, {404}),
        ("/drills/drill-none/notes", {"text": " "}, {422}),
        ("/drills/drill-none/sign", {}, {404}),
        ("/drills/drill-none/close", {}, {404}),
        ("/drills/drill-none/cancel", {"reason": "x"}, {404}),
        ("/drills/drill-none/schedule", {"at": "2099-01-14 10:00"}, {404}),
        ("/drills/drill-none/findings", {"title": "x"}, {404}),
        ("/drills/drill-none/attendance", {"person": "x"}, {404}),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(place, path, body, status) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        answer = await v.api("POST", path, "run", body=body)
        assert answer.status_code in status, answer.text
        assert (await v.api("POST", path, "read", body=body)).status_code == 403
        assert v.daemon.app.running.drills.drills() == []

    place.visit(work)


def test_a_person_keeps_it_in_the_browser(place) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        await v.log_in()
        assert "Make an exercise" in await v.get("/drills")
        where = await v.post(
            "/drills", kind="dry", playbook="out", title="Quarter <drill>", objectives="rto_receive=30m"
        )
        drill = where.split("?")[0].rpartition("/")[2]
        at = f"/drills/{drill}"
        await v.post(at + "/notes", text="phones are slow", kind="deviation")
        await v.post(at + "/notes", text="well done", kind="feedback", rating="\u00b2")  # no digit of ours: no stars
        await v.post(at + "/attendance", person="alice", role="facilitator")
        await v.post(at + "/findings", title="No <b>list</b>", severity="high")
        await v.post(at + "/schedule", at="2099-01-14T10:00", window="2h", every="quarter", surprise="1")
        page = await v.get(at)
        assert "Quarter &lt;drill&gt;" in page
        assert "No &lt;b&gt;list&lt;/b&gt;" in page
        ended(v, drill)
        await v.post(at + "/sign", role="manager")
        await v.post(at + "/close")
        assert "Signed by Alice manager" in await v.get(at)
        record = record_of(v.daemon.app, drill)
        assert (record.state, record.deviations[0].by, record.participants[0].role) == (
            "closed",
            "alice",
            "facilitator",
        )
        name = record.findings[0].id
        await v.post(at + "/findings", id=name, state="done", owner="bob", due="2027-01-31")
        assert record_of(v.daemon.app, drill).findings[0].owner == "bob"
        assert drill in await v.get("/drills")

    place.visit(work)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "party"}, "no-such-kind"),
        ({"kind": "tabletop", "scenario": "../../etc/passwd"}, "no-such-scenario"),
        ({"kind": "tabletop", "scenario": "x.yaml"}, "no-such-scenario"),
    ],
)
def test_a_browser_names_no_files(place, fields, said) -> None:
    from types import SimpleNamespace

    from bcp.kernel.errors import Invalid
    from bcp.server.console import drills

    async def work(v: Visit) -> None:
        site = SimpleNamespace(daemon=v.daemon)
        session = SimpleNamespace(user=SimpleNamespace(name="alice", contact="alice", may=lambda role: True))
        with pytest.raises(Invalid) as told:
            await drills.make(site, SimpleNamespace(), session, {k: [x] for k, x in fields.items()})
        assert told.value.rule == said

    place.visit(work)


def test_called_off_in_the_browser(place) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        await v.log_in()
        where = await v.post("/drills", kind="dry", playbook="out")
        at = where.split("?")[0]
        await v.post(at + "/cancel", reason="no time")
        assert "no time" in await v.get(at)

    place.visit(work)


def test_a_viewer_reads_and_writes_nothing(place) -> None:
    with_a_book(place)

    async def work(v: Visit) -> None:
        await v.log_in("bob", "viewer")
        assert "Make an exercise" not in await v.get("/drills")
        await v.post("/drills", 403, kind="dry", playbook="out")
        assert v.daemon.app.running.drills.drills() == []

    place.visit(work)


def test_the_page_answers_first_whether_the_objectives_were_met(place) -> None:
    """In words and amounts, not in codes and seconds."""
    with_a_book(place)

    async def work(v: Visit) -> None:
        made = await v.api("POST", "/drills", "run", body=NEW)
        drill = made.json()["drill"]
        ended(v, drill)
        await v.log_in()
        page = await v.get(f"/drills/{drill}")
        head = page[: page.index("<h2>Findings")]
        assert "Did we meet our objectives?" in head and 'id="answer"' in head
        assert head.index('id="answer"') < head.index("The report")
        assert ">30m<" in head and "1800" not in head and "rto_receive" not in head

    place.visit(work)
