"""Questions: noticed, put to people turn by turn, ended with a code. The book, the gate's rules and time are real."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import SERVICE, Core, Speaker, playbook

from bcp.contracts.journal import Event
from bcp.contracts.store import RunCard
from bcp.incident import questions
from bcp.incident.codes import codes_in
from bcp.kernel.errors import StorageError
from bcp.server.parts import ask as module
from bcp.server.parts import matter as about
from bcp.server.parts.ask import APPROVED, NO_ANSWER, Asker
from bcp.server.parts.matter import choices_of, forecast_of

NAME = "exchange-inbound-outage"
CHECKSUM = "c" * 64
START = 1_800_000_000.0


class Channel:
    """A way to people."""

    def __init__(self, name: str, form: str, broadcast: bool = False) -> None:
        self.name, self.form, self.broadcast = name, form, broadcast

    def address_of(self, person: Any) -> str:
        """Of one person."""
        return person.phone

    def place(self) -> str:
        """Of everybody."""
        return "#oncall"


SMS, CHAT, PLACE = Channel("twilio", "sms"), Channel("direct", "chat"), Channel("slack", "chat", broadcast=True)


class Runs:
    """Remembers what was started, and lasts until it is told to end."""

    def __init__(self) -> None:
        self.went: list[Any] = []
        self.end = asyncio.Event()

    async def go(self, incident, loaded, *, plan=None, parent="", **more) -> None:
        """One run."""
        self.went.append(plan)
        await self.end.wait()


def view(*, gate: dict | None = None, status: str = "pending", events=(), live: bool = True, **plan: Any) -> Any:
    """A run with one gate."""
    step = SimpleNamespace(id="approve", gate=gate or {}, status=status, error="")
    state = SimpleNamespace(steps={"approve": step}, approvals=[{"step": "approve", "by": "alice"}], status="waiting")
    about = {
        "playbook": NAME,
        "checksum": CHECKSUM,
        "kind": "real",
        "steps": [],
        "initiator": "carol",
        "configuration": "here",
    }
    return SimpleNamespace(
        id="run-1", state=state, live=live, status=lambda: "waiting", record=SimpleNamespace(events=events),
        plan={**about, "playbook_text": playbook(NAME).document.text, **plan},
    )  # fmt: skip


def opened(deadline: float = START + 600.0, **more: Any) -> dict[str, Any]:
    """An open gate."""
    return {
        "opened": START,
        "deadline": deadline,
        "count": 1,
        "approvers": ["alice", "bob"],
        "checksum": CHECKSUM,
        **more,
    }


def closed(result: str, rule: str = "", at: float = START + 5.0) -> Event:
    """How a gate ended."""
    return Event(9, at, "gate_closed", "approve", "", {"result": result, "rule": rule})


class World:
    """An asker among fakes, in a loop of its own."""

    def __init__(self, folder, *channels: Channel, **serve: Any) -> None:
        self.core, self.speaker = Core(folder, **serve), Speaker()
        self.speaker.by = list(channels)
        self.core.app.world.channels = {c.name: c for c in channels}
        self.incident = self.core.book.open(SERVICE, "t", "ask", "watch")[0].id
        self.runs = Runs()
        self.asker = Asker(self.core, self.speaker, self.runs)

    def gate(self, found: Any, **card: Any) -> None:
        """A run that waits at its gate."""
        self.core.running.views["run-1"] = found
        self.core.running.all = [
            RunCard("run-1", "waiting", gate=bool(found.state.steps["approve"].gate), seq=card.pop("seq", 1), **card)
        ]

    async def round(self) -> None:
        """What the loop does once."""
        await self.asker._notice_gates()
        for question in questions.open_questions(self.core.book):
            await self.asker._tend(question)
        await self.asker.asked()
        await asyncio.sleep(0)

    def question(self, state: str = "") -> Any:
        """The only one."""
        (row,) = self.core.book.db.execute("select id from question").fetchall()
        return questions.question(self.core.book, row[0])


def going(work) -> None:
    """Run it."""
    asyncio.run(work())


# -- noticing --------------------------------------------------------------------------------------------------------


def test_a_gate_becomes_one_question_to_its_approvers(tmp_path) -> None:
    """With the gate's own deadline, count and checksum; asked about once, however often it is looked at."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened(count=2)))
        for _ in range(3):
            await w.round()
        q = w.question()
        assert (q.run, q.step, q.checksum, q.opened, q.deadline, q.count) == (
            "run-1",
            "approve",
            CHECKSUM,
            START,
            START + 600.0,
            2,
        )
        assert q.people == {"alice", "bob"} and w.core.kinds("question") == ["question"]

    going(run)


