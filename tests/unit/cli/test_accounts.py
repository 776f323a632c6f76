"""``bcp user`` and ``bcp token``: secrets are shown once, and what is refused changes nothing."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys

import pytest

from bcp.cli import accounts, render
from bcp.kernel.errors import BcpError, Invalid

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    monkeypatch.setenv("BCP_PASSWORD", GOOD)
    return render.OUT


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


def stored(house):
    """The accounts as the daemon reads them; the caller closes them."""
    return accounts.accounts_of(house.app)


def test_an_account_is_made_listed_changed_and_removed(house, said) -> None:
    accounts.add_user("alice", "approver")
    made = said()
    assert (made["contact"], made["role"]) == ("alice", "approver") and made["url"].startswith("otpauth://")
    accounts.list_users()
    assert [(u["name"], u["disabled"]) for u in said()["users"]] == [("alice", False)]
    accounts.role("alice", "viewer")
    assert said()["role"] == "viewer"
    accounts.totp("alice")
    again = said()
    assert again["totp"] != made["totp"]
    accounts.remove_user("alice")
    assert said()["removed"] is True
    accounts.list_users()
    assert said()["users"] == []


def test_every_change_is_in_the_chain_of_the_book_without_a_secret(house, said) -> None:
    accounts.add_user("alice")
    secret = said()["totp"]
    accounts.password("alice")
    accounts.remove_user("alice")
    kinds = sorted(e.kind for e in house.book.events())
    assert kinds == ["user_added", "user_password", "user_removed"]
    told = repr(house.book.events())
    assert GOOD not in told and secret not in told


def test_another_password_ends_the_sessions(house) -> None:
    accounts.add_user("alice")
    book = stored(house)
    value = book.begin("alice", "127.0.0.1")
    assert book.session(value) is not None
    accounts.password("alice")
    assert book.session(value) is None and book.password_is("alice", GOOD)
    book.close()


def test_a_password_is_typed_twice_where_none_is_given(house, monkeypatch) -> None:
    monkeypatch.delenv("BCP_PASSWORD")
    typed = [GOOD, GOOD + "!", GOOD, GOOD]
    monkeypatch.setattr(render, "ask_secret", lambda question: typed.pop(0))
    with pytest.raises(Invalid, match="not the same"):
        accounts.add_user("alice")
    book = stored(house)
    assert book.user("alice") is None
    accounts.add_user("alice")
    assert book.password_is("alice", GOOD)
    book.close()


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "alice alice alice"])
def test_a_weak_password_is_refused(house, monkeypatch, password) -> None:
    monkeypatch.setenv("BCP_PASSWORD", password)
    with pytest.raises(Invalid):
        accounts.add_user("alice")
    book = stored(house)
    assert book.user("alice") is None and house.book.events() == []
    book.close()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (lambda: accounts.add_user("x", "king"), "no role 'king'"),
        (lambda: accounts.add_user("x", contact="alise"), "no contact 'alise'"),
        (lambda: accounts.role("x", "viewer"), "no account 'x'"),
        (lambda: accounts.password("x"), "no account 'x'"),
        (lambda: accounts.totp("x"), "no account 'x'"),
        (lambda: accounts.remove_user("x"), "no account 'x'"),
        (lambda: accounts.remove_token("x"), "no token 'x'"),
        (lambda: accounts.add_token("x", ["approve"], contact="alise"), "no contact 'alise'"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_is_noted(house, command, words) -> None:
    with pytest.raises(Invalid, match=words):
        command()
    assert house.book.events() == []


def test_a_role_that_is_none_is_not_given(house) -> None:
    accounts.add_user("alice", "viewer")
    with pytest.raises(BcpError):
        accounts.role("alice", "king")
    book = stored(house)
    assert book.user("alice").role == "viewer"
    book.close()


def test_a_token_is_made_listed_and_made_invalid(house, said) -> None:
    accounts.add_token("ci", ["read", "report"], "7d")
    value = said()["token"]
    book = stored(house)
    assert set(book.token(value).scopes) == {"read", "report"}
    accounts.list_tokens()
    listed = said()["tokens"]
    assert [t["name"] for t in listed] == ["ci"] and value not in json.dumps(listed)
    accounts.remove_token("ci")
    assert book.token(value) is None
    book.close()


@pytest.mark.parametrize("valid", ["soon", "-1d", ""])
def test_a_life_that_is_no_duration_is_refused(house, valid) -> None:
    with pytest.raises(Invalid, match="--valid"):
        accounts.add_token("ci", ["read"], valid)
    book = stored(house)
    assert book.tokens() == []
    book.close()


def test_people_are_told_in_words(house, capsys, as_json) -> None:
    as_json.json = False
    accounts.list_users()
    accounts.list_tokens()
    told = capsys.readouterr().out.splitlines()
    assert told == ["No accounts yet: bcp user add NAME", "No tokens yet: bcp token add NAME --scope read"]
    accounts.add_user("dora", "viewer", email="dora@corp.test")
    told = capsys.readouterr().out
    assert told.startswith("Account dora, viewer.\n") and "not shown again" in told  # no contact of that name
    accounts.add_token("ci", ["read"])
    accounts.list_users()
    accounts.list_tokens()
    told = capsys.readouterr().out
    assert "NAME  ROLE" in told and "never used" in told


def test_at_a_terminal_the_secret_is_also_a_code_for_the_camera(monkeypatch) -> None:
    assert accounts._to_scan("otpauth://totp/x") == ""
    monkeypatch.setattr(accounts.sys.stdout, "isatty", lambda: True, raising=False)
    assert "█" in accounts._to_scan("otpauth://totp/x") or "▀" in accounts._to_scan("otpauth://totp/x")


def test_a_package_that_is_missing_is_named_with_the_remedy(monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *more, **given):
        if name == "argon2":
            raise ImportError("no", name="argon2")
        return real(name, *more, **given)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Invalid, match="argon2 is missing") as caught:
        accounts.need_serve()
    assert "bcp-mail[serve]" in caught.value.hint


@pytest.mark.parametrize("name", ["fastapi", "uvicorn"])
def test_the_web_server_is_looked_for_and_not_loaded(monkeypatch, name) -> None:
    """A token is made by commands that serve nothing."""
    accounts.need_serve()
    found = accounts.find_spec
    monkeypatch.setattr(accounts, "find_spec", lambda n: None if n == name else found(n))
    with pytest.raises(Invalid, match=f"{name} is missing"):
        accounts.need_serve()
    monkeypatch.setattr(accounts, "find_spec", found)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Invalid, match=f"{name} is missing"):
        accounts.need_serve()


def test_a_token_is_made_without_a_web_server() -> None:
    """It takes 0.1 s of CPU to load."""
    code = "import sys; from bcp.cli.accounts import need_serve; need_serve(); print('fastapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "False\n"


def test_no_password_without_a_terminal_is_said_to_be_none(house, monkeypatch) -> None:
    monkeypatch.delenv("BCP_PASSWORD")
    monkeypatch.setattr("sys.stdin", open("/dev/null"))
    with pytest.raises(Invalid) as caught:
        accounts.add_user("alice", "approver")
    assert caught.value.rule == "no-password" and "BCP_PASSWORD" in caught.value.hint


def test_whoever_only_lists_writes_nothing(house, capsys) -> None:
    """Neither a key nor a file of accounts, and a read-only folder will do."""
    state = house.folder / ".bcp"
    before = sorted(p.name for p in state.iterdir())
    accounts.list_users()
    accounts.list_tokens()
    assert sorted(p.name for p in state.iterdir()) == before and "accounts.db" not in before
    accounts.add_user("alice")
    (state / "serve.key").unlink()
    capsys.readouterr()
    accounts.list_users()
    assert [u["name"] for u in json.loads(capsys.readouterr().out)["users"]] == ["alice"] and not (
        state / "serve.key"
    ).exists()


@pytest.mark.parametrize(
    ("command", "first", "then"),
    [
        (lambda: accounts.remove_user("alise"), "bcp user add NAME", "Did you mean 'alice'?"),
        (lambda: accounts.remove_token("alise"), "There are no tokens yet.", "Did you mean 'alice'?"),
    ],
)
def test_who_is_not_there_is_answered_with_who_is(house, command, first, then) -> None:
    with pytest.raises(Invalid) as none:
        command()
    accounts.add_user("alice")
    accounts.add_token("alice", ["read"])
    with pytest.raises(Invalid) as one:
        command()
    assert first in none.value.hint and one.value.hint == then
