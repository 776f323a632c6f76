"""A person says what became of a domain that a switch left in doubt while its others moved: it is another run's then,
or stays moved. What stands there must not say the contrary."""

from __future__ import annotations

import pytest

from bcp.contracts.dns import Reading
from bcp.deeds import settle as deeds
from bcp.deeds.plan import PlanRequest
from bcp.deeds.rest import again, kept_back
from bcp.deeds.settle import Settle, settle
from bcp.engine.left import kept_domains
from bcp.engine.moves import Moves
from bcp.kernel.errors import Missing, Refused
from bcp.store.targets import said_of

from .house import MOVED, NEW, OLD, House, person

DOUBT = {
    **MOVED,
    "states": {"corp.test": "unknown", "other.test": "applied"},
    "left": {"corp.test": {"state": "unknown", "why": "it fell silent"}},
}


def doubtful(house: House, outputs=DOUBT) -> str:
    return house.switched(outputs)


@pytest.mark.parametrize("outputs", [DOUBT, {"items": [DOUBT]}], ids=["one", "items"])
def test_a_domain_that_has_what_it_had_is_given_up_and_tried_again(house, outputs) -> None:
    run = doubtful(house, outputs)
    assert kept_back(house.app, run) and "bcp settle run-1 corp.test" in kept_back(house.app, run)
    done = house.do(settle(house.ground, person("alice"), Settle(run, "Corp.test.", False, "I looked")))
    assert (done.keys, done.by, done.then) == (("corp.test",), "alice", "bcp run --rest-of run-1")
    assert again(house.app, run, PlanRequest("")).domains == ("corp.test",) and kept_back(house.app, run) == ""
    event = next(e for e in house.runs.view(run).record.events if e.kind == "doubt_settled")
    assert (event.actor, event.step, event.data["reason"], event.data["how"]) == ("alice", "mx", "I looked", "a test")
    with pytest.raises(Missing):
        house.do(settle(house.ground, person("alice"), Settle(run, "corp.test", True)))


def test_a_domain_that_was_moved_stays_with_its_run(house) -> None:
    run = doubtful(house)
    done = house.do(settle(house.ground, person("alice"), Settle(run, "corp.test", True)))
    assert done.then == "" and kept_domains(house.runs.view(run)) == ("corp.test",)
    with pytest.raises(Refused, match="left no domain"):
        again(house.app, run, PlanRequest(""))


@pytest.mark.parametrize(("happened", "stands"), [(True, OLD), (False, NEW)])
def test_a_word_that_what_stands_there_contradicts_is_not_taken(house, monkeypatch, happened, stands) -> None:
    """Given up with its mail at the relay, no run would put it back."""

    async def read_all(domains, services):
        return [Reading(d, d, stands) for d in domains]

    monkeypatch.setattr(deeds, "read_all", read_all)
    run = doubtful(house)
    with pytest.raises(Refused) as caught:
        house.do(settle(house.ground, person("alice"), Settle(run, "corp.test", happened)))
    assert caught.value.rule == "seen-otherwise" and str(stands) in caught.value.message
    assert not [e for e in house.runs.view(run).record.events if e.kind == "doubt_settled"]
    house.do(settle(house.ground, person("alice"), Settle(run, "corp.test", not happened)))


def test_a_step_s_name_means_all_of_them_but_what_the_host_contradicts(house, monkeypatch) -> None:
    """A host that died left 150 in doubt at once."""
    left = {d: {"state": "unknown", "why": "it fell silent"} for d in ("corp.test", "two.test")}
    both = {k: dict.fromkeys(left, DOUBT[k]["corp.test"]) for k in ("before", "after")}
    house.app.world.domains["two.test"] = house.app.world.domains["corp.test"]
    run = doubtful(house, {**both, "left": left, "states": dict.fromkeys(left, "unknown")})
    assert "bcp settle run-1 mx" in kept_back(house.app, run)

    async def read_all(domains, services):
        return [Reading(d, d, NEW if d == "two.test" else OLD) for d in domains]

    monkeypatch.setattr(deeds, "read_all", read_all)
    done = house.do(settle(house.ground, person("alice"), Settle(run, "mx", False)))
    assert done.keys == ("corp.test",) and done.seen == {"two.test": str(NEW)}
    assert again(house.app, run, PlanRequest("")).domains == ("corp.test",)


def test_a_run_that_somebody_works_on_hears_of_it(house) -> None:
    from bcp.engine.heard import meaning

    run = doubtful(house)
    lock = house.runs.lock(run)
    assert lock.take()
    house.do(settle(house.ground, person("alice"), Settle(run, "corp.test", False)))
    lock.release()
    (signal,) = house.signals(run)
    moves: Moves = None  # type: ignore[assignment]  # of no use to a word
    (draft,) = meaning(signal, moves)
    assert (draft.kind, draft.step, draft.actor) == ("doubt_settled", "mx", "alice")
    assert said_of(DOUBT, draft.data)["left"] == {
        "corp.test": {"state": "refused", "why": "alice looked: it has what it had"}
    }


def test_what_is_certain_already_and_what_names_no_domain_change_nothing() -> None:
    sure = {"left": {"a.test": {"state": "conflict", "why": "x"}}, "states": {"a.test": "conflict"}}
    assert said_of(sure, {"domain": "a.test", "state": "applied"}) == sure
    assert said_of(DOUBT, {"part": True}) is DOUBT and said_of({}, {"domain": "a.test", "state": "refused"}) == {}
