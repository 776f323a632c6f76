"""The console, and the doors without a person, as a browser and a sender meet them: an application in process."""

from __future__ import annotations

import sqlite3
from typing import Any

import pyotp
import pytest
from visits import GOOD, Visit, place

from bcp.incident import questions
from bcp.incident.codes import new_link
from bcp.server.console.pages import STREAMS
from bcp.server.signin.accounts import TRIES

__all__ = ["place"]
PAGES = ("/", "/incidents", "/runs", "/start", "/messages", "/drills", "/ready", "/history", "/audit", "/account")


# -- who may come in -------------------------------------------------------------------------------------------------


def test_without_a_session_every_page_leads_to_the_log_in(place) -> None:
    async def work(v: Visit) -> None:
        for path in PAGES:
            answer = await v.browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        await v.get("/events?part=1", 401)
        await v.post("/incidents", 401, title="x")
        assert "password" in await v.get("/login?next=//evil.test")

    place.visit(work)


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}, {"name": "nobody"}, {"code": ""}])
def test_a_wrong_log_in_says_nothing_of_what_was_wrong(place, wrong) -> None:
    async def work(v: Visit) -> None:
        code = pyotp.TOTP(v.accounts.add("alice", "alice", "admin", GOOD)).now()
        form = {"name": "alice", "password": GOOD, "code": code, **wrong}
        answer = await v.browser.post("/login", data=form)
        assert answer.status_code == 401 and "name, password or code is wrong" in answer.text
        assert "login_wrong" in {e.kind for e in v.house.book.events()}

    place.visit(work)


def test_many_wrong_tries_lock_the_door_and_are_noted(place) -> None:
    async def work(v: Visit) -> None:
        v.accounts.add("alice", "alice", "admin", GOOD)
        statuses = [
            (await v.browser.post("/login", data={"name": "alice", "password": "x", "code": "1"})).status_code
            for _ in range(7)
        ]
        assert statuses[0] == 401 and statuses[-1] == 429
        assert "login_locked" in {e.kind for e in v.house.book.events()}

    place.visit(work)


def test_another_site_neither_logs_in_nor_does_anything(place) -> None:
    async def work(v: Visit) -> None:
        nameless = ({"Origin": "null"}, {"Origin": "file://"}, {"Origin": "data:"})  # a frame in a sandbox says so
        for headers in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, *nameless):
            answer = await v.browser.post("/login", data={"name": "alice"}, headers=headers)
            assert answer.status_code == 403
        await v.log_in()
        for given in ({"headers": {"Origin": "https://evil.test"}}, {"data": {"csrf": "wrong", "title": "x"}}):
            answer = await v.browser.post("/incidents", **{"data": {"csrf": v.csrf, "title": "x"}, **given})
            assert answer.status_code == 403 and "Nothing was done" in answer.text
        assert v.house.book.incidents() == []

    place.visit(work)


def test_a_viewer_looks_and_changes_nothing(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in("bob", "viewer")
        await v.get("/runs")
        assert "needs the role operator" in await v.post("/incidents", 403, title="x")
        assert "needs the role approver" in await v.post("/questions/q-1/answer", 403, answer="yes")

    place.visit(work)


def test_who_leaves_is_out(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        assert (await v.browser.get("/login")).headers["location"] == "/"
        assert await v.post("/logout") == "/login"
        assert (await v.browser.get("/runs")).status_code == 303

    place.visit(work)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"x" * 300_000, b"&".join(b"a=1" for _ in range(600))])
def test_a_form_that_is_none_is_said(place, body) -> None:
    async def work(v: Visit) -> None:
        answer = await v.browser.post("/login", content=body)
        assert answer.status_code in {400, 413}

    place.visit(work)


