"""Detection: counters, quorum, planes, classes, stages. What decides is pure, so it is tested by property."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import often

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.counter import Stream, flap_percent
from bcp.detect.course import Course, after_event, after_look
from bcp.detect.detector import Detector
from bcp.detect.quorum import agreed
from bcp.detect.rules import GIVE_UP, Rules, in_words
from bcp.detect.verdict import SWITCHES, switch_helps

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules(confirm_for_s=60.0)
T0 = 1_800_000_000.0


def smtp(name="smtp", **more):
    return Watched(name, "smtp", "inbound", medium="smtp", **more)


class Play:
    """Rounds of signals into a detector, a minute apart."""

    def __init__(self, *watched: Watched, rules: Rules = RULES, vantages=("local",)) -> None:
        self.detector = Detector(rules, watched or (smtp(),), vantages=vantages)
        self.watched = {w.probe: w for w in watched or (smtp(),)}
        self.rules, self.now, self.wall = rules, 0.0, T0
        self.heard = []

    def round(self, *seen, wall: float | None = None):
        """Each item: (probe, result[, kind[, vantage[, at]]])."""
        self.wall = self.wall if wall is None else wall
        for item in seen:
            probe, result, kind, vantage, at = (*item, *("", "", None)[len(item) - 2 :])[:5]
            w = self.watched[probe]
            kind = kind or ("4xx" if result is FAIL else "")
            self.detector.take(
                Signal(probe, w.plane, result, self.wall if at is None else at, kind, "said so", w.control, {}, vantage)
            )
        decision = self.detector.settle(self.now, self.wall)
        self.heard.append(decision)
        self.now += self.rules.interval_s
        self.wall += self.rules.interval_s
        return decision

    def rounds(self, results, probe="smtp", kind="", vantage=""):
        for result in results:
            last = self.round((probe, result, kind, vantage))
        return last


# -- counters ----------------------------------------------------------------------------------------------------


def feed(results, kind="4xx"):
    stream = Stream()
    for i, result in enumerate(results):
        stream.take(Signal("p", "inbound", result, float(i), kind if result is FAIL else ""), float(i), RULES)
    return stream


def test_down_after_k_failures_and_clear_only_at_zero() -> None:
    """Hysteresis: five down, five up after a short outage."""
    assert not feed([FAIL] * 4).down
    assert feed([FAIL] * 5).down
    assert feed([FAIL] * 5 + [OK] * 4).down
    assert not feed([FAIL] * 5 + [OK] * 5).down
    assert feed([FAIL] * 50 + [OK] * 9).down and not feed([FAIL] * 50 + [OK] * 10).down


@given(st.lists(st.sampled_from(list(Result)), max_size=80))
def test_unknown_moves_nothing_and_the_counter_stays_in_bounds(results) -> None:
    """Our own blindness is not an outage."""
    stream = Stream()
    for i, result in enumerate(results):
        before = (stream.value, stream.down, stream.rejects, stream.seen)
        stream.take(Signal("p", "inbound", result, float(i), "rejects"), float(i), RULES)
        assert 0 <= stream.value <= 10
        if result is UNKNOWN:
            assert (stream.value, stream.down, stream.rejects, stream.seen) == before


@pytest.mark.parametrize(
    ("changes", "percent"), [(1, 6.25), (2, 12.37), (3, 18.36), (4, 24.21), (5, 29.93), (6, 35.53), (7, 40.99)]
)
def test_flap_percentage_is_nagios(changes, percent) -> None:
    """Vectors computed from Nagios' source."""
    states = [False] * 21
    for i in range(changes):
        for j in range(20 - i, 21):
            states[j] = not states[j]
    assert flap_percent(tuple(states)) == pytest.approx(percent, abs=0.01)


def test_flap_percentage_of_all_alternating_and_of_the_oldest_change() -> None:
    """The ends of the scale: 100 %, and 3.75 % for a change that is about to be forgotten."""
    assert flap_percent(tuple(bool(i % 2) for i in range(21))) == pytest.approx(100.0)
    assert flap_percent((True, *[False] * 20)) == pytest.approx(3.75)


