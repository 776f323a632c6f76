"""What a run did not move: which domains, why, and what tries them again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.contracts.store import RunCard
from bcp.engine.left import Left, command, exit_code, headline, kept_domains, left_of, lines, to_try, unknown_hint


def view(*steps: tuple[str, dict], domains=("c.test", "b.test", "a.test")):
    state = {f"s{i}": SimpleNamespace(id=f"s{i}", status=s, outputs=o) for i, (s, o) in enumerate(steps)}
    return SimpleNamespace(id="run-1", plan={"domains": list(domains)}, state=SimpleNamespace(steps=state))


def ends(**states: str) -> dict:
    done = {f"{d}.test": s for d, s in states.items()}
    left = {d: {"state": s, "why": f"{d}: why"} for d, s in done.items() if s not in {"applied", "already"}}
    return {"states": done, "left": left}


def test_they_come_in_the_order_of_importance_with_what_may_be_tried_again() -> None:
    v = view(("ok", ends(a="conflict", b="applied", c="refused")))
    left = left_of(v)
    assert [(x.domain, x.state, x.step) for x in left] == [("c.test", "refused", "s0"), ("a.test", "conflict", "s0")]
    assert to_try(left) == ("c.test", "a.test") and command(v, left) == "bcp run --rest-of run-1"
    assert headline(left, 3) == "NOT moved: 2 of 3 domains" and kept_domains(v) == ("b.test",)


def test_what_is_in_doubt_stays_with_the_run_and_is_not_tried_again() -> None:
    v = view(("ok", ends(a="unknown", b="applied", c="refused")))
    left = left_of(v)
    assert to_try(left) == ("c.test",) and kept_domains(v) == ("b.test", "a.test")
    assert headline(left, 3) == "NOT moved: 1 of 3 domains; NOT KNOWN where mail goes: 1 of 3 domains"
    assert "a.test" in unknown_hint(v, left) and "bcp failback run-1" in unknown_hint(v, left)
    assert not unknown_hint(v, left[:1])
    alone = left_of(view(("ok", ends(a="unknown", b="applied"))))
    assert headline(alone, 3) == "NOT KNOWN where mail goes: 1 of 3 domains" and not command(v, alone)


def test_nothing_is_left_where_all_moved_or_the_step_failed_or_was_undone() -> None:
    assert left_of(view(("ok", ends(a="applied")))) == () and headline((), 3) == "" == command(view(), ())
    for status in ("failed", "undone", "in_doubt"):
        assert left_of(view((status, ends(a="conflict", b="applied")))) == ()


def test_another_switch_of_the_same_run_may_have_moved_it_later() -> None:
    assert left_of(view(("ok", ends(a="conflict", b="applied")), ("ok", ends(a="applied")))) == ()


def test_a_number_that_another_step_calls_left_is_none_of_ours() -> None:
    assert left_of(view(("ok", {"left": 3}), ("ok", {"items": [1, {"left": ["x"]}]}))) == ()


def test_items_are_read_too() -> None:
    found = left_of(view(("ok", {"items": [ends(a="applied"), ends(b="refused")]})))
    assert [x.domain for x in found] == ["b.test"]


def test_a_later_run_that_has_it_is_named_and_one_that_ended_in_vain_is_not() -> None:
    v = view(("ok", ends(a="conflict", b="refused", c="applied")))
    cards = [
        RunCard("run-2", "holding", targets=("mx:a.test",), moved_at=1.0),
        RunCard("run-3", "failed", targets=("mx:b.test",)),
        RunCard("run-1", "holding", targets=("mx:b.test",), moved_at=1.0),
    ]
    left = left_of(v, cards)
    assert {x.domain: x.since for x in left} == {"a.test": "run-2", "b.test": ""}
    assert to_try(left) == ("b.test",) and "(taken up by run-2)" in "\n".join(lines(left))


def test_each_reason_stands_once_however_many_domains_have_it() -> None:
    left = [Left(f"{i}.test", "refused", "the host is away", "mx") for i in range(300)]
    assert lines(left) == ["0.test, 1.test, 2.test and 297 more: refused: the host is away"]
    other = [Left(f"{i}.test", "conflict", f"reason {i}", "mx") for i in range(8)]
    assert len(lines(other)) == 6 and lines(other)[-1] == "and 3 more for 3 other reasons"


@pytest.mark.parametrize(
    ("code", "left", "right"),
    [
        (0, [], 0),
        (0, [Left("a.test", "conflict", "", "mx")], 1),
        (0, [Left("a.test", "refused", "", "mx"), Left("b.test", "unknown", "", "mx")], 4),
        (0, [Left("a.test", "conflict", "", "mx", "run-2")], 0),
        (0, [Left("a.test", "unknown", "", "mx", "run-2")], 4),
        (5, [Left("a.test", "unknown", "", "mx")], 5),
    ],
)
def test_the_exit_code_is_good_only_where_nothing_is_left_for_a_person(code, left, right) -> None:
    """What another run has taken up is that run's; what is in doubt stays in doubt."""
    assert exit_code(code, left) == right