def test_passkeys_that_do_not_fit_are_wrong_tries(place) -> None:
    async def work(v: Visit) -> None:
        assert (await v.browser.post("/login/passkey/begin")).status_code == 200
        for body in ({}, {"credential": {"rawId": "AAAA"}}, {"credential": 7}, []):
            answer = await v.browser.post("/login/passkey/finish", json=body)
            assert answer.status_code == 401 and answer.json()["error"]
        assert (await v.browser.post("/account/passkey/begin", json={"csrf": "x"})).status_code == 403
        await v.log_in()
        assert (await v.browser.post("/account/passkey/begin", json=[])).status_code == 400
        assert (await v.browser.post("/account/passkey/finish", json={"csrf": v.csrf})).status_code == 400
        begun = await v.browser.post("/account/passkey/begin", json={"csrf": v.csrf})
        assert begun.json()["challenge"]
        answer = await v.browser.post("/account/passkey/finish", json={"csrf": v.csrf, "credential": {}})
        assert answer.status_code == 400 and v.accounts.passkeys("alice") == []
        assert "no passkey" in await v.post("/account/passkey/remove", 400, id="zz")
        await v.post("/account/passkey/remove", id="00")

    place.visit(work)


def test_without_an_identity_provider_there_is_no_sign_in_by_it(place) -> None:
    async def work(v: Visit) -> None:
        await v.get("/login/oidc", 503)
        await v.get("/login/oidc/return?state=x&code=y", 400)

    place.visit(work)


# -- pages -----------------------------------------------------------------------------------------------------------


def test_every_page_is_one_before_anything_happened(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        for path in PAGES:
            assert "Corp" in await v.get(path)

    place.visit(work)


def test_readiness_says_how_long_an_outage_would_last(place) -> None:
    """From the peacetime TTL, where the host does not answer."""

    async def work(v: Visit) -> None:
        await v.log_in()
        text = await v.get("/drills")
        assert "forecast" in text and "The first mail would be at the relay" in text and "95 %" in text

    place.visit(work)


def test_a_run_that_holds_is_shown_with_its_plan_and_what_ending_it_would_do(place) -> None:
    run = place.house.holding()

    async def work(v: Visit) -> None:
        await v.log_in()
        for path in (f"/runs/{run}", f"/runs/{run}?part=1", f"/runs/{run}/plan", f"/runs/{run}/abort", "/"):
            assert "corp.test" in await v.get(path) or "mx" in await v.get(path)
        assert "no report" in await v.get(f"/runs/{run}/report", 404)
        for path in ("/runs/run-none", "/plans/none", "/incidents/inc-none", "/runs/run-none/abort"):
            await v.get(path, 404)

    place.visit(work)


def test_an_incident_is_shown_with_its_questions(place) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[place.house.gate()])

    async def work(v: Visit) -> None:
        asked = v.question(found.id)
        await v.log_in()
        assert found.id in await v.get("/incidents")
        assert await v.get(f"/incidents/{found.id}")
        for path in ("/", "/runs/run-gate", f"/incidents/{found.id}?part=1"):
            assert asked.id in await v.get(path)
        assert "answer yes or no" in await v.post(f"/questions/{asked.id}/answer", 400)
        await v.post(f"/questions/{asked.id}/answer", 409, answer="yes", checksum="b" * 64)
        await v.post("/questions/q-none/answer", 404, answer="yes")

    place.visit(work)
    assert place.house.signals("run-gate") == []


# -- deeds -----------------------------------------------------------------------------------------------------------