def test_a_gate_that_asks_about_another_consequence_binds_to_that_one(tmp_path) -> None:
    """An undo that moves mail has a checksum of its own."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened(checksum="d" * 64)))
        await w.round()
        assert w.question().checksum == "d" * 64

    going(run)


@pytest.mark.parametrize(
    ("kind", "configuration", "live", "asked"),
    [
        ("real", "elsewhere", True, 1),
        ("drill", "here", True, 1),
        ("drill", "elsewhere", True, 0),
        ("real", "here", False, 0),
    ],
)
def test_whose_gates_are_asked_about(tmp_path, kind, configuration, live, asked) -> None:
    """Every live run here; of drills only ours: the lab's approvers are nobody's phones."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened(), kind=kind, configuration=configuration, live=live))
        await w.round()
        assert len(w.core.kinds("question")) == asked

    going(run)


def test_a_run_of_ours_waits_for_its_incident_and_is_not_forgotten(tmp_path) -> None:
    """It is being written down this moment; the next look finds it."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened(), initiator="bcp-serve"))
        await w.round()
        assert w.core.kinds("question") == []
        w.core.book.change(w.incident, "run_started", fields={"runs": ("run-1",)})
        await w.round()
        assert w.question().incident == w.incident

    going(run)


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path) -> None:
    """It is looked at again."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened()))
        whole = w.core.running.runs.view
        torn = RunCard("run-0", "waiting", gate=True)
        w.core.running.all.append(torn)

        def read(run_id: str, effects: bool = False) -> Any:
            if run_id == "run-0":
                raise StorageError("torn")
            return whole(run_id)

        w.core.running.runs.view = read
        await w.round()
        assert len(w.core.kinds("question")) == 1

    going(run)


def test_two_gates_of_one_step_are_two_questions(tmp_path) -> None:
    """A gate that is opened again asks again."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened()))
        await w.round()
        w.gate(view(gate=opened(opened=START + 50.0)), seq=2)
        w.core.clock.wall = START + 60.0
        await w.round()
        assert len(w.core.kinds("question")) == 2

    going(run)


# -- how gates end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "status", "rule", "words"),
    [
        ([closed("approved")], "ok", APPROVED, "approved by alice"),
        ([closed("rejected by bob", "rejected")], "failed", "rejected", "rejected by bob"),
        ([closed("no answer in time: 0 of 1 approvals", NO_ANSWER)], "failed", NO_ANSWER, "no answer in time"),
        ([closed("something of before there were codes")], "failed", "gate-closed", "something"),
        ([closed("approved", at=START - 50.0)], "failed", "run-over", "waiting"),
        ([], "failed", "run-over", "waiting"),
    ],
)
def test_how_a_gate_ended_is_a_code(tmp_path, events, status, rule, words) -> None:
    """The words are for people; the code is what others decide by. Those who were asked hear of an end without a
    run."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        w.gate(view(gate=opened()))
        await w.round()
        w.gate(view(status=status, events=events), seq=2)
        await w.round()
        await w.core.settle()
        q, said = w.question(), w.core.last("question_closed")
        assert (q.state, said["rule"]) == ("closed", rule) and words in q.result
        told = [s for s in w.speaker.sent if s[2] == "question-closed"]
        assert len(told) == (0 if rule == APPROVED else 2)

    going(run)