# -- quorum ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vantages", "failing", "healthy", "down"),
    [
        (1, 1, 0, True),
        (1, 0, 1, False),
        (2, 1, 1, False),
        (2, 1, 0, False),
        (2, 2, 0, True),
        (3, 2, 1, True),
        (3, 1, 0, False),
        (3, 2, 0, True),
        (4, 2, 2, False),
        (4, 3, 1, True),
        (5, 3, 2, False),
        (5, 4, 1, True),
        (6, 5, 1, True),
        (6, 4, 2, False),
        (6, 2, 0, False),
        (6, 3, 0, True),
        (11, 9, 2, False),
        (12, 10, 2, True),
        (0, 0, 0, False),
    ],
)
def test_quorum(vantages, failing, healthy, down) -> None:
    """Two thirds up to five; Route 53's 18 % from six; silence votes for nothing."""
    assert agreed(vantages, failing, healthy) is down


@given(st.integers(1, 12), st.data())
def test_one_more_failing_vantage_never_makes_it_healthier(vantages, data) -> None:
    """Monotone in the evidence, across the borders between the rules too."""
    failing = data.draw(st.integers(0, vantages))
    healthy = data.draw(st.integers(0, vantages - failing))
    if agreed(vantages, failing, healthy):
        assert agreed(vantages + 1, failing + 1, healthy)
        if failing + healthy < vantages:
            assert agreed(vantages, failing + 1, healthy)
        if healthy:
            assert agreed(vantages, failing + 1, healthy - 1)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([OK, FAIL, UNKNOWN]), min_size=8, max_size=8), min_size=1, max_size=6),
    st.integers(0, 7),
)
def test_adding_a_failing_independent_vantage_never_makes_the_verdict_healthier(patterns, start) -> None:
    """The whole detector, not only the vote. The new one fails all the time: once it is sure, no verdict improves."""
    rank = {"healthy": 0, "unknown": 0, "suspect": 1, "down": 2}

    def play(count: int) -> list[str]:
        names = tuple(f"v{i}" for i in range(count))
        game = Play(rules=Rules(threshold=3, confirm_for_s=0.0), vantages=names)
        for i in range(5):
            game.round(*(("smtp", FAIL, "", n) for n in names[len(patterns) :]))
        for step in range(8):
            game.round(
                *(("smtp", p[step], "", n) for n, p in zip(names, patterns, strict=False)),
                *(("smtp", FAIL, "", n) for n in names[len(patterns) :]),
            )
        return [d.state for d in game.heard[5:]]

    for before, after in zip(play(len(patterns)), play(len(patterns) + 1), strict=True):
        assert rank[after] >= rank[before]


# -- confirmation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        RULES,
        Rules(threshold=3, confirm_for_s=120.0),
        Rules(threshold=1, confirm_for_s=0.0),
        Rules(threshold=7, confirm_for_s=60.0, interval_s=10.0),
    ],
)
def test_the_words_are_true(rules) -> None:
    """An outage is confirmed within the rule's time plus one interval; one as long as the rule's time never is."""
    rule = rules.confirm_s()
    looks = int(rule / rules.interval_s) + 1
    game = Play(rules=rules)
    states = [game.round(("smtp", FAIL)).state for _ in range(looks)]
    assert states[-1] == "down" and "down" not in states[:-1]
    blip = Play(rules=rules)
    for _ in range(looks - 1):
        assert blip.round(("smtp", FAIL)).state != "down"
    for _ in range(40):
        assert blip.round(("smtp", OK)).state != "down"


def test_the_default_words() -> None:
    """What the configuration says of itself."""
    text = " ".join(in_words(RULES))
    assert "5m to 6m after it starts" in text and "5m or less never is" in text
    assert "class F) are confirmed 2m to 3m" in text