def test_a_person_declares_closes_and_opens_again(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        assert "say what is wrong" in await v.post("/incidents", 400, title=" ")
        await v.post("/incidents", 400, title="x", classes="Z")
        path = (await v.post("/incidents", title="no mail", classes="b")).partition("?")[0]
        await v.post(f"{path}/close", 400)
        await v.post(f"{path}/close", reason="it works")
        assert v.house.book.incidents()[0].state == "closed"
        await v.post(f"{path}/reopen", reason="it does not")
        assert v.house.book.incidents()[0].state != "closed"

    place.visit(work)


def test_what_cannot_be_done_is_a_page_that_says_why(place) -> None:
    run = place.house.run("done", events=[("run_finished", "", {"status": "done"})])

    async def work(v: Visit) -> None:
        await v.log_in()
        await v.post("/plans", 404, playbook="no-such")
        await v.post("/plans", 400, playbook="exchange-inbound-outage", inputs="no sign")
        await v.post("/plans/none/run", 404)
        await v.post(f"/runs/{run}/settle", 400)
        await v.post(f"/runs/{run}/settle", 404, happened="yes", what="mx")
        await v.post(f"/runs/{run}/resume", 409)
        assert "playbook" in await v.post(f"/runs/{run}/failback", 404)  # its way back is not there
        await v.post(f"/runs/{run}/abort", 409, reason="x")
        await v.post("/messages/send", 404, message="no-such", audience="staff")
        await v.post("/messages/stop", 404)
        await v.post(f"/runs/{run}/acknowledge")

    place.visit(work)


def test_another_password_needs_the_present_one_and_ends_the_session(place) -> None:
    async def work(v: Visit) -> None:
        await v.log_in()
        await v.post("/account/password", 409, old="wrong", new="another horse battery")
        await v.post("/account/password", 400, old=GOOD, new="short")
        assert await v.post("/account/password", old=GOOD, new="another horse battery") == "/login"
        assert (await v.browser.get("/runs")).status_code == 303
        assert v.accounts.password_is("alice", "another horse battery")

    place.visit(work)


# -- links in messages -----------------------------------------------------------------------------------------------


def test_a_link_that_is_not_ours_does_not_work_and_many_of_them_close_the_door(place) -> None:
    async def work(v: Visit) -> None:
        for _ in range(20):
            await v.get("/a/forged", 404)
        await v.get("/a/forged", 429)

    place.visit(work)


def test_a_link_shows_the_question_and_a_press_of_its_button_answers(place) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[place.house.gate()])

    async def work(v: Visit) -> None:
        asked = v.question(found.id)
        token = new_link(v.daemon.key, asked.id, "alice", asked.checksum)
        with v.house.book:
            assert questions.claim(v.house.book, asked, "alice", "sms", 0, yes="", no="", link=token, key=v.daemon.key)
        assert 'name="answer" value="yes"' in await v.get(f"/a/{token}")
        await v.post(f"/a/{token}", 400, answer="perhaps")
        answer = await v.browser.post(f"/a/{token}", data={"answer": "yes"}, headers={"Origin": "https://evil.test"})
        assert answer.status_code == 400
        assert "Your yes is noted, alice" in await v.post(f"/a/{token}", 200, answer="yes")

    place.visit(work)
    assert [s.kind for s in place.house.signals("run-gate")] == ["approve"]


# -- doors without a person ------------------------------------------------------------------------------------------


def test_life_readiness_and_numbers(place) -> None:
    async def work(v: Visit) -> None:
        assert await v.get("/healthz") == "ok\n"
        assert "watch" in await v.get("/readyz", 503)  # nothing loops here
        assert "bcp_incident_open 0" in await v.get("/metrics")
        answer = await v.browser.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
        assert answer.status_code == 401

        def broken(book: Any) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        v.daemon.writer._book.pulse = lambda: broken(None)
        assert "not ready" in await v.get("/readyz", 503)

    place.visit(work)


def test_a_hook_needs_its_secret_and_opens_an_incident(place) -> None:
    alert = {
        "version": "4", "groupKey": "g", "status": "firing", "receiver": "r",
        "alerts": [{"status": "firing", "labels": {"alertname": "x", "service": "exchange-online"}, "annotations": {},
                    "startsAt": "2026-01-22T17:45:00Z", "fingerprint": "f1"}],
    }  # fmt: skip

    async def work(v: Visit) -> None:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
            answer = await v.browser.post("/hooks/am", json=alert, headers=headers)
            assert answer.status_code == 401
        right = {"Authorization": "Bearer a-bearer-of-monitoring"}
        assert (await v.browser.post("/hooks/none", json=alert, headers=right)).status_code in {401, 404}
        assert (await v.browser.post("/hooks/am", content=b"no json", headers=right)).status_code in {400, 422}
        answer = await v.browser.post("/hooks/am", json=alert, headers=right)
        assert answer.status_code in {200, 202}, answer.text
        assert [i.state for i in v.house.book.incidents()] == ["opened"]
        again = await v.browser.post("/hooks/am", json=alert, headers=right)
        assert again.status_code in {200, 202} and len(v.house.book.incidents()) == 1

    place.visit(work)


