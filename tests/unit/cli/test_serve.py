"""``bcp serve`` before it serves: what is missing is said, and a unit file is printed."""

from __future__ import annotations

import json

import pytest
import typer

from bcp.cli import accounts, render, serve
from bcp.kernel.errors import Invalid
from bcp.settings.serve import ServeSettings

CHANNEL = "channels: {text: {kind: ntfy, url: 'http://127.0.0.1:1', topic: t}}\n"


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


def test_where_nobody_can_be_asked_the_check_fails_and_says_so(house, capsys) -> None:
    with pytest.raises(typer.Exit) as ended:
        serve.serve(check=True)
    found = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 1 and found["ok"] is False
    assert found["items"]["by"].startswith("NO CHANNEL") and found["items"]["accounts"].startswith("none yet")
    assert found["items"]["asks"] == "alice, bob"


def test_who_is_asked_and_who_may_look(house, capsys, monkeypatch) -> None:
    monkeypatch.setenv("BCP_PASSWORD", "correct horse battery")
    accounts.add_user("alice")
    capsys.readouterr()
    config = house.folder / "bcp.yaml"
    config.write_text(
        config.read_text()
        + "serve: {public_url: 'https://bcp.corp.test', hooks: {am: {kind: alertmanager, auth: {bearer: ['env:X']}}}}\n"
    )
    with pytest.raises(typer.Exit):
        serve.serve(check=True)
    items = json.loads(capsys.readouterr().out)["items"]
    assert items["accounts"] == "1" and items["public url"] == "https://bcp.corp.test"
    assert items["hook am"].startswith("POST /hooks/am (alertmanager")


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:", "127.0.0.1:99999", "0.0.0.0:x", "a b:80"])
def test_an_address_that_is_none_is_refused(listen) -> None:
    with pytest.raises(Invalid, match="not HOST:PORT"):
        serve._listening(listen, ServeSettings())


def test_another_address_and_the_rest_stays() -> None:
    before = ServeSettings(public_url="https://bcp.corp.test")
    found = serve._listening("127.0.0.1:9090", before)
    assert (found.listen, found.public_url) == ("127.0.0.1:9090", before.public_url)


def test_a_unit_for_this_configuration_without_rights(house, capsys) -> None:
    serve.serve(unit=True, listen="127.0.0.1:9090")
    told = capsys.readouterr().out
    assert f"--config {house.folder / 'bcp.yaml'} serve" in told and "User=bcp" in told
    assert f"ReadWritePaths={house.app.configuration.state}" in told and "NoNewPrivileges=yes" in told


def checked(house, capsys, people: str, more: str) -> tuple[int, dict[str, str]]:
    (house.folder / "contacts.csv").write_text(people)
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text() + more)
    code = 0
    try:
        serve.serve(check=True)
    except typer.Exit as ended:
        code = ended.exit_code
    return code, json.loads(capsys.readouterr().out)["items"]


SMS = "channels: {text: {kind: twilio-sms, account_sid: 'file:a', auth_token: 'file:b', from: '+12025550100'}}\n"


@pytest.mark.parametrize("people", [("", ""), ("+491701234567", ""), ("+491701234567", "+491701234568")])
def test_where_no_question_reaches_anybody_the_check_says_so(house, capsys, people) -> None:
    """Nobody on call has a phone: a channel alone wakes nobody up."""
    for name in "ab":
        (house.folder / name).write_text("AC" + "0" * 32)
    rows = "".join(f"{n},{phone},staff;oncall\n" for n, phone in zip(("alice", "bob"), people, strict=True))
    code, items = checked(house, capsys, f"id,phone,groups\n{rows}", SMS)
    deaf = [n for n, phone in zip(("alice", "bob"), people, strict=True) if not phone]
    assert code == 1 or len(deaf) < 2
    assert items.get("in person", "").startswith("NOBODY") is (len(deaf) == 2)
    assert items.get("not in person", "").startswith("bob: no phone") is (deaf == ["bob"])


def test_a_secret_that_is_not_there_fails_the_check(house, capsys) -> None:
    (house.folder / "a").write_text("AC" + "0" * 32)
    rows = "id,phone,groups\nalice,+491701234567,staff;oncall\nbob,+491701234568,staff;oncall\n"
    code, items = checked(house, capsys, rows, SMS)
    assert code == 1 and items["channels: text: auth_token"].startswith("NOT SET: cannot read the secret file")
    assert "channels: text: account_sid" not in items


def test_a_name_that_begins_like_a_no_fails_nothing(house, capsys, monkeypatch) -> None:
    """NORA is on call; nothing else is wrong."""
    monkeypatch.setattr("bcp.deeds.readiness.papers.unset_secrets", lambda app: iter(()))
    monkeypatch.setattr(serve, "_unready", lambda app: [])
    for name in "ab":
        (house.folder / name).write_text("AC" + "0" * 32)
    rows = "id,phone,groups\nNORA,+491701234567,staff;oncall\nbob,+491701234568,staff;oncall\n"
    code, items = checked(house, capsys, rows, SMS)
    assert items["asks"] == "NORA, bob"
    others = {k: v for k, v in items.items() if v.startswith("NO") and k != "asks"}
    assert (code, others) == (0, {})