@settings(max_examples=200)
@given(st.lists(st.sampled_from([OK, FAIL, UNKNOWN, DEGRADED]), min_size=1, max_size=60), st.integers(2, 7))
def test_no_sequence_shorter_than_the_rule_confirms(results, threshold) -> None:
    """Whatever comes: never confirmed with fewer failures than the rule asks for."""
    rules = Rules(threshold=threshold, confirm_for_s=60.0)
    game, failures = Play(rules=rules), 0
    for result in results:
        failures += result is FAIL
        decision = game.round(("smtp", result))
        if decision.state == "down":
            assert failures >= threshold + 1
        if failures < threshold + 1:
            assert decision.state != "down"


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["smtp", "dns", "https", "ctl"]),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from([OK, FAIL, UNKNOWN]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 9),
    st.randoms(),
)
def test_the_order_of_arrival_inside_a_round_does_not_matter(items, rounds, rng) -> None:
    """Networks deliver in any order."""
    watched = (
        smtp(),
        Watched("dns", "dns", "dns", medium="dns"),
        Watched("https", "https", "edge", medium="https"),
        Watched("ctl", "https", "edge", medium="smtp", control=True),
    )

    def play(shuffle: bool):
        game = Play(*watched, vantages=("a", "b", "c"))
        for _ in range(rounds):
            batch = [(p, r, "", v) for p, v, r in items]
            if shuffle:
                rng.shuffle(batch)
            game.round(*batch)
        return [(d.state, d.classes, d.planes, d.action, d.confidence) for d in game.heard]

    assert play(False) == play(True)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e8, 1e8, allow_nan=False), min_size=20, max_size=20))
def test_clock_jumps_do_no_harm(jumps) -> None:
    """Wall time may be set at any moment: the verdict follows steady time."""
    game, steady = Play(), Play()
    for i, jump in enumerate(jumps):
        result = FAIL if i >= 6 else OK
        a = game.round(("smtp", result), wall=T0 + jump)
        b = steady.round(("smtp", result))
        assert (a.state, a.classes, a.stage) == (b.state, b.classes, b.stage)


# -- flapping ----------------------------------------------------------------------------------------------------


@settings(max_examples=often(60))
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=2, max_size=10), st.booleans())
def test_the_flap_guard_holds_for_every_on_off_pattern(pattern, rejects) -> None:
    """While the share of change is at or above the limit, and until it is low again, nothing is proposed by itself."""
    game = Play(rules=Rules(confirm_for_s=0.0, decide_b_s=0.0))
    raw = []
    for on, off in pattern:
        for result in [FAIL] * on + [OK] * off:
            decision = game.round(("smtp", result, "rejects" if rejects and result is FAIL else ""))
            raw = [*raw, result is FAIL][-21:]
            if flap_percent(tuple(raw)) >= 20 and 0.2 <= sum(raw) / len(raw) <= 0.8:
                assert decision.flapping
            if decision.flapping:
                assert decision.action not in {"switch", "wait", "failback"}


def test_nine_of_ten_is_down_and_not_flapping() -> None:
    """A heavy outage in which a tenth of the looks gets through must not tie our hands either."""
    game, rng = Play(), random.Random(3)
    game.rounds([OK] * 21)
    last = game.rounds([*(OK if rng.random() < 0.1 else FAIL for _ in range(200)), FAIL])
    assert last.state == "down" and not last.flapping and last.action == "switch"


def test_a_first_outage_is_not_flapping() -> None:
    """One change must not tie our hands."""
    game = Play()
    game.rounds([OK] * 25)
    last = game.rounds([FAIL] * 8)
    assert last.state == "down" and not last.flapping and last.action == "wait"


# -- planes and classes ------------------------------------------------------------------------------------------

KINDS = {
    "smtp": smtp(),
    "smtp-2": smtp("smtp-2"),
    "smtp-unknown": Watched("smtp-unknown", "smtp-unknown", "inbound", medium="smtp"),
    "dns": Watched("dns", "dns", "dns", medium="dns"),
    "https": Watched("https", "https", "edge", medium="https"),
    "imap": Watched("imap", "imap", "edge", medium="https"),
    "mailbox": Watched("mailbox", "graph-mailbox", "mailbox", medium="https"),
    "entra": Watched("entra", "entra", "auth", medium="https"),
    "trip": Watched("trip", "round-trip", "outbound", medium="smtp"),
    "gate": Watched("gate", "queue", "gateway"),
    "graph": Watched("graph", "graph-health", "declared", Role.DECLARED, "https"),
    "page": Watched("page", "status-page", "declared", Role.DECLARED, "https"),
    "people": Watched("people", "people", "mailbox", Role.PEOPLE),
    "alert": Watched("alert", "alert", "inbound", Role.TOLD),
    "ctl": Watched("ctl", "smtp", "inbound", medium="smtp", control=True),
    "web": Watched("web", "https", "edge", medium="https", control=True),
    "res": Watched("res", "dns", "dns", medium="dns", control=True),
}