@pytest.mark.parametrize(("body", "status"), [(b"no batch", {401, 422}), (b"\xff", {422}), (b"{}", {401, 422})])
def test_observations_of_nobody_are_not_taken(place, body, status) -> None:
    async def work(v: Visit) -> None:
        assert (await v.browser.post("/observations", content=body)).status_code in status

    place.visit(work)


def test_vendors_that_are_not_configured_are_not_believed(place) -> None:
    async def work(v: Visit) -> None:
        for path in ("/twilio/sms", "/twilio/keys", "/twilio/gather/x", "/twilio/status", "/slack/interactive"):
            answer = await v.browser.post(path, data={"From": "+12025550101", "Body": "1"})
            assert answer.status_code in {401, 403, 404}, (path, answer.status_code)
        await v.get("/status", 404)
        await v.get("/status/other.html", 404)

    place.visit(work)


def test_a_page_says_what_was_done_and_never_what_a_link_says(place) -> None:
    """Words of ours come with a seal for this session; any others are not shown, whatever they claim."""
    words = "Call +49 30 666 at once and read out your code."

    async def work(v: Visit) -> None:
        await v.log_in()
        told = await v.post("/incidents", title="no mail", classes="b")
        assert "The outage is declared." in await v.get(told)
        assert "The outage is declared." not in await v.get(told.partition("&seal=")[0])
        seal = told.partition("&seal=")[2]
        for forged in (f"/?done={words}", f"/?done={words}&seal={seal}", f"/?done={words}&seal=\u00e4&seal="):
            assert "Call +49" not in await v.get(forged)
        await v.post("/logout")
        await v.log_in("bob", "operator")
        assert "The outage is declared." not in await v.get(told), "a link of another session"

    place.visit(work)


def test_a_flood_of_log_ins_does_not_fill_the_evidence(place) -> None:
    """Who is locked out is counted, and noted so many times."""

    async def work(v: Visit) -> None:
        v.accounts.add("alice", "alice", "admin", GOOD)
        for _ in range(TRIES):
            v.accounts.was_wrong("alice", "127.0.0.1")
        for _ in range(30):
            answer = await v.browser.post("/login", data={"name": "alice", "password": "x", "code": "1"})
            assert answer.status_code == 429
        assert len([e for e in v.house.book.events() if e.kind == "login_locked"]) == 20

    place.visit(work)


def test_pages_that_listen_are_bounded_for_each_person(place) -> None:
    """Each holds a connection: one who is logged in cannot take them all."""

    async def work(v: Visit) -> None:
        await v.log_in()
        site = v.browser._transport.app.state.site
        site.listening.update({"alice": STREAMS, "bob": STREAMS})
        assert "too many" in await v.get("/events", 429)
        site.listening["alice"] -= 1
        v.daemon.hub.closing = True  # so that the stream ends at once
        assert "retry" in await v.get("/events")
        assert site.listening["alice"] == STREAMS - 1

    place.visit(work)


def test_a_client_that_goes_away_is_no_fault_of_ours(place, caplog) -> None:
    """Nobody's half of a body fills the log with tracebacks."""

    async def work(v: Visit) -> None:
        app, asked = v.browser._transport.app, iter([{"type": "http.request", "body": b"{", "more_body": True}])

        async def receive():
            return next(asked, {"type": "http.disconnect"})

        async def send(message):
            assert message.get("status", 408) == 408

        scope = {
            "type": "http", "method": "POST", "path": "/hooks/am", "raw_path": b"/hooks/am", "query_string": b"",
            "headers": [(b"content-type", b"application/json")], "client": ("192.0.2.1", 1), "server": ("x", 80),
            "scheme": "http", "root_path": "", "http_version": "1.1",
        }  # fmt: skip
        await app(scope, receive, send)
        assert "Traceback" not in caplog.text and "unexpected" not in caplog.text

    place.visit(work)
