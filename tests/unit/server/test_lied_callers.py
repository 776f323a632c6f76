"""Vendors' calls that lie: repeated, out of order, cut, huge, in other scripts. Each is an outcome; no yes is lost
without a word, and none is taken that nobody gave."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator
from unit.server.visits import Place, Visit

from bcp.incident import questions
from bcp.incident.model import Question
from bcp.pages.words import words
from bcp.store.files.optouts import read_optouts

KEY = "k" * 40
MORE = """\
serve:
  public_url: "https://bcp.test"
  twilio: {auth_token: "file:shared.key"}
  slack: {signing_secret: "file:shared.key"}
"""
CONTACTS = """\
id,name,email,phone,slack,language,groups
alice,Alice,alice@corp.test,+12025550101,U1,de,staff;oncall
bob,Bob,bob@corp.test,+12025550102,,en,staff;oncall
carol,Carol,carol@corp.test,+12025550101,,en,staff
nobody,Nobody,nobody@corp.test,,,en,staff
"""
ALICE, BOB = "+12025550101", "+12025550102"
YES, NO = "111111", "222222"
FORM = "application/x-www-form-urlencoded"
EN, DE = words("en"), words("de")


class Stage:
    """A visit in which a run waits for Alice, Bob or Carol, who have their numbers."""

    def __init__(self, v: Visit) -> None:
        self.v, self.count = v, 0
        found, _ = v.house.book.open("exchange-online", "no mail", "auto", "watch")
        self.asked = self.ask(found.id)

    def ask(self, incident: str, run: str = "run-gate", codes: str = YES, more: str = "") -> Question:
        now = self.v.house.app.clock.now()
        made, _ = questions.ask(
            self.v.house.book, incident=incident, run=run, step="gate", checksum="a" * 64, opened=now - 10,
            deadline=now + 600, count=1, groups=[["alice", "bob", "carol", "nobody"]],
        )  # fmt: skip
        for n, person in enumerate(("alice", "bob", "carol", "nobody")):
            assert questions.claim(
                self.v.house.book, made, person, f"sms{more}", 0, yes=f"{n or codes[0]}{codes[1:]}", no=f"{n}22222",
                link="", key=self.v.daemon.key,
            )  # fmt: skip
        return made

    async def twilio(self, what: str, *, sign: bool = True, **fields: str) -> tuple[int, str]:
        mark = RequestValidator(KEY).compute_signature(f"https://bcp.test/twilio/{what}", fields) if sign else "x"
        return await self.post(f"/twilio/{what}", urlencode(fields).encode(), {"X-Twilio-Signature": mark})

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        answer = await self.v.browser.post(path, content=body, headers={"Content-Type": FORM, **headers})
        return answer.status_code, answer.text

    async def text(self, body: str, sender: str = ALICE, sid: str = "") -> str:
        """What is said to whoever sent this."""
        self.count += not sid
        status, said = await self.twilio("sms", From=sender, Body=body, MessageSid=sid or f"SM{self.count}")
        assert status == 200
        return said.partition("<Message>")[2].partition("</Message>")[0]

    def answers(self, asked: Question | None = None) -> dict[str, bool]:
        return {a.by: a.yes for a in questions.answers_of(self.v.house.book, asked or self.asked)}

    def said(self, kind: str) -> list[str]:
        return [e.actor for e in self.v.house.book.events() if e.kind == kind]

    def tries(self, person: str = "alice") -> int:
        return self.v.house.book.wrong_tries(self.asked.id, person)


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Plays on such a stage."""
    place = Place(tmp_path)
    config = tmp_path / "bcp.yaml"
    config.write_text(config.read_text().partition("serve:")[0] + MORE)
    (tmp_path / "shared.key").write_text(KEY)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    for run in ("run-gate", "run-two"):
        place.house.run(run, events=[place.house.gate()])

    def play(work) -> None:
        async def visit(v: Visit) -> None:
            await work(Stage(v))

        place.visit(visit)

    return play


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["111111", " 111 111 ", "111-111", "111\N{NO-BREAK SPACE}111", "111\N{EN DASH}111", "١١١١١١", "１１１１１１",
     "१११११١",
     "1\ufe0f\u20e3" * 6, "Ja bitte: 111111!", "JA, 111111 – danke", "111111 \N{GRINNING FACE}"],
)  # fmt: skip
def test_a_yes_is_a_yes_however_a_phone_writes_it(on, body) -> None:
    async def work(s: Stage) -> None:
        assert "Ja von alice" in await s.text(body)
        assert s.answers() == {"alice": True} and s.tries() == 0

    on(work)