def world(*names, vantages=("local",), rules=RULES):
    return Play(*(KINDS[n] for n in names), vantages=vantages, rules=rules)


def lasting(game: Play, rounds: int, **results):
    """The same every round: probe=RESULT or (RESULT, kind)."""
    for _ in range(rounds):
        last = game.round(*((n, *(r if isinstance(r, tuple) else (r,))) for n, r in results.items()))
    return last


@pytest.mark.parametrize(
    ("bad", "classes", "action"),
    [
        ({"smtp": FAIL}, ("B",), "wait"),
        ({"smtp": (FAIL, "rejects")}, ("F",), "switch"),
        ({"dns": FAIL}, ("E",), "wait"),
        ({"https": FAIL, "imap": FAIL}, ("E",), "tell"),
        ({"mailbox": FAIL}, ("A",), "tell"),
        ({"entra": FAIL}, ("D",), "tell"),
        ({"trip": FAIL}, ("C",), "tell"),
        ({"gate": FAIL}, ("G",), "direct"),
        ({"mailbox": FAIL, "entra": FAIL}, ("D", "A"), "tell"),
        ({"smtp": FAIL, "dns": FAIL}, ("E", "B"), "wait"),
        ({"smtp": FAIL, "gate": FAIL}, ("B",), "wait"),
        ({"smtp": FAIL, "trip": FAIL}, ("B",), "wait"),
        ({"smtp": FAIL, "mailbox": FAIL}, ("B", "A"), "wait"),
        ({"entra": FAIL, "https": FAIL, "imap": FAIL}, ("D", "E"), "tell"),
    ],
)
def test_the_class_follows_from_what_fails(bad, classes, action) -> None:
    """Only some outages are helped by moving MX; where two hold at once both are said."""
    names = ["smtp", "dns", "https", "imap", "mailbox", "entra", "trip", "gate"]
    taken = {} if "smtp" not in bad else {"trip": (UNKNOWN, "not-taken")}  # what is refused cannot come through
    found = lasting(world(*names), 7, **(dict.fromkeys(names, OK) | taken | bad))
    assert (found.state, found.classes, found.action) == ("down", classes, action)
    assert found.since == T0
    assert 5 <= found.confidence <= 95 and found.reasons_for + found.reasons_against


@settings(max_examples=often(100), deadline=None)
@given(
    st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=8, unique=True),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.integers(5, 200),
)
def test_mx_is_never_proposed_for_the_other_classes(names, vantages, seed, rounds) -> None:
    """A, C, D, G, H, and E without DNS: whatever is seen, for however long."""
    rng = random.Random(seed)
    where = tuple(f"v{i}" for i in range(vantages))
    game = world(*names, vantages=where, rules=Rules(threshold=2, confirm_for_s=0.0, decide_b_s=0.0, decide_e_s=0.0))
    lean = {n: rng.choice([OK, OK, FAIL, FAIL, UNKNOWN, DEGRADED]) for n in names}
    for _ in range(rounds):
        d = game.round(
            *(
                (
                    n,
                    rng.choice([lean[n], lean[n], OK, FAIL, UNKNOWN]),
                    rng.choice(["", "rejects", "throttled", "own-credential"]),
                    v,
                )
                for n in names
                for v in where
            )
        )
        if d.action in {"switch", "wait"}:
            assert d.state == "down" and set(d.classes) & SWITCHES and switch_helps(d.classes, d.planes)
            assert {"inbound", "dns"} & set(d.planes)
            assert any(w.role is Role.LOOK and w.down for v in d.views if v.name in {"inbound", "dns"} for w in v.ways)
        if not set(d.planes) & {"inbound", "dns"}:
            assert d.action not in {"switch", "wait"}


