"""One ticket an incident: found before it is made, updated while it is open, closed with the good news."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bcp.contracts.channel import Delivery, Message, NotSent, RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret
from bcp.plugins.channels.jira import Jira, JiraSettings
from bcp.plugins.channels.pagerduty import PagerDuty, PagerDutySettings
from bcp.plugins.channels.servicenow import ServiceNow, ServiceNowSettings
from bcp.testing.vendor import Answer, Asked, FakeVendor


class Desk:
    """Both systems, as their documents show them: tickets by id, each with what was written to it."""

    def __init__(self) -> None:
        self.open: dict[str, list[str]] = {}
        self.closed: dict[str, list[str]] = {}
        self.ends = True
        self.blind = 0
        """So many searches do not know of the newest ticket yet."""

    def respond(self, asked: Asked) -> Answer:
        return self.jira(asked) if "/rest/api/" in asked.path else self.servicenow(asked)

    def found(self) -> list[str]:
        self.blind -= 1
        return [] if self.blind >= 0 else sorted(self.open)[-1:]

    def newest(self) -> list[tuple[str, list[str]]]:
        """Of all, also closed ones."""
        self.blind -= 1
        return [] if self.blind >= 0 else sorted({**self.open, **self.closed}.items(), reverse=True)[:3]

    def servicenow(self, asked: Asked) -> Answer:
        if asked.method == "GET" and asked.fields.get("sysparm_display_value") == "true":
            assert asked.fields["sysparm_query"].startswith("correlation_id=bcp-continuity^ORDERBYDESC")
            names = asked.fields["sysparm_fields"].split(",")
            return Answer(200, {"result": [
                {n: {"sys_id": i, "correlation_id": "bcp-continuity", "description": texts[0],
                     "work_notes": "\n\n".join(texts[1:][::-1]), "close_notes": None}[n] for n in names}
                for i, texts in self.newest()
            ]})  # fmt: skip
        if asked.method == "GET":
            assert "correlation_id=bcp-continuity^active=true" in asked.fields["sysparm_query"]
            return Answer(200, {"result": [{"sys_id": i, "correlation_id": "bcp-continuity"} for i in self.found()]})
        body = asked.json()
        if asked.method == "POST":
            assert body["correlation_id"] == "bcp-continuity" and body["urgency"] == "1"
            ident = f"sys{len(self.open) + len(self.closed)}"
            self.open[ident] = [body["description"]]
            return Answer(201, {"result": {"sys_id": ident}})
        ident = asked.path.rpartition("/")[2]
        self.open[ident].append(body.get("work_notes") or body["close_notes"])
        if body.get("state") == "6":
            self.closed[ident] = self.open.pop(ident)
        return Answer(200, {"result": {"sys_id": ident}})

    def jira(self, asked: Asked) -> Answer:
        parts = asked.path.split("/")
        if asked.path.endswith("/search/jql") and asked.fields["fields"] == "description":
            assert "statusCategory" not in asked.fields["jql"] and 'labels = "bcp-continuity"' in asked.fields["jql"]
            return Answer(200, {"issues": [{"key": k, "fields": {"description": t[0]}} for k, t in self.newest()]})
        if asked.path.endswith("/comment") and asked.method == "GET":
            texts = {**self.open, **self.closed}[parts[-2]][1:]
            assert asked.fields["orderBy"] == "-created"
            first, most = int(asked.fields.get("startAt", "0")), int(asked.fields["maxResults"])
            page = [{"id": "9", "body": t} for t in texts[::-1][first : first + most]]
            return Answer(200, {"comments": page, "total": len(texts)})
        if asked.path.endswith("/search/jql"):
            assert (
                'labels = "bcp-continuity"' in asked.fields["jql"] and "statusCategory != Done" in asked.fields["jql"]
            )
            return Answer(200, {"issues": [{"id": "1", "key": k} for k in self.found()]})
        if asked.path.endswith("/issue"):
            fields = asked.json()["fields"]
            assert fields["labels"] == ["bcp-continuity"] and fields["project"] == {"key": "OPS"}
            key = f"OPS-{len(self.open) + len(self.closed)}"
            self.open[key] = [fields["description"]]
            return Answer(201, {"id": "1", "key": key})
        if asked.path.endswith("/comment"):
            self.open[parts[-2]].append(asked.json()["body"])
            return Answer(201, {"id": "9"})
        if asked.method == "GET":
            row = {"id": "31", "to": {"statusCategory": {"key": "done" if self.ends else "new"}}}
            return Answer(200, {"transitions": [{"id": "11", "to": None}, row]})
        assert asked.json() == {"transition": {"id": "31"}}
        self.closed[parts[-2]] = self.open.pop(parts[-2])
        return Answer(204, b"")


def channel(kind: str, url: str, folder):
    (folder / "secret").write_text("s3cret-of-the-desk\n")
    secret = Secret("file:secret", folder)
    if kind == "jira":
        return Jira("t", JiraSettings(kind="jira", url=url, user="a@b.test", token=secret, project="OPS"))
    more = {"fields": {"urgency": "1"}}
    return ServiceNow("t", ServiceNowSettings(kind="servicenow", url=url, user="bcp", password=secret, **more))


def said(text: str, phase: str, key: str = "run-1/tell/t/all") -> Delivery:
    return Delivery(key, "t", Message("m", "chat", "en", "", text, phase=phase), 1_800_000_000.0)


def play(kind: str, tmp_path, script, desk: Desk | None = None) -> tuple[Desk, list[str]]:
    """Send each of ``script`` over a channel of its own where it says so."""
    desk = desk or Desk()

    async def work() -> list[str]:
        vendor = FakeVendor(desk.respond)
        await vendor.start()
        one, out = channel(kind, vendor.url, tmp_path), []
        for text, phase, anew in script:
            if anew:
                await one.close()
                one = channel(kind, vendor.url, tmp_path)
            out.append((await one.send(said(text, phase, f"run-1/{text}/t/all"))).detail)
        checks = await one.check()
        assert [c.state for c in checks] == ["ok"]
        assert "s3cret" not in json.dumps([a.target for a in vendor.asked]) + repr(checks)
        await one.close()
        await vendor.stop()
        return out

    return desk, asyncio.run(work())


KINDS = pytest.mark.parametrize("kind", ["servicenow", "jira"])
STORY = [
    ("*Down.*", "investigating", False),
    ("Still down", "update", True),
    ("Up `again`", "restored", True),
    ("Down anew", "investigating", True),
]


@KINDS
def test_an_incident_is_one_ticket_whoever_speaks(kind, tmp_path) -> None:
    """Another process, another run: the same ticket, until the good news; the next outage is another one."""
    desk, details = play(kind, tmp_path, STORY)
    assert details == ["made", "updated", "closed", "made"]
    ((_, first),), ((_, second),) = desk.closed.items(), desk.open.items()
    assert [t.splitlines()[0] for t in first] == ["Down.", "Still down", "Up again"]
    assert second[0].startswith("Down anew") and all("[bcp-continuity " in t for t in first)


def test_a_search_that_lags_makes_no_second_issue(tmp_path) -> None:
    """Jira's search knows of a new issue a moment later; who made it knows at once."""
    desk = Desk()
    desk.blind = 2
    desk, details = play("jira", tmp_path, [(t, p, False) for t, p, _ in STORY[:2]], desk)
    assert details == ["made", "updated"] and len(desk.open) == 1