def test_a_gate_of_a_dead_run_ends_when_its_time_is_over(tmp_path) -> None:
    """Not before: somebody may resume it. A run that is gone ends its question at once."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened()))
        await w.round()
        w.gate(view(gate=opened(), live=False))
        await w.round()
        assert w.question().state == "open"
        w.core.clock.wall = START + 601.0
        await w.round()
        assert w.core.last("question_closed")["rule"] == NO_ANSWER

    going(run)


# -- plans that wait for a yes ---------------------------------------------------------------------------------------


def planned(w: World, monkeypatch, checksum: str = CHECKSUM) -> Any:
    """A plan that is asked about."""
    made = SimpleNamespace(
        id="p1", checksum=checksum, playbook=NAME, playbook_text=playbook(NAME).document.text, playbook_file="x.yaml",
        parent="", kind="real", steps=(),
    )  # fmt: skip
    for place in (module, about):
        monkeypatch.setattr(place, "read_plan", lambda path: made)
    asked, _ = questions.ask(
        w.core.book, incident=w.incident, run="", step="plan:p1", checksum=CHECKSUM, opened=START,
        deadline=START + 600.0,
        count=1, groups=[["alice", "bob"]],
    )  # fmt: skip
    return asked


def test_a_yes_is_kept_until_its_run_has_begun(tmp_path, monkeypatch) -> None:
    """Started once; a daemon that was killed in between starts it after its restart; then the question is closed."""

    async def run() -> None:
        w = World(tmp_path)
        asked = planned(w, monkeypatch)
        questions.record(w.core.book, asked, "alice", yes=True, how="link")
        await w.round()
        await w.round()
        assert len(w.runs.went) == 1 and w.question().state == "open"
        again = Asker(w.core, w.speaker, w.runs)  # killed, and there again
        w.asker = again
        w.core.clock.wall = START + 700.0
        await w.round()
        assert len(w.runs.went) == 2 and w.question().state == "open"
        w.core.running.all = [RunCard("run-9", "running", checksum=CHECKSUM)]
        await w.round()
        assert w.core.last("question_closed")["rule"] == APPROVED and w.question().result == "approved by alice"
        assert w.speaker.sent == []
        w.runs.end.set()
        await w.core.settle()

    going(run)


def test_a_yes_whose_run_is_refused_is_said(tmp_path, monkeypatch) -> None:
    """It never vanishes without a word."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        asked = planned(w, monkeypatch)
        await w.round()
        questions.record(w.core.book, asked, "bob", yes=True, how="link")
        w.runs.end.set()
        await w.round()
        await w.core.settle()
        await w.round()
        await w.core.settle()
        assert w.core.last("question_closed")["rule"] == "refused"
        assert [s[2] for s in w.speaker.sent].count("question-closed") == 2

    going(run)


@pytest.mark.parametrize(
    ("answers", "wait", "rule"),
    [([("alice", False)], 0.0, "rejected"), ([], 601.0, NO_ANSWER), ([("mallory", True)], 601.0, NO_ANSWER)],
)
def test_a_plan_that_is_not_approved_is_not_started(tmp_path, monkeypatch, answers, wait, rule) -> None:
    """The gate's own rules decide."""

    async def run() -> None:
        w = World(tmp_path)
        asked = planned(w, monkeypatch)
        for who, yes in answers:
            questions.record(w.core.book, asked, who, yes=yes, how="link")
        w.core.clock.wall += wait
        await w.round()
        await w.core.settle()
        assert w.runs.went == [] and w.core.last("question_closed")["rule"] == rule

    going(run)