def test_one_of_two_ways_is_only_suspicious_until_something_corroborates_it() -> None:
    """The front door alone; then Microsoft says so too; a weak sign is not enough, two are."""
    names = ("https", "imap", "graph", "page", "smtp")
    calm = {"https": FAIL, "imap": OK, "smtp": OK}
    assert lasting(world(*names), 8, **calm).state == "suspect"
    assert lasting(world(*names), 8, **calm, graph=(FAIL, "degradation")).classes == ("E",)
    assert lasting(world(*names), 8, **calm, graph=(DEGRADED, "investigating")).state == "suspect"
    assert lasting(world(*names), 8, **calm, graph=(DEGRADED, "investigating"), page=DEGRADED).state == "down"
    assert lasting(world(*names), 8, **calm, graph=(UNKNOWN, "none")).state == "suspect"


def test_what_others_say_never_decides() -> None:
    """A declaration, an alert: nothing of ours fails, so nothing is down. Recovery declared by others neither."""
    assert lasting(world("smtp", "graph"), 60, smtp=OK, graph=(FAIL, "degradation")).state == "healthy"
    assert lasting(world("smtp", "graph"), 60, smtp=OK, graph=(FAIL, "interruption")).state == "suspect"
    assert lasting(world("smtp", "alert"), 60, smtp=OK, alert=FAIL).state == "suspect"
    assert lasting(world("alert"), 60, alert=FAIL).state != "down"
    game = world("smtp", "graph")
    lasting(game, 8, smtp=FAIL, graph=(OK, "disproves"))
    assert game.heard[-1].state == "down"


def test_people_are_believed_where_nothing_looks_and_beside_a_look() -> None:
    """Somebody can always declare; but not against what we see."""
    assert lasting(world("people", "smtp"), 3, people=FAIL, smtp=OK).classes == ("A",)
    assert lasting(world("people", "mailbox", "smtp"), 9, people=FAIL, mailbox=OK, smtp=OK).state == "suspect"
    assert lasting(world("people", "mailbox", "smtp"), 9, people=FAIL, mailbox=FAIL, smtp=OK).classes == ("A",)
    game = world("people", "smtp")
    lasting(game, 3, people=FAIL, smtp=OK)
    assert lasting(game, 2, people=OK, smtp=OK).state == "healthy"


def test_false_rejects_are_confirmed_faster() -> None:
    """Seconds matter: three looks, no waiting; a correct refusal of an unknown recipient speaks not against it.
    Two recipients are refused: one alone may have been removed."""
    game = world("smtp", "smtp-2", "smtp-unknown")
    both = {"smtp": (FAIL, "rejects"), "smtp-2": (FAIL, "rejects"), "smtp-unknown": OK}
    assert lasting(game, 2, **both).state == "suspect"
    found = lasting(game, 1, **both)
    assert (found.state, found.classes, found.action) == ("down", ("F",), "switch")


# -- our own faults ----------------------------------------------------------------------------------------------


def test_our_own_network_is_class_h_and_never_down() -> None:
    """When the controls fail too, we are the sick one; the prober is named."""
    found = lasting(world("smtp", "ctl", "web"), 9, smtp=FAIL, ctl=FAIL, web=FAIL)
    assert (found.state, found.classes, found.action) == ("unknown", ("H",), "fix-own")
    assert any("local" in n and "own network" in n for n in found.notes)


def test_a_blocked_port_says_nothing_about_the_service() -> None:
    """Port 25 is closed here: SMTP is unknown, the rest still counts."""
    found = lasting(world("smtp", "ctl", "web", "https"), 9, smtp=FAIL, ctl=FAIL, web=OK, https=OK)
    assert (found.state, found.classes) == ("unknown", ("H",))
    assert "over smtp" in " ".join(found.notes)


def test_success_is_believed_whatever_the_controls_say() -> None:
    """A broken network cannot invent an answer."""
    assert lasting(world("smtp", "ctl", "web"), 9, smtp=OK, ctl=FAIL, web=OK).state == "healthy"