def test_what_is_no_answer_is_said_to_whoever_may_believe_it_was_one(on) -> None:
    """Once a question: an answering machine at the other end gets no second word."""

    async def work(s: Stage) -> None:
        assert await s.text("YES please") == DE("reply.number-wanted")
        assert await s.text("JA bitte") == "" and await s.text("Bin im Urlaub") == ""
        assert await s.text("Yes!", BOB) == EN("reply.number-wanted")
        assert await s.text("1") == "" and await s.text("(2) ok", BOB) == ""  # of a message that asks for a digit
        assert await s.text("YES", "+15550000000") == "" and s.answers() == {}

    on(work)


def test_our_own_words_quoted_back_are_no_answer_and_are_said_to_be_none(on) -> None:
    async def work(s: Stage) -> None:
        quoted = f"> {YES} = ja, 022222 = nein. Mit der Zahl antworten bis 03:15 ({ALICE})."
        assert await s.text(f"{quoted} ja") == DE("reply.both-numbers")
        assert s.answers() == {} and s.tries() == 0
        assert "Ja von alice" in await s.text(YES)

    on(work)


def test_a_wrong_number_is_said_to_be_wrong_until_it_locks(on) -> None:
    async def work(s: Stage) -> None:
        said = [await s.text(f"99999{n}") for n in range(7)]
        assert said == [DE("reply.wrong-number")] * 4 + [DE("ask.no-count.locked"), "", ""]
        assert await s.text(YES) == DE("ask.no-count.locked") and s.answers() == {}

    on(work)


def test_a_text_that_is_delivered_again_is_one_text_by_whatever_way_it_comes(on) -> None:
    """Its number is tried once, also where the vendor's list shows it, too."""

    async def work(s: Stage) -> None:
        for _ in range(3):
            await s.text("999999", sid="SM9")
        message = questions_inbound("999999", s.v.daemon.clock.now(), "SM9")
        assert await s.v.daemon.hearer.text("sms", message) == "" and s.tries() == 1
        assert "Ja von alice" in await s.text(YES, sid="SM8")
        assert await s.text(YES, sid="SM8") == "" and s.answers() == {"alice": True}
        await s.text(YES, sid="SM7")
        assert s.answers() == {"alice": True} and len(s.said("answered")) == 1

    on(work)


def questions_inbound(body: str, at: float, sid: str):
    from bcp.contracts.channel import Inbound

    return Inbound(ALICE, body, at, sid)


def test_two_questions_answered_in_one_text_are_both_answered(on) -> None:
    async def work(s: Stage) -> None:
        two = s.ask(s.asked.incident, "run-two", "511111", "2")
        said = await s.text(f"{YES} 511111")
        assert said.count("Ja von alice") == 2 and s.answers() == s.answers(two) == {"alice": True}

    on(work)


def test_one_text_from_a_phone_that_two_share_is_one_persons_answer(on) -> None:
    """Carol's number and Alice's, from their phone."""

    async def work(s: Stage) -> None:
        said = await s.text(f"{YES} 211111")
        assert said.count("Ja von") == 1 and s.answers() == {"alice": True}

    on(work)


def test_a_text_without_a_sender_is_nobodys(on) -> None:
    """A contact without a number is not whoever has none."""

    async def work(s: Stage) -> None:
        status, _ = await s.twilio("sms", Body="311111", MessageSid="SM1")
        assert status == 200 and s.answers() == {}
        for fields in ({}, {"From": ALICE}, {"Body": YES}, {"From": "", "Body": "STOP"}):
            assert (await s.twilio("sms", **fields))[0] == 200
        assert s.answers() == {} and read_optouts(s.v.daemon.state) == frozenset()

    on(work)


def test_a_stop_that_comes_again_after_the_start_leaves_them_in(on) -> None:
    async def work(s: Stage) -> None:
        await s.text("STOP", sid="SM1")
        assert read_optouts(s.v.daemon.state) == {ALICE}
        await s.text("START", sid="SM2")
        await s.text("STOP", sid="SM1")
        assert read_optouts(s.v.daemon.state) == frozenset()
        await s.text("STOP", sid="SM3")
        assert await s.text("YES", sid="SM4") == "" and read_optouts(s.v.daemon.state) == frozenset()  # returns

    on(work)


# -- shapes ------------------------------------------------------------------------------------------------------------