def test_a_plan_file_that_was_changed_is_not_started(tmp_path, monkeypatch) -> None:
    """They said yes to another one."""

    async def run() -> None:
        w = World(tmp_path)
        asked = planned(w, monkeypatch, checksum="f" * 64)
        questions.record(w.core.book, asked, "alice", yes=True, how="link")
        await w.round()
        await w.core.settle()
        assert w.runs.went == [] and w.core.last("question_closed")["rule"] == "plan-changed"

    going(run)


@pytest.mark.parametrize("left", [None, b"{", b"{}", b"\xff"], ids=["gone", "torn", "empty", "no-text"])
def test_a_plan_file_that_cannot_be_read_ends_its_own_question_alone(tmp_path, left) -> None:
    """Whoever said yes hears of it; the next question is put all the same."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        for name, opened_at in (("p1", START), ("p2", START + 1.0)):
            questions.ask(
                w.core.book, incident=w.incident, run="", step=f"plan:{name}", checksum=CHECKSUM, opened=opened_at,
                deadline=START + 600.0, count=1, groups=[["alice", "bob"]],
            )  # fmt: skip
        if left is not None:
            (tmp_path / "plans").mkdir()
            (tmp_path / "plans" / "p1.json").write_bytes(left)
        first = next(q for q in questions.open_questions(w.core.book) if q.step == "plan:p1")
        questions.claim(w.core.book, first, "bob", SMS.name, 0, yes="11", no="12", link="", key=w.core.key)
        questions.settle(w.core.book, first, "bob", SMS.name, 0, "sent", "receipt")
        questions.record(w.core.book, first, "alice", yes=True, how="link")
        await w.round()
        await w.core.settle()
        assert w.runs.went == [] and "cannot be read" in w.core.last("question_closed")["result"]
        assert left is not None or w.core.last("question_closed")["rule"] == "plan-unreadable"
        assert [q.step for q in questions.open_questions(w.core.book)] == ["plan:p2"]
        ((_, address, _, values),) = [s for s in w.speaker.sent if s[2] == "question-closed"]
        assert address == "+12025550101" and values["ask"]["playbook"] == "p1"
        assert "cannot be read" in values["ask"]["result"]

    going(run)


# -- asking ----------------------------------------------------------------------------------------------------------


def test_each_person_gets_codes_of_their_own_and_each_place_buttons(tmp_path) -> None:
    """Personal ways carry codes and a link; a place that many read carries none."""

    async def run() -> None:
        w = World(tmp_path, SMS, PLACE, public_url="https://bcp.example.org")
        w.gate(view(gate=opened()))
        await w.round()
        await w.round()
        texts = [s for s in w.speaker.sent if s[0] == "twilio"]
        assert sorted(a for _, a, _, _ in texts) == ["+12025550100", "+12025550101"]
        codes = [c for _, _, _, v in texts for c in (v["ask"]["yes"], v["ask"]["no"])]
        assert len(set(codes)) == 4 and all(codes_in(c) == [c] for c in codes)
        assert all(v["ask"]["link"].startswith("https://bcp.example.org/a/") for _, _, _, v in texts)
        (place,) = [s for s in w.speaker.sent if s[0] == "slack"]
        assert (place[1], place[3]["ask"]["yes"], place[3]["ask"]["link"]) == ("#oncall", "", "")
        assert w.core.kinds("asked") == ["asked"] * 3

    going(run)


def test_who_opted_out_or_has_answered_is_not_asked(tmp_path) -> None:
    """By this way; and a chat to one person carries no code."""

    async def run() -> None:
        w = World(tmp_path, SMS, CHAT)
        people = w.core.app.people.directory
        people.person("alice").optout = ("sms",)
        w.gate(view(gate=opened(count=2)))
        await w.asker._notice_gates()
        questions.record(w.core.book, w.question(), "bob", yes=True, how="link")
        await w.round()
        assert [(s[0], s[1]) for s in w.speaker.sent] == [("direct", "+12025550100")]
        assert w.speaker.sent[0][3]["ask"]["yes"] == ""

    going(run)


def test_the_next_turn_comes_in_its_time_and_codes_of_before_stay_good(tmp_path) -> None:
    """Nobody answers: all are asked again after the pause, no more often."""

    async def run() -> None:
        w = World(tmp_path, SMS, ask={"after": "100s", "cycles": 2})
        w.gate(view(gate=opened()))
        await w.round()
        first = {v["ask"]["yes"] for _, _, _, v in w.speaker.sent}
        w.core.clock.wall += 99.0
        await w.round()
        assert len(w.speaker.sent) == 2
        w.core.clock.wall += 1.0
        await w.round()
        await w.round()
        assert len(w.speaker.sent) == 4 and len(first | {v["ask"]["yes"] for _, _, _, v in w.speaker.sent}) == 4
        code = sorted(first)[0]
        found = [questions.by_code(w.core.book, [p], code, w.core.key) for p in ("alice", "bob")]
        assert [f for f in found if f is not None and f.yes]

    going(run)


def test_what_could_not_be_sent_is_in_the_record(tmp_path) -> None:
    """Failed, or in doubt; the asking is settled all the same."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        w.speaker.state = ("failed", "no such number")
        w.gate(view(gate=opened()))
        await w.round()
        assert w.core.last("asked")["state"] == "failed" and w.core.last("asked")["detail"] == "no such number"
        assert questions.unsettled(w.core.book) == 0

    going(run)