def test_one_throttled_vantage_is_per_ip() -> None:
    """No quorum, marked, and nothing proposed; alone it is unknown; everywhere it is an outage."""
    game = world("smtp", vantages=("a", "b", "c"))
    for _ in range(200):
        found = game.round(("smtp", FAIL, "throttled", "a"), ("smtp", OK, "", "b"), ("smtp", OK, "", "c"))
        assert found.state != "down" and found.action in {"none", "watch", "fix-own"}
    assert found.classes == ("H",) and "per IP" in " ".join(found.notes)
    alone = lasting(world("smtp"), 20, smtp=(FAIL, "throttled"))
    assert (alone.state, alone.classes) == ("unknown", ("H",))
    game = world("smtp", vantages=("a", "b", "c"))
    for _ in range(8):
        found = game.round(*(("smtp", FAIL, "throttled", v) for v in "abc"))
    assert (found.state, found.classes) == ("down", ("B",))


def test_our_own_credential_is_not_an_outage() -> None:
    """An expired secret makes Graph unknown, not down, and is said."""
    found = lasting(world("smtp", "entra"), 9, smtp=OK, entra=(UNKNOWN, "own-credential"))
    assert (found.state, found.classes, found.action) == ("unknown", ("H",), "fix-own")
    assert "entra" in " ".join(found.notes)


def test_a_vantage_with_a_wrong_clock_is_not_believed() -> None:
    """It is named, and the others decide."""
    game = Play(smtp(), vantages=("local", "b", "c"))
    for _ in range(9):
        found = game.round(("smtp", OK), ("smtp", FAIL, "", "b", game.wall + 25_200), ("smtp", OK, "", "c"))
    assert (found.state, found.classes) == ("healthy", ("H",)) and "clock" in " ".join(found.notes)


def test_silence_is_neither_failure_nor_recovery() -> None:
    """A prober that dies in a calm makes it unknown; in an outage, the outage stays open."""
    game = Play()
    game.rounds([OK] * 5)
    for _ in range(10):
        found = game.round()
    assert found.state == "unknown" and "silence is not failure" in " ".join(found.notes)
    game = Play()
    game.rounds([FAIL] * 8)
    for _ in range(200):
        found = game.round()
    assert found.state == "unknown" and found.stage == "confirmed" and found.action not in {"switch", "wait"}
    assert game.rounds([OK] * 12).state == "healthy"


def test_strangers_are_ignored() -> None:
    """Signals of probes and vantages that nobody configured."""
    game = Play()
    game.detector.take(Signal("nobody", "inbound", FAIL, T0))
    game.detector.take(Signal("smtp", "inbound", FAIL, T0, vantage="elsewhere"))
    game.round()
    assert game.detector.ignored == 2


# -- partial outages, many targets -------------------------------------------------------------------------------


def test_a_partial_outage_is_seen_and_left_to_people() -> None:
    """A third of the looks fails for hours: never down, never forgotten, never a proposal."""
    game, rng = Play(), random.Random(6)
    game.rounds([OK] * 20)
    game.rounds([FAIL if rng.random() < 0.3 else OK for _ in range(60)])
    last = [game.round(("smtp", FAIL if rng.random() < 0.3 else OK)) for _ in range(60)]
    assert all(d.action in {"ask", "watch"} for d in last) and any(d.partial and d.classes == ("B",) for d in last)
    assert all(d.stage != "healthy" for d in last[-30:])


def test_a_blip_is_not_partial() -> None:
    """Four failures in a row and then calm: suspect while it lasts, then healthy."""
    game = Play()
    game.rounds([OK] * 10 + [FAIL] * 4)
    assert game.heard[-1].state == "suspect"
    assert game.rounds([OK] * 4).state == "healthy"


def test_of_many_targets_half_must_be_down() -> None:
    """Two of ten domains are a partial outage, not one of the service."""
    watched = [smtp(f"smtp-{i}") for i in range(10)]
    game = Play(*watched)
    for _ in range(9):
        found = game.round(*((w.probe, FAIL if i < 2 else OK) for i, w in enumerate(watched)))
    assert found.state == "suspect" and found.partial and found.action == "ask"
    assert "2 of 10 targets" in " ".join(found.evidence)
    for _ in range(9):
        found = game.round(*((w.probe, FAIL if i < 6 else OK) for i, w in enumerate(watched)))
    assert found.state == "down" and found.classes == ("B",)


