"""The course of an outage: every event in every state, and whatever order people, runs and looks come in."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bcp.detect.course import (
    AGE_S,
    EVENTS,
    OPEN,
    PEOPLE_EVENTS,
    RECORDS,
    RUN_EVENTS,
    STAGES,
    STANDING,
    WORDS,
    Course,
    after_event,
    after_look,
    refusal,
)
from bcp.detect.rules import Rules

RULES = Rules(interval_s=60.0, keep_firing_for_s=600.0, suspect=2)
BELIEVED_S = 180.0
SEEN = ("down", "suspect", "clear", "unknown")
EVERY = [
    Course(seen=seen, outage=outage, record=record, standing=standing, alerts=alerts)
    for seen, outage, record, standing, alerts in itertools.product(
        SEEN, ("none", "found", "over"), RECORDS, STANDING, (False, True)
    )
]


def look(course: Course, seen: str, now: float) -> Course:
    """One round that sees this."""
    return after_look(
        course, down=seen == "down", suspect=seen == "suspect", clear=seen == "clear", now=now, rules=RULES
    )


def looks(course: Course, seen: str, start: float, seconds: float) -> tuple[Course, float]:
    """Rounds a minute apart that all see this, for so long."""
    now = start
    while now <= start + seconds:
        course = look(course, seen, now)
        now += RULES.interval_s
    return course, now


# -- every state and event -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_in_every_state_gives_a_state_we_know(event: str) -> None:
    """600 states and 12 events: stage, record and standing stay within their words."""
    for course in EVERY:
        after = after_event(course, event, 100.0)
        assert after.stage in STAGES and after.record in RECORDS and after.standing in STANDING
        assert after.open == (after.record in OPEN)


@pytest.mark.parametrize("seen", SEEN)
def test_every_look_in_every_state_gives_a_state_we_know(seen: str) -> None:
    """And a look never changes what runs leave, nor what senders say."""
    for course in EVERY:
        after = look(course, seen, 100.0)
        assert after.stage in STAGES and after.record in RECORDS and after.seen == seen
        assert (after.standing, after.alerts) == (course.standing, course.alerts)


def test_words_of_outage_files_are_events() -> None:
    """``bcp replay`` reads files of before."""
    for word, event in WORDS.items():
        assert after_event(Course(), word, 5.0) == after_event(Course(), event, 5.0)


def test_an_unknown_event_is_a_fault() -> None:
    """It is never ignored: a run that says something nobody understands would leave a wrong stage."""
    with pytest.raises(ValueError, match="'gone' is not one of"):
        after_event(Course(), "gone", 0.0)


@pytest.mark.parametrize("event", RUN_EVENTS)
def test_runs_leave_the_record_to_looks_and_people(event: str) -> None:
    """No run opens, declares or closes an incident."""
    assert all(after_event(c, event, 9.0).record == c.record for c in EVERY)


@pytest.mark.parametrize("event", PEOPLE_EVENTS)
def test_people_do_not_change_what_runs_leave(event: str) -> None:
    """Nobody moves MX by a word about the incident."""
    assert all(after_event(c, event, 9.0).standing == c.standing for c in EVERY)


# -- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        ("none", "decided", "decided"),
        ("decided", "switched", "active"),
        ("none", "switched", "active"),
        ("decided", "failed", "none"),
        ("none", "failed", "none"),
        ("active", "failed", "active"),
        ("active", "undone", "none"),
        ("active", "failback", "failback"),
        ("failback", "draining", "draining"),
        ("failback", "failed", "active"),
        ("draining", "failed", "active"),
        ("draining", "back", "none"),
        ("failback", "back", "none"),
        ("active", "back", "none"),
    ],
)
def test_what_runs_leave(before: str, event: str, after: str) -> None:
    """A way back that failed leaves MX on the relay; a run that failed before its switch leaves nothing."""
    course = Course(standing=before, active_since=50.0 if before in {"active", "failback", "draining"} else None)
    found = after_event(course, event, 70.0)
    assert found.standing == after
    since = {"switched": 70.0}.get(event, course.active_since if after not in {"none", "decided"} else None)
    assert found.active_since == since


def test_after_the_way_back_the_outage_is_over_and_then_forgotten() -> None:
    """closed for one look, then healthy; down again is a new outage at once."""
    course = replace(Course(standing="draining", outage="found"), clear_since=10.0)
    back = after_event(course, "back", 20.0)
    assert (back.stage, back.clear_since) == ("closed", 10.0)
    assert look(back, "unknown", 25.0).stage == "closed"
    assert look(back, "clear", 30.0).stage == "healthy"
    assert look(back, "suspect", 30.0).stage == "suspect"
    assert look(back, "down", 30.0).stage == "confirmed"
    assert after_event(Course(standing="draining"), "back", 20.0).clear_since == 20.0


def test_a_switch_begins_the_wait_for_calm_anew() -> None:
    """What was clear before the switch says nothing of after it."""
    course = replace(Course(outage="found"), clear_since=0.0, quiet=True)
    found = after_event(course, "switched", 100.0)
    assert (found.stage, found.clear_since, found.quiet) == ("active", None, False)


# -- stages ----------------------------------------------------------------------------------------------------------


def test_recovering_is_active_and_calm() -> None:
    """And active again with the first look that is not clear."""
    course = after_event(look(Course(), "down", 0.0), "switched", 60.0)
    course, now = looks(course, "clear", 120.0, 540.0)
    assert course.stage == "active"
    course = look(course, "clear", now)
    assert course.stage == "recovering"
    for seen in ("down", "suspect", "unknown"):
        assert look(course, seen, now + 60.0).stage == "active"


def test_a_confirmed_outage_is_over_after_calm_and_not_before() -> None:
    """What hides does not end it."""
    course = look(Course(), "down", 0.0)
    course, now = looks(course, "unknown", 60.0, 10_000.0)
    assert course.stage == "confirmed"
    course, now = looks(course, "clear", now, 540.0)
    assert course.stage == "confirmed"
    assert look(course, "clear", now).stage == "closed"
    assert look(look(course, "clear", now), "clear", now + 60.0).stage == "healthy"


def test_what_a_run_does_is_shown_while_it_does_it() -> None:
    """A run that waits at its gate is shown as decided, also when all has become well meanwhile."""
    course = after_event(look(Course(), "down", 0.0), "decided", 10.0)
    course, _ = looks(course, "clear", 60.0, 5_000.0)
    assert course.stage == "decided"
    assert after_event(course, "failed", 6_000.0).stage == "confirmed"


def test_suspicion_comes_and_goes() -> None:
    """It is a stage of its own, and leaves nothing."""
    assert look(Course(), "suspect", 0.0).stage == "suspect"
    assert look(look(Course(), "suspect", 0.0), "clear", 60.0).stage == "healthy"


# -- the record ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS)
def test_an_alert_opens_an_incident_once(record: str) -> None:
    """One that is declared stays declared; one that is over is opened again."""
    found = after_event(Course(record=record), "alert", 7.0)
    assert found.record == ("declared" if record == "declared" else "opened")
    assert found.alerts and found.news_at == 7.0


@pytest.mark.parametrize("record", RECORDS)
def test_our_own_look_declares_whatever_stood_before(record: str) -> None:
    """Also a closed one: that is another outage, and another incident."""
    assert look(Course(record=record), "down", 0.0).record == "declared"


def test_an_incident_that_only_an_alert_opened_is_over_with_it() -> None:
    """Where our looks are well or nobody looks; not while something is seen."""
    course = after_event(Course(), "alert", 0.0)
    for seen, record in (("clear", "resolved"), ("unknown", "resolved"), ("suspect", "opened"), ("down", "opened")):
        assert after_event(replace(course, seen=seen), "alerts_over", 10.0).record == record
    declared = replace(course, record="declared", seen="clear")
    assert after_event(declared, "alerts_over", 10.0).record == "declared"


def test_a_resolved_that_never_comes_keeps_nothing_open() -> None:
    """Our own looks end it after calm; the next outage is a new incident."""
    course = look(after_event(Course(), "alert", 0.0), "down", 0.0)
    course, now = looks(course, "clear", 60.0, 540.0)
    assert course.record == "declared"
    course = look(course, "clear", now)
    assert course.record == "resolved"
    course = look(course, "clear", now + 60.0)
    assert course.record == "closed" and course.alerts
    assert look(course, "down", now + 120.0).record == "declared"


def test_without_an_alert_the_record_follows_the_looks_at_once_and_closes_after_calm() -> None:
    """Resolved when it is clear; closed when it has been clear for long."""
    course = look(look(Course(), "down", 0.0), "clear", 60.0)
    assert course.record == "resolved"
    course, now = looks(course, "clear", 120.0, 480.0)
    assert course.record == "resolved"
    assert look(course, "clear", now).record == "closed"


@pytest.mark.parametrize("event", ["looked_down", "alert"])
def test_what_somebody_just_saw_outweighs_a_watch_that_needs_some_rounds(event: str) -> None:
    """A look that a hook caused finds it down before the watch does: its first clear rounds take nothing back."""
    course = after_event(look(Course(), "clear", 0.0), event, 1_000.0)
    record = course.record
    assert record in {"declared", "opened"}
    course = replace(course, alerts=False)
    assert look(course, "clear", 1_000.0 + BELIEVED_S - 1).record == record
    assert look(course, "clear", 1_000.0 + BELIEVED_S).record == "resolved"


def test_an_alert_in_the_middle_of_health_is_not_closed_by_the_health_before_it() -> None:
    """Calm counts from the alert on."""
    course, now = looks(Course(), "clear", 0.0, 36_000.0)
    course = after_event(course, "alert", now)
    assert look(course, "clear", now + 1).record == "opened"
    assert look(course, "clear", now + 599).record == "opened"
    assert look(course, "clear", now + 600).record == "resolved"


def test_what_a_person_declared_ends_by_a_person_or_by_calm() -> None:
    """Our probes may see less than they do."""
    course = after_event(look(Course(), "clear", 0.0), "declared", 1_000.0)
    assert look(course, "clear", 1_599.0).record == "declared"
    over = look(course, "clear", 1_600.0)
    assert over.record == "resolved" and not over.insisted
    assert look(over, "clear", 1_660.0).record == "closed"


@pytest.mark.parametrize("standing", STANDING[1:])
def test_nothing_closes_while_a_run_stands(standing: str) -> None:
    """Neither by looks nor by a person."""
    course = replace(Course(standing=standing, record="resolved"), clear_since=0.0)
    assert look(course, "clear", 1e6).record == "resolved"
    assert refusal(course, "ended") == "run-stands"
    assert after_event(course, "ended", 5.0) == course
    assert after_event(replace(course, standing="none"), "ended", 5.0).record == "closed"


@pytest.mark.parametrize(
    ("record", "ended", "reopened"),
    [
        ("none", "no-incident", "no-incident"),
        ("opened", "", "incident-open"),
        ("declared", "", "incident-open"),
        ("resolved", "", "incident-open"),
        ("closed", "no-incident", ""),
    ],
)
def test_what_a_person_may_do_with_an_incident(record: str, ended: str, reopened: str) -> None:
    """Refused with a code, and then nothing changes."""
    course = Course(record=record)
    assert (refusal(course, "ended"), refusal(course, "reopened")) == (ended, reopened)
    for event, code in (("ended", ended), ("reopened", reopened)):
        assert (after_event(course, event, 3.0) == course) is bool(code)
    assert all(refusal(course, e) == "" for e in EVENTS if e not in {"ended", "reopened"})


def test_who_ends_an_incident_while_it_is_down_is_not_asked_about_the_same_outage_again() -> None:
    """Until it was calm, somebody declares it, or opens it again."""
    course = after_event(look(Course(), "down", 0.0), "ended", 10.0)
    assert course.dismissed and look(course, "down", 60.0).record == "closed"
    assert after_event(course, "looked_down", 70.0).record == "closed"
    assert look(after_event(course, "reopened", 70.0), "down", 80.0).record == "declared"
    assert after_event(course, "declared", 70.0).record == "declared"
    calm, now = looks(course, "clear", 60.0, 660.0)
    assert not calm.dismissed and look(calm, "down", now).record == "declared"
    well = after_event(replace(Course(record="opened"), seen="clear"), "ended", 10.0)
    assert not well.dismissed


def test_what_nobody_can_see_is_closed_by_age_only_when_nobody_but_an_alert_said_so() -> None:
    """A day after the last news; never what our looks had confirmed, nor while a run stands."""
    course = look(after_event(Course(), "alert", 0.0), "unknown", AGE_S - 1)
    assert course.record == "opened"
    assert look(course, "unknown", AGE_S).record == "closed"
    assert look(replace(course, record="resolved"), "unknown", AGE_S).record == "closed"
    assert look(replace(course, outage="found", record="declared"), "unknown", 9 * AGE_S).record == "declared"
    assert look(replace(course, outage="found"), "unknown", 9 * AGE_S).record == "opened"
    assert look(replace(course, standing="active"), "unknown", 9 * AGE_S).record == "opened"
    assert look(replace(course, record="declared"), "unknown", 9 * AGE_S).record == "declared"


# -- whatever comes --------------------------------------------------------------------------------------------------


class Outage(RuleBasedStateMachine):
    """People, senders, runs and looks in any order, over weeks of steady time."""

    @initialize()
    def begin(self) -> None:
        """Nothing is known."""
        self.course, self.now = Course(), 0.0

    @rule(seen=st.sampled_from(SEEN), wait=st.sampled_from([1.0, 60.0, 599.0, 600.0, 7_200.0, AGE_S]))
    def look(self, seen: str, wait: float) -> None:
        """A round."""
        before, self.now = self.course, self.now + wait
        self.course = look(before, seen, self.now)
        if self.course.record == "closed" and before.record in OPEN:
            assert self.course.standing == "none", "closed while a run stands"
            assert seen in {"clear", "unknown"}, "closed by a look that sees something"
            if seen == "clear":
                assert self.now - self.course.clear_since >= RULES.keep_firing_for_s
            else:
                assert before.record != "declared" and before.outage != "found"
        if before.record in OPEN and self.course.record == "none":
            raise AssertionError("an incident vanished")
        if seen == "down" and not before.dismissed:
            assert self.course.record == "declared"
        if before.record == "closed" and seen != "down":
            assert self.course.record == "closed"

    @rule(event=st.sampled_from(RUN_EVENTS))
    def run(self, event: str) -> None:
        """A run says something."""
        self.course = after_event(self.course, event, self.now)

    @rule(event=st.sampled_from(PEOPLE_EVENTS))
    def word(self, event: str) -> None:
        """A person or a sender says something."""
        before = self.course
        refused = refusal(before, event)
        self.course = after_event(before, event, self.now)
        if refused:
            assert self.course == before
        if event == "ended" and not refused:
            assert self.course.record == "closed"

    @precondition(lambda self: self.course.standing == "none")
    @rule()
    def calm_ends_everything(self) -> None:
        """From anywhere, without a run that stands: clear for long enough ends the incident, whatever senders say."""
        course, now = self.course, self.now
        for _ in range(30):
            now += 60.0
            course = look(course, "clear", now)
        assert not course.open and course.stage in {"healthy", "closed"}

    @precondition(lambda self: self.course.standing != "none")
    @rule()
    def every_run_ends_one_way_or_another(self) -> None:
        """From anywhere: its failure or its way back leaves nothing after at most two events."""
        course = after_event(after_event(self.course, "failed", self.now), "undone", self.now)
        assert course.standing == "none" and course.active_since is None
        assert after_event(self.course, "back", self.now).standing == "none"

    @invariant()
    def words_are_known(self) -> None:
        """Views never show what nobody knows; MX on the relay is never shown as healthy."""
        if not hasattr(self, "course"):
            return
        c = self.course
        assert c.stage in STAGES and c.record in RECORDS
        if c.standing in {"active", "failback", "draining"}:
            assert c.stage not in {"healthy", "closed", "confirmed", "suspect", "decided"}
        if c.stage == "recovering":
            assert c.standing == "active" and c.quiet


TestOutage = Outage.TestCase
TestOutage.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# -- pauses that end in a relapse --------------------------------------------------------------------------------------


def relapsing(pause_s: float, *, standing: str = "active") -> tuple[Course, float]:
    """MX is on the relay; it fails, is well for so long, and fails again for five minutes."""
    course, now = looks(Course(outage="found", standing=standing, active_since=0.0), "down", 0.0, 300.0)
    course, now = looks(course, "clear", now, pause_s)
    course, now = looks(course, "suspect", now, 120.0)
    return looks(course, "down", now, 300.0)


def test_the_way_back_waits_for_longer_than_a_pause_that_was_none() -> None:
    """It was well for 16 minutes and failed again: ten good minutes prove nothing now, 24 do."""
    course, now = relapsing(960.0)
    assert course.relapse_s == 1020.0  # to the first look that was not well
    early, _ = looks(course, "clear", now, 1500.0)
    late, _ = looks(course, "clear", now, 1560.0)
    assert early.stage == "active" and late.stage == "recovering"


def test_a_pause_shorter_than_the_rule_changes_nothing() -> None:
    """The rule's own time is longer."""
    course, now = relapsing(240.0)
    early, _ = looks(course, "clear", now, 540.0)
    late, _ = looks(course, "clear", now, 600.0)
    assert early.stage == "active" and late.stage == "recovering"