def test_the_forecast_names_changes_first(tmp_path) -> None:
    """In a line that fits a text."""
    targets = [f"MX {i}" for i in range(5)]
    assert forecast_of([], 0, []) == "no change"
    assert forecast_of(targets, 5, [3, 4]) == "5 changes: MX 0, MX 1, MX 2 ...; 7 messages"
    assert forecast_of(targets[:3], 3, []) == "3 changes: MX 0, MX 1, MX 2"
    assert forecast_of(targets[:3], 10_000, [1]) == "10000 changes: MX 0, MX 1, MX 2 ...; 1 message"


# -- what a yes means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "about", "plan", "asks", "back"),
    [
        ("approve", "", {}, "start", False),
        ("approve", "", {"parent": "run-0"}, "start", True),
        ("undo", "mail goes back to the primary: corp.test: a -> b", {}, "undo", False),
        ("undo-anyway", "mail goes back to the primary: corp.test: a -> b, although it is dead", {}, "undo", False),
        ("undo", "", {"parent": "run-0"}, "undo", False),
        ("mx", "corp.test. MX 10 mx.backup.test.", {}, "hand", False),
        ("mx", "corp.test. MX 0 mail.test.", {"parent": "run-0"}, "hand", True),
    ],
)
def test_what_a_question_is_about(tmp_path, step, about, plan, asks, back) -> None:
    """An undo is no start, and never the way back after Exchange works again; buttons say what a yes does."""

    async def run() -> None:
        w = World(tmp_path)
        found = view(gate=opened(about=about), **plan)
        found.state.steps[step] = found.state.steps.pop("approve")
        found.state.steps[step].id = step
        w.core.running.views["run-1"] = found
        made, _ = questions.ask(
            w.core.book, incident=w.incident, run="run-1", step=step, checksum=CHECKSUM, opened=START,
            deadline=START + 60.0, count=1, groups=[["alice"]],
        )  # fmt: skip
        matter = await w.asker.matter(made)
        assert (matter.asks, matter.back) == (asks, back)
        labels = [c.label.lower() for c in choices_of(made, matter)]
        assert ("start" in labels[0], "back" in labels[0], "entered" in labels[0]) == (
            asks == "start",
            asks == "undo",
            asks == "hand",
        )
        assert w.asker._values(made, matter)["ask"]["back"] is False, "it is not seen healthy here"

    going(run)


# -- vendors that do not answer, and channels that break -------------------------------------------------------------