def test_an_issue_without_a_way_to_done_is_left_to_a_person(tmp_path) -> None:
    desk = Desk()
    desk.ends = False
    desk, _ = play("jira", tmp_path, STORY[:3], desk)
    ((_, texts),) = desk.open.items()
    assert len(texts) == 3 and not desk.closed


@KINDS
@pytest.mark.parametrize(
    ("method", "answer", "outcome"),
    [
        ("GET", Answer(200, "<html>log in</html>"), NotSent),
        ("GET", Answer(200, {"result": 1, "issues": {}}), NotSent),
        ("GET", Answer(503, b""), NotSent),
        ("GET", b"", NotSent),
        ("GET", Answer(401, {}), Permanent),
        ("GET", Answer(429, {}, {"Retry-After": "3"}), RateLimited),
        ("POST", Answer(200, "<html>log in</html>"), InDoubt),
        ("POST", Answer(201, {"result": {}, "key": 5}), InDoubt),
        ("POST", Answer(502, b""), InDoubt),
        ("POST", b"", InDoubt),
        ("POST", Answer(403, {}), Permanent),
    ],
)
def test_what_cannot_be_looked_up_was_not_sent_and_what_was_sent_is_in_doubt(
    kind, method, answer, outcome, tmp_path
) -> None:
    """A failed look makes no ticket: there might be one."""

    async def work() -> None:
        desk = Desk()
        vendor = FakeVendor(desk.respond)
        vendor.fault = lambda asked: answer if asked.method == method else desk.respond(asked)
        await vendor.start()
        one = channel(kind, vendor.url, tmp_path)
        with pytest.raises(outcome):
            await one.send(said("Down", "investigating"))
        if method == "GET":
            assert not any(a.method != "GET" for a in vendor.asked)
            assert (await one.check())[0].state == "fail"
        await one.close()
        await vendor.stop()

    asyncio.run(work())


def lost(kind: str, tmp_path, phase: str, work, *, before: bool = False) -> Desk:
    """The answer to the first write is lost after it was done; then ``work`` with a channel of a new process.
    ``before``: a ticket is there already."""
    desk = Desk()

    async def inside() -> None:
        vendor, left = FakeVendor(desk.respond), [1]
        await vendor.start()
        if before:
            first = channel(kind, vendor.url, tmp_path)
            await first.send(said("Before", "investigating", "run-1/before/t/all"))
            await first.close()

        def cut(asked: Asked) -> Any:
            answer = desk.respond(asked)
            if asked.method == "GET" or not left:
                return answer
            left.clear()
            return b""

        vendor.fault = cut
        one = channel(kind, vendor.url, tmp_path)
        with pytest.raises(InDoubt):
            await one.send(said("News", phase))
        await one.close()
        two = channel(kind, vendor.url, tmp_path)
        await work(two, desk)
        await two.close()
        await vendor.stop()

    asyncio.run(inside())
    return desk


