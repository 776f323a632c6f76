"""What the console's forms refuse before any deed is called."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from corefakes import Core

from bcp.kernel.errors import Missing, Refused
from bcp.server.console import deeds
from bcp.server.signin.accounts import TRIES, Accounts

KEY = b"k" * 32
OLD, NEW = "correct horse battery", "another long sentence"


@pytest.fixture
def site(tmp_path):
    """Anna has an account; one playbook is there."""
    core = Core(tmp_path)
    core.app.playbooks.files = lambda: {"out": tmp_path / "out.yaml"}
    accounts = Accounts(tmp_path / "accounts.db", core.clock, KEY, idle_s=60, session_s=600)
    accounts.add("anna", "alice", "admin", OLD)
    daemon = SimpleNamespace(app=core.app, core=core, writer=SimpleNamespace(do=core.do))
    yield SimpleNamespace(daemon=daemon, accounts=accounts, peer=lambda request: "192.0.2.1")
    accounts.close()


def send(view, site, **fields: str):
    """Anna sends a form."""
    session = SimpleNamespace(user=site.accounts.user("anna"))
    return asyncio.run(view(site, SimpleNamespace(), session, {k: [v] for k, v in fields.items()}))


@pytest.mark.parametrize("name", ["", "nowhere", "../out", "/etc/passwd", "out.yaml", "./out.yaml", "x" * 5000])
def test_only_a_playbook_by_its_name_is_planned(site, name) -> None:
    """The command line may name a file; a browser may not. Nothing is planned, and nothing noted."""
    with pytest.raises(Missing) as caught:
        send(deeds.make_plan, site, playbook=name)
    assert caught.value.rule == "no-such-playbook" and len(caught.value.message) < 100
    assert site.daemon.core.kinds() == []


def test_a_password_is_changed_by_who_knows_it_alone(site) -> None:
    """Whoever finds a browser open does not: the old one still works, every session lives, and the chain is silent."""
    session = site.accounts.begin("anna", "192.0.2.1")
    for wrong in ("", "wrong", OLD.upper(), NEW):
        with pytest.raises(Refused) as caught:
            send(deeds.password, site, old=wrong, new=NEW)
        assert caught.value.rule == "old-password" and NEW not in str(caught.value)
    assert site.accounts.password_is("anna", OLD) and not site.accounts.password_is("anna", NEW)
    assert site.accounts.session(session) is not None and site.daemon.core.kinds() == []


def test_wrong_tries_are_counted_until_the_form_is_shut(site) -> None:
    """It is no place to guess; the right one does not open it either then."""
    for _ in range(TRIES):
        with pytest.raises(Refused) as caught:
            send(deeds.password, site, old="wrong", new=NEW)
        assert caught.value.rule == "old-password"
    with pytest.raises(Refused) as caught:
        send(deeds.password, site, old=OLD, new=NEW)
    assert caught.value.rule == "locked" and site.accounts.password_is("anna", OLD)


def test_the_right_one_changes_it_and_ends_every_session(site) -> None:
    """And the chain has it."""
    session = site.accounts.begin("anna", "192.0.2.1")
    done = send(deeds.password, site, old=OLD, new=NEW)
    assert done.headers["location"] == "/login" and site.daemon.core.kinds() == ["password_changed"]
    assert site.accounts.password_is("anna", NEW) and site.accounts.session(session) is None