class Slow(Speaker):
    """One channel of it hangs until it is let go."""

    def __init__(self, hangs: str) -> None:
        super().__init__()
        self.hangs, self.go = hangs, asyncio.Event()

    async def send(self, channel, *args, **more) -> tuple[str, str]:
        """Late, or at once."""
        if channel.name == self.hangs:
            await self.go.wait()
        return await super().send(channel, *args, **more)


def slowly(folder, hangs: str, *channels: Channel) -> tuple[World, Slow]:
    """A world in which one vendor does not answer."""
    w = World(folder, *channels)
    slow = Slow(hangs)
    slow.by = list(channels)
    w.speaker = w.asker.speaker = slow
    return w, slow


async def tended(w: World) -> None:
    """What the loop does once; nothing is waited for but what can be done now."""
    await w.asker._notice_gates()
    for question in questions.open_questions(w.core.book):
        await w.asker._tend(question)
    for _ in range(20):
        await asyncio.to_thread(lambda: None)  # plans are read in threads
        await asyncio.sleep(0)


async def until(true) -> None:
    """Plans are read in a thread: on a busy machine that takes its time."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def test_a_vendor_that_does_not_answer_keeps_nobody_else_from_being_asked(tmp_path, monkeypatch) -> None:
    """The other channel of this question, the other question, and the run that was approved meanwhile."""

    async def run() -> None:
        w, slow = slowly(tmp_path, "slack", PLACE, SMS)
        asked = planned(w, monkeypatch)
        w.gate(view(gate=opened()))
        await tended(w)
        await tended(w)
        await until(lambda: len([s for s in slow.sent if s[0] == "twilio"]) >= 4)
        texts = sorted(a for n, a, _, _ in slow.sent if n == "twilio")
        assert texts == ["+12025550100", "+12025550100", "+12025550101", "+12025550101"]
        questions.record(w.core.book, asked, "alice", yes=True, how="link")
        await tended(w)
        await until(lambda: w.runs.went)  # the yes waits for nobody
        assert len(w.runs.went) == 1
        slow.go.set()
        await w.asker.asked()
        assert len([s for s in slow.sent if s[0] == "slack"]) == 2

    going(run)


def test_the_question_comes_before_the_word_that_it_is_closed(tmp_path, monkeypatch) -> None:
    """Also where the vendor needs so long that it is closed meanwhile."""

    async def run() -> None:
        w, slow = slowly(tmp_path, "slack", PLACE)
        asked = planned(w, monkeypatch)
        await tended(w)
        questions.record(w.core.book, asked, "alice", yes=False, how="link")
        await tended(w)
        assert slow.sent == []
        slow.hangs = ""
        slow.go.set()
        await w.core.settle()
        assert [s[2] for s in slow.sent] == ["question", "question-closed"]

    going(run)


def test_what_is_being_asked_ends_with_the_loop(tmp_path) -> None:
    """A daemon that ends does not wait for a vendor; what was claimed is in doubt at the next start."""

    async def run() -> None:
        w, _ = slowly(tmp_path, "slack", PLACE)
        w.gate(view(gate=opened()))
        loop = asyncio.ensure_future(w.asker.run())
        while not w.asker._taking:
            await asyncio.sleep(0)
        loop.cancel()
        await asyncio.gather(loop, *w.core.tasks, return_exceptions=True)
        assert w.asker._taking == {} and w.speaker.sent == []

    going(run)


def test_that_nobody_could_be_asked_is_said_once_and_taken_back_when_somebody_was(tmp_path) -> None:
    """In the record, by each channel's own reason; a later turn may reach somebody."""

    async def run() -> None:
        w = World(tmp_path, SMS, ask={"after": "100s", "cycles": 2})
        w.speaker.state = ("failed", "no such number")
        w.gate(view(gate=opened()))
        for _ in range(3):
            await w.round()
        assert w.core.kinds("nobody_reached") == ["nobody_reached"]
        assert w.core.last("nobody_reached")["text"] == "twilio: no such number"
        assert w.asker.unreached == {w.question().id}
        w.speaker.state = ("sent", "receipt")
        w.core.clock.wall += 100.0
        await w.round()
        assert w.asker.unreached == set() and w.core.kinds("nobody_reached") == ["nobody_reached"]

    going(run)


