"""``bcp ready``: a plain sentence first, then what to do; 0 when everything is ready, else 3."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import typer

from bcp.cli import ready, render
from bcp.contracts.readiness import Check
from bcp.deeds.readiness import look as looking
from bcp.kernel.errors import Missing, StorageError
from bcp.ready.standing import standings

RED = Check("channel", "sms", "fail", "sms: Authenticate", "Check the token.", None, ("out",))
GREEN = replace(RED, state="ok", says="fine", hint="")


@pytest.fixture
def seen(house, monkeypatch):
    """What the look sees, as the test says."""
    told: dict[str, Any] = {"checks": (GREEN,)}

    async def look(app: Any) -> looking.Found:
        checks = told["checks"]
        return looking.Found(house.app.clock.now(), checks, tuple(standings({"out": "Out"}, checks)))

    monkeypatch.setattr(looking, "look", look)
    return told


def said(capsys, *words: str, **options: Any) -> tuple[int, str]:
    """Exit code and what was printed."""
    try:
        ready.ready(*words, **{"last": False, "everything": False, "history": False, **options})
        code = 0
    except typer.Exit as ended:
        code = ended.exit_code
    return code, capsys.readouterr().out


def test_ready_is_zero(seen, capsys) -> None:
    code, out = said(capsys)
    assert code == 0 and out.startswith("out is ready.") and "100 %" in out


def test_not_ready_is_three_with_the_reason_and_what_to_do(seen, capsys) -> None:
    seen["checks"] = (RED,)
    code, out = said(capsys)
    assert code == 3 and out.startswith("out is not ready: sms: Authenticate.")
    assert "> Check the token." in out and "not-ready" in out


@pytest.mark.parametrize("state", ["risk", "unknown"])
def test_at_risk_is_three_too(seen, capsys, state) -> None:
    seen["checks"] = (replace(RED, state=state),)
    assert said(capsys)[0] == 3


def test_what_holds_is_shown_when_it_is_asked_for(seen, capsys) -> None:
    assert "fine" not in said(capsys)[1] and "fine" in said(capsys, everything=True)[1]


def test_the_last_look_is_shown_without_looking(seen, capsys) -> None:
    with pytest.raises(Missing) as caught:
        said(capsys, last=True)
    assert caught.value.rule == "never-looked"
    seen["checks"] = (RED,)
    said(capsys)
    seen["checks"] = (GREEN,)
    code, out = said(capsys, last=True)
    assert code == 3 and "sms: Authenticate" in out


def test_history_tells_what_changed(seen, capsys) -> None:
    assert "Nothing changed" in said(capsys, history=True)[1]
    seen["checks"] = (RED,)
    out = said(capsys, history=True)[1]
    assert "ok -> fail" in out and "channel sms" in out


def test_json_has_everything(seen, capsys, monkeypatch) -> None:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    seen["checks"] = (RED,)
    code, out = said(capsys, history=True)
    data = json.loads(out)
    assert code == 3 and data["schema"] == "bcp.ready/1" and data["level"] == "not-ready"
    assert data["playbooks"][0]["reasons"] == [{"code": "channel", "subject": "sms", "state": "fail"}]
    assert data["changes"][0]["after"] == "fail"


def test_a_playbook_that_is_not_looked_at_is_said(seen, capsys) -> None:
    assert said(capsys, "out")[0] == 0
    with pytest.raises(Missing) as caught:
        said(capsys, "outt")
    assert "out" in caught.value.hint


def test_a_disk_that_is_full_hides_nothing(seen, capsys, monkeypatch) -> None:
    def full(store: Any, found: Any) -> Any:
        raise StorageError("the disk is full", hint="Free space.")

    monkeypatch.setattr(looking, "kept", full)
    seen["checks"] = (RED,)
    with pytest.raises(typer.Exit):
        ready.ready("", False, False, False)
    shown = capsys.readouterr()
    assert "sms: Authenticate" in shown.out and "the disk is full" in shown.err