# -- clock and stages --------------------------------------------------------------------------------------------


def test_the_decision_clock() -> None:
    """B: two hours, then a switch is proposed; the senders' own limits are on the clock."""
    game = Play()
    found = game.rounds([FAIL] * 100)
    assert found.action == "wait" and found.decide_at == T0 + 7200
    assert [t for t, _ in found.clock] == [T0 + 7200, *(T0 + s for s, _ in GIVE_UP)]
    assert game.rounds([FAIL] * 21).action == "switch"
    game = world("smtp", "dns")
    found = lasting(game, 7, smtp=FAIL, dns=FAIL)
    assert found.decide_at == T0 + 1800
    assert lasting(game, 25, smtp=FAIL, dns=FAIL).action == "switch"


def test_an_outage_that_clears_before_its_time_proposes_nothing() -> None:
    """Thirty-nine minutes of class B: confirmed, never switched, closed half an hour after it cleared."""
    game = Play()
    game.rounds([FAIL] * 39 + [OK] * 60)
    assert not any(d.action == "switch" for d in game.heard)
    stages = [d.stage for d in game.heard]
    assert "confirmed" in stages and stages[-1] == "healthy"
    assert stages.index("closed") > 39 + 30


def test_from_active_to_closed() -> None:
    """Recovery is what our probes see, for long enough; going back is a person's."""
    game = Play()
    game.rounds([FAIL] * 10)
    game.detector.event("decided", game.now)
    assert game.rounds([FAIL]).action == "hold"
    game.detector.event("active", game.now)
    game.rounds([FAIL] * 20)
    assert game.rounds([OK] * 30).stage == "active"
    found = game.rounds([OK] * 12)
    assert found.stage == "recovering" and found.action in {"hold", "failback"}
    assert game.rounds([OK] * 30).action == "failback"
    assert game.rounds([FAIL] * 3).stage == "active"
    for event in ("failback", "draining", "closed"):
        game.detector.event(event, game.now)
        game.rounds([OK])
    assert game.rounds([OK] * 12).stage in {"closed", "healthy"}
    assert game.rounds([OK] * 40).stage == "healthy"


def test_a_run_that_is_turned_away_leaves_the_outage_open() -> None:
    """Nobody answered, or it failed: the proposal stands again, and the decision time is over when it is over."""
    game = Play(rules=Rules(confirm_for_s=60.0, decide_b_s=900.0))
    assert game.rounds([FAIL] * 8).stage == "confirmed"
    game.detector.event("decided", game.now)
    assert game.rounds([FAIL]).stage == "decided"
    game.detector.event("undecided", game.now)
    found = game.rounds([FAIL])
    assert found.stage == "confirmed" and found.action == "wait"
    assert game.rounds([FAIL] * 15).action == "switch"
    game.detector.event("active", game.now)
    game.detector.event("failback", game.now)
    game.detector.event("undecided", game.now)
    assert game.rounds([FAIL]).stage == "active"


def test_no_failback_before_the_dwell_time() -> None:
    """No ping-pong: an hour on the relay at least."""
    game = Play(rules=Rules(confirm_for_s=60.0, keep_firing_for_s=300.0))
    game.rounds([FAIL] * 8)
    game.detector.event("active", game.now)
    game.rounds([OK] * 40)
    assert game.heard[-1].stage == "recovering" and game.heard[-1].action == "hold"
    assert game.rounds([OK] * 30).action == "failback"


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.sampled_from([None, "decided", "undecided", "active", "failback", "draining", "closed"]),
        ),
        max_size=60,
    )
)
def test_stages_never_skip_confirmation(steps) -> None:
    """By looks alone an incident is confirmed before anything else; recovery only ever follows activity."""
    course, now, acted = Course(), 0.0, False
    for down, suspect, clear, event in steps:
        if event:
            course, acted = after_event(course, event, now), True
        before = course.stage
        course = after_look(
            course, down=down, suspect=suspect, clear=clear and not down and not suspect, now=now, rules=RULES
        )
        if course.stage == "recovering":
            assert before in {"active", "recovering"}
        if not acted:
            assert course.stage in {"healthy", "suspect", "confirmed", "closed"}
        now += 60.0
