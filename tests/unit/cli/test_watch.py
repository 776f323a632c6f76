"""``bcp watch --run``: when a playbook starts by itself, and when not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support import ROOT

from bcp.cli import render
from bcp.cli.watch import _Starter
from bcp.detect.verdict import Decision
from bcp.kernel.errors import Refused
from bcp.playbook.load import load


def starter(name: str = "exchange-inbound-outage") -> _Starter:
    """With a shipped playbook, and nobody who approved in advance."""
    app = SimpleNamespace(settings=SimpleNamespace(approvals=SimpleNamespace(standing=[])))
    return _Starter(app, load(ROOT / "playbooks" / f"{name}.yaml"), hold=True)


@pytest.mark.parametrize("classes", [("A",), ("C", "D"), ("G",), ("H",), ()])
def test_an_outage_of_another_class_ends_the_watch(classes) -> None:
    """Moving MX does not help where nobody can log in: the wrong playbook is never started, and it is said."""
    with pytest.raises(Refused) as caught:
        starter().wants(Decision("down", classes, action="switch"))
    assert caught.value.rule == "wrong-class" and "bcp playbook list" in caught.value.hint
    assert (", ".join(classes) or "?") in caught.value.message and "exchange-inbound-outage" in caught.value.message


@pytest.mark.parametrize("state", ["healthy", "suspect", "unknown"])
def test_what_is_not_down_is_of_no_class_yet(state) -> None:
    """Nothing is started, and nothing is refused."""
    assert starter().wants(Decision(state, ("D",))) is False


@pytest.mark.parametrize("classes", [("B",), ("A", "B"), ("E",)])
def test_one_class_that_it_covers_is_enough(classes) -> None:
    assert starter().wants(Decision("down", classes, action="switch")) is True


def test_a_service_that_comes_and_goes_is_left_to_people(monkeypatch) -> None:
    """Said once, however often it is seen."""
    warned: list[str] = []
    monkeypatch.setattr(render, "warn", warned.append)
    made, found = starter(), Decision("down", ("B",), action="switch", flapping=True, flap=62.0)
    assert not made.wants(found) and not made.wants(found)
    assert len(warned) == 1 and "flapping (62 %)" in warned[0]