def test_a_question_that_no_channel_carries_is_said_to_reach_nobody(tmp_path) -> None:
    """There is none, or nobody has an address: silence would look like asking."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened()))
        await w.round()
        assert "no channel" in w.core.last("nobody_reached")["text"]

    going(run)


@pytest.mark.parametrize(("state", "asked"), [("failed", {"alice", "bob"}), ("sent", {"alice"}), ("doubt", {"alice"})])
def test_the_next_group_is_asked_at_once_where_nobody_of_the_first_can_know(
    tmp_path, monkeypatch, state, asked
) -> None:
    """Also where a place took it, which nobody may look at now. What is in doubt may have arrived."""

    async def run() -> None:
        w = World(tmp_path, SMS, PLACE, ask={"after": "100s"})
        one = planned(w, monkeypatch)
        w.core.book.db.execute("update question set groups = ? where id = ?", ('[["alice"], ["bob"]]', one.id))
        send = w.speaker.send

        async def by(channel, address, *args, **more) -> tuple[str, str]:
            found = await send(channel, address, *args, **more)
            return (state, "x") if channel is SMS and address == "+12025550100" else found

        w.speaker.send = by
        for _ in range(3):
            await w.round()
        rows = questions.asked_of(w.core.book, one.id)
        assert {a.person for a in rows if a.person != "*"} == asked

    going(run)


def test_a_turn_that_is_over_is_not_begun_anew_until_what_it_rests_on_changes(tmp_path) -> None:
    """Round by round nothing is read for it; other contacts, or another configuration, and it goes on."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        w.gate(view(gate=opened()))
        await w.round()
        took: list[Any] = []
        take = w.asker._take

        async def counted(question: Any, turn: Any) -> None:
            took.append(turn)
            await take(question, turn)

        w.asker._take = counted  # type: ignore[method-assign]
        for _ in range(5):
            await w.round()
        assert took == [] and len(w.speaker.sent) == 2
        people = w.core.app.people
        people.directory = copy.copy(people.directory)
        await w.round()
        await w.round()
        assert len(took) == 1 and len(w.speaker.sent) == 2, "looked at once, and nobody is asked twice"
        w.core.app = copy.copy(w.core.app)
        await w.round()
        assert len(took) == 2
        w.gate(view(events=[closed("approved")]), seq=2)
        await w.round()
        assert w.asker._over == {}

    going(run)


def test_a_turn_that_broke_is_begun_again(tmp_path) -> None:
    """A full disk for a moment: whoever was not asked then is asked later."""

    async def run() -> None:
        w = World(tmp_path, SMS)
        w.gate(view(gate=opened()))
        await w.asker._notice_gates()
        do, broken = w.core.do, [True]

        async def sometimes(work: Any) -> Any:
            if broken[0]:
                raise StorageError("no room")
            return await do(work)

        (question,) = questions.open_questions(w.core.book)
        w.core.do = sometimes
        with contextlib.suppress(StorageError):
            await w.asker._tend(question)
        await asyncio.gather(*w.asker._taking.values(), return_exceptions=True)
        broken[0] = False
        await w.round()
        assert len(w.speaker.sent) == 2

    going(run)


def test_contacts_that_cannot_be_read_end_no_round(tmp_path) -> None:
    """A turn that is over stays over, and what else is asked goes on."""

    class Unread:
        @property
        def directory(self) -> Any:
            raise StorageError("contacts.csv cannot be read")

    async def run() -> None:
        w = World(tmp_path, SMS)
        w.gate(view(gate=opened()))
        await w.round()
        assert len(w.speaker.sent) == 2
        people, w.core.app.people = w.core.app.people, Unread()
        await w.round()
        w.core.app.people = people
        await w.round()
        assert len(w.speaker.sent) == 2

    going(run)