def test_pauses_of_hours_do_not_keep_mail_on_the_relay_for_days() -> None:
    """Four times the rule's time is the longest that is waited for."""
    course, now = relapsing(6000.0)
    early, _ = looks(course, "clear", now, 2340.0)
    late, _ = looks(course, "clear", now, 2400.0)
    assert early.stage == "active" and late.stage == "recovering"


def test_a_doubt_that_passes_is_no_relapse() -> None:
    """Suspicious for two minutes, and well again: that was one bad look."""
    course, now = looks(Course(outage="found", standing="active", active_since=0.0), "clear", 0.0, 960.0)
    course, now = looks(course, "suspect", now, 120.0)
    course, now = looks(course, "clear", now, 600.0)
    assert course.relapse_s == 0.0 and course.stage == "recovering"


def test_what_nobody_could_see_meanwhile_does_not_hide_a_relapse() -> None:
    """Well, blind, down: it was well for so long and is down again."""
    course, now = looks(Course(outage="found", standing="active", active_since=0.0), "clear", 0.0, 960.0)
    course, now = looks(course, "unknown", now, 600.0)
    course, _ = looks(course, "down", now, 60.0)
    assert course.relapse_s == 1020.0


def test_an_incident_without_a_switch_ends_as_ever_and_forgets_its_pauses() -> None:
    """The longer wait is for the way back alone; the next outage has pauses of its own."""
    course, now = relapsing(540.0, standing="none")
    assert course.relapse_s == 600.0
    course, now = looks(course, "clear", now, 600.0)
    assert course.outage == "over"
    course, now = looks(course, "clear", now, 120.0)
    for seen in ("suspect", "down"):
        fresh, _ = looks(course, seen, now, 60.0)
        assert (fresh.relapse_s, fresh.calm_s) == (0.0, 0.0)