@KINDS
@pytest.mark.parametrize("phase", ["investigating", "update"])
@pytest.mark.parametrize("before", [False, True])
def test_a_lost_answer_is_looked_up_by_our_own_tag(kind, phase, before, tmp_path) -> None:
    """Made or noted, by whoever asks; another delivery is not taken for it; and no second ticket is made."""

    async def work(two, desk: Desk) -> None:
        found = await two.find(said("News", phase))
        assert found is not None and found.id in desk.open and found.detail == "found"
        assert await two.find(said("News", phase, "run-2/tell/t/all")) is None
        assert (await two.send(said("More", "update", "run-1/more/t/all"))).detail == "updated"

    desk = lost(kind, tmp_path, phase, work, before=before)
    ((_, texts),) = desk.open.items()
    assert [t.splitlines()[0] for t in texts] == [*(["Before"] if before else []), "News", "More"]


def test_a_note_is_found_behind_many_later_ones(tmp_path) -> None:
    """A ticket of a long outage has hundreds of comments; one that has no end is in doubt."""

    async def work(two, desk: Desk) -> None:
        (texts,) = desk.open.values()
        texts += [f"a person says {n}" for n in range(130)]
        assert (await two.find(said("News", "update"))).detail == "found"
        texts += ["and more"] * 1_000
        with pytest.raises(InDoubt, match="more comments than are read"):
            await two.find(said("News", "update"))

    lost("jira", tmp_path, "update", work, before=True)


@KINDS
def test_what_was_never_taken_is_not_found(kind, tmp_path) -> None:
    async def work() -> None:
        desk = Desk()
        vendor = FakeVendor(desk.respond)
        await vendor.start()
        one = channel(kind, vendor.url, tmp_path)
        assert await one.find(said("News", "update")) is None
        await one.send(said("Other", "update", "run-1/other/t/all"))
        assert await one.find(said("News", "update")) is None
        await one.close()
        await vendor.stop()

    asyncio.run(work())


@KINDS
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "<html>log in</html>"),
        Answer(503, b""),
        Answer(401, {}),
        Answer(429, {}, {"Retry-After": "3"}),
        b"",
        Answer(200, {"result": None, "issues": None}),
        Answer(200, {"result": [{"correlation_id": "bcp-continuity"}], "issues": [{}]}),
        Answer(200, {
            "result": [{"correlation_id": "bcp-continuity", "sys_id": "1", "description": ["x"]}],
            "issues": [{"key": "OPS-1", "fields": {"description": {"a": 1}}}],
        }),
        Answer(200, {"result": [{"correlation_id": "bcp-continuity", "sys_id": "1"}], "issues": [{"key": "OPS-1"}]}),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_up_stays_in_doubt(kind, answer, tmp_path) -> None:
    """Never a *no*: that would be a second text."""

    async def work() -> None:
        vendor = FakeVendor(Desk().respond)
        vendor.fault = lambda asked: answer
        await vendor.start()
        one = channel(kind, vendor.url, tmp_path)
        with pytest.raises(InDoubt, match="cannot be asked"):
            await one.find(said("News", "update"))
        await one.close()
        await vendor.stop()

    asyncio.run(work())


@pytest.mark.parametrize(("phase", "severity"), [("investigating", "critical"), ("restored", "info")])
def test_an_alarm_carries_our_key_and_good_news_wakes_nobody(phase, severity, tmp_path) -> None:
    """The same delivery again is merged by PagerDuty; a text of any length fits."""
    got: list[dict[str, Any]] = []

    def respond(asked: Asked) -> Answer:
        got.append(asked.json())
        return Answer(202, {"status": "success", "dedup_key": got[-1]["dedup_key"]})

    async def work() -> None:
        vendor = FakeVendor(respond)
        await vendor.start()
        (tmp_path / "key").write_text("routing-key-0123456789\n")
        given = PagerDutySettings(kind="pagerduty", routing_key=Secret("file:key", tmp_path), api_url=vendor.url)
        one = PagerDuty("p", given)
        for text in ("*Down* " * 400, "*Down* " * 400):
            await one.send(said(text, phase))
        await one.send(said("x", phase, "run-2/tell/p/all"))
        assert [c.state for c in await one.check()] == ["warn"]
        await one.close()
        await vendor.stop()

    asyncio.run(work())
    first, second, third = got
    assert first["dedup_key"] == second["dedup_key"] != third["dedup_key"]
    assert len(first["payload"]["summary"]) <= 1024 and "*" not in first["payload"]["summary"]
    assert first["payload"]["severity"] == severity and first["routing_key"] == "routing-key-0123456789"