def test_calls_of_another_shape_are_an_outcome(on) -> None:
    async def shape(s: Stage, what: str) -> None:
        path = f"/twilio/{what}"
        fields = {f"f{n}": "1" for n in range(10_000)}
        for body in (
            b"",
            b"\xff\xfe\xfd",
            urlencode(fields).encode(),
            b"=" * 5000,
            b"x" * 99_999,
            b"Body=%FC%00&From=%",
        ):
            for headers in ({}, {"X-Twilio-Signature": "x"}, {"X-Twilio-Signature": "ä"}):
                made = {k: v.encode("latin-1") for k, v in headers.items()}
                status, _ = await s.post(path, body, made)
                assert status in {401, 404, 422}, (body[:20], status)
        assert (await s.post(path, b"x" * 100_001, {}))[0] == 413
        assert (await s.post(path, b"{}", {"Content-Type": "application/json"}))[0] == 415
        for given in (
            {},
            {"Digits": "１"},
            {"Digits": "11"},
            {"To": ALICE},
            {"MessageSid": "SM1", "MessageStatus": "é"},
        ):
            assert (await s.twilio(what, **given))[0] in {200, 204, 404}, given
        assert (await s.twilio(what, sign=False, From=ALICE, Body=YES))[0] == 401
        assert s.answers() == {}

    async def work(s: Stage) -> None:
        for what in ["sms", "keys", "status", "gather/AAAA", "other", "sms/x", ""]:
            await shape(s, what)

    on(work)


def test_reports_of_strangers_messages_and_in_any_order_change_nothing_that_is_known(on) -> None:
    async def work(s: Stage) -> None:
        for status in ("delivered", "sent", "queued", "delivered"):
            assert (await s.twilio("status", MessageSid="SM1", MessageStatus=status, AccountSid="ACother"))[0] == 204
        found = s.v.house.book.db.execute("select status from receipt where id = 'SM1'").fetchall()
        assert [tuple(r) for r in found] == [("delivered",)]

    on(work)


# -- buttons -----------------------------------------------------------------------------------------------------------


def press(value: str, user: str = "U1") -> dict:
    return {"type": "block_actions", "user": {"id": user}, "actions": [{"value": value}]}


async def slack(s: Stage, body: bytes, *, age: float = 0.0, moment: str = "", key: str = KEY) -> tuple[int, str]:
    at = moment or str(int(time.time() - age))
    mark = "v0=" + hmac.new(key.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    return await s.post("/slack/interactive", body, {"X-Slack-Signature": mark, "X-Slack-Request-Timestamp": at})


def payload(value: object) -> bytes:
    return urlencode({"payload": json.dumps(value)}).encode()


def test_a_button_counts_once_and_only_while_its_time_is_fresh(on) -> None:
    async def work(s: Stage) -> None:
        yes = payload(press(f"{s.asked.id}:yes"))
        for odd in (
            {"age": 301},
            {"age": -301},
            {"moment": "9" * 400},
            {"moment": "1e9"},
            {"moment": "-1"},
            {"key": "x"},
        ):
            assert (await slack(s, yes, **odd))[0] == 401, odd
        assert s.answers() == {}
        first, again = await slack(s, yes), await slack(s, yes)
        assert first[0] == again[0] == 200 and "Ja von alice" in first[1]
        assert s.answers() == {"alice": True} and len(s.said("answered")) == 1

    on(work)


ODD = [None, 1, "x", [], {}, {"type": "block_actions"}, {"type": "view_submission"}, press(""), press("yes"),
     press(":yes"),
     press("q-none:yes"), press("\ud800:yes"), press("q:yes", ""), press("q:yes", "U999"), press("q:yes", "\ud800"),
     {**press("q:yes"), "user": []}, {**press("q:yes"), "actions": {}}, {**press("q:yes"), "actions": [1]}]  # fmt: skip


def test_buttons_of_another_shape_are_an_outcome(on) -> None:
    async def work(s: Stage) -> None:
        for value in ODD:
            assert (await slack(s, payload(value)))[0] == 200 and s.answers() == {}, value

    on(work)


def test_bodies_without_a_payload_are_an_outcome(on) -> None:
    async def work(s: Stage) -> None:
        for body in (b"", b"payload=", b"payload=%FF", b"\xff", b"payload=" + b"[" * 5000, b"a=1&" * 10_000):
            assert (await slack(s, body))[0] == 422, body[:20]

    on(work)
