"""Accounts, proofs, sessions and tokens: each ends when it should, is used once, and is kept without its value."""

from __future__ import annotations

import resource

import pyotp
import pytest

from bcp.kernel.errors import BcpError, Invalid, StorageError
from bcp.server.signin import accounts as module
from bcp.server.signin.accounts import SCOPES, Accounts, verified
from bcp.testing.clock import FakeClock

KEY = b"k" * 32
GOOD, OTHER = "correct horse battery", "another horse battery"
DEAR = module.DUMMY  # read before quick ones take its place


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def accounts(tmp_path, clock, monkeypatch):
    """A file of accounts, with a hash that is quick."""
    monkeypatch.setattr(module, "hashed", lambda password: f"#{password}")
    monkeypatch.setattr(module, "verified", lambda stored, password: stored == f"#{password}")
    made = Accounts(tmp_path / "accounts.db", clock, KEY, idle_s=60, session_s=600)
    yield made
    made.close()


# -- users -----------------------------------------------------------------------------------------------------------


def test_an_account_is_kept_without_password_and_secret(accounts, tmp_path) -> None:
    secret = accounts.add("ann", "alice", "approver", GOOD, email="Ann@Corp.Test")
    (ann,) = accounts.users()
    assert (ann.name, ann.contact, ann.role, ann.disabled) == ("ann", "alice", "approver", False)
    assert accounts.user("ann") == ann and accounts.user("ben") is None
    assert secret.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


def test_a_name_is_given_once(accounts) -> None:
    accounts.add("ann", "", "viewer", GOOD)
    with pytest.raises(BcpError):
        accounts.add("ann", "", "admin", OTHER)
    assert accounts.user("ann").role == "viewer" and accounts.password_is("ann", GOOD)


@pytest.mark.parametrize(
    ("role", "password"),
    [
        ("king", GOOD),
        ("viewer", "short"),
        ("viewer", "x" * 501),
        ("viewer", "aaaaaaaabbbb"),
        ("viewer", "ANN is so good"),
    ],
)
def test_a_role_or_a_password_that_will_not_do_makes_none(accounts, role, password) -> None:
    with pytest.raises(Invalid):
        accounts.add("ann", "", role, password)
    assert accounts.users() == []


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", 1), ("operator", 2), ("approver", 3), ("admin", 4)],
)
def test_a_role_may_what_lower_ones_may_and_a_closed_account_nothing(accounts, role, may) -> None:
    accounts.add("ann", "", role, GOOD)
    roles = ("viewer", "operator", "approver", "admin")
    assert [accounts.user("ann").may(r) for r in roles] == [True] * may + [False] * (4 - may)
    accounts.disable("ann")
    assert not any(accounts.user("ann").may(r) for r in roles)
    accounts.disable("ann", off=False)
    assert accounts.user("ann").may("viewer")


def test_an_address_is_somebodys_only_when_it_is_one_persons(accounts) -> None:
    accounts.add("ann", "", "viewer", GOOD, email="a@corp.test")
    accounts.add("ben", "", "viewer", GOOD)
    assert accounts.by_email("A@Corp.Test").name == "ann"
    assert accounts.by_email("") is None and accounts.by_email("x@corp.test") is None
    accounts.add("eve", "", "viewer", GOOD, email="a@corp.test")
    assert accounts.by_email("a@corp.test") is None


# -- proof -----------------------------------------------------------------------------------------------------------


def test_a_password_is_that_of_an_open_account(accounts) -> None:
    accounts.add("ann", "", "viewer", GOOD)
    assert accounts.password_is("ann", GOOD) and not accounts.password_is("ann", OTHER)
    assert not accounts.password_is("nobody", GOOD)
    accounts.disable("ann")
    assert not accounts.password_is("ann", GOOD)


@pytest.mark.parametrize("stored", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$x$y", DEAR])
def test_a_hash_that_is_none_is_nobodys(stored) -> None:
    assert verified(stored, GOOD) is False


@pytest.mark.usefixtures("real_passwords")
def test_a_hash_is_dear_and_a_name_that_nobody_has_costs_as_much() -> None:
    """RFC 9106 for little memory; the same for the hash that is verified where there is no account."""
    made = module.hashed(GOOD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and verified(made, GOOD) and not verified(made, OTHER)
    assert DEAR.rpartition("$")[0].rpartition("$")[0] == made.rpartition("$")[0].rpartition("$")[0]


@pytest.mark.parametrize(("late", "counts"), [(-31, False), (-30, True), (0, True), (59, True), (60, False)])
def test_a_code_may_be_a_step_early_or_late(accounts, clock, late, counts) -> None:
    secret = accounts.add("ann", "", "viewer", GOOD)
    now = int(clock.now()) // 30 * 30
    clock.set(now + 1)
    code = pyotp.TOTP(secret).at(now + late)
    assert accounts.code_is("ann", code) is counts


def test_a_code_counts_once_and_so_do_those_before_it(accounts, clock) -> None:
    secret = accounts.add("ann", "", "viewer", GOOD)
    now = int(clock.now())
    before, code = pyotp.TOTP(secret).at(now - 30), pyotp.TOTP(secret).at(now)
    assert accounts.code_is("ann", code)
    assert not accounts.code_is("ann", code) and not accounts.code_is("ann", before)


@pytest.mark.parametrize("code", ["", "abcdef", "١٢٣٤٥٦", "12 345"])
def test_what_is_no_code_is_none(accounts, code) -> None:
    accounts.add("ann", "", "viewer", GOOD)
    assert not accounts.code_is("ann", code) and not accounts.code_is("nobody", "123456")


def test_a_key_of_ours_that_changed_is_said(accounts, tmp_path, clock) -> None:
    accounts.add("ann", "", "viewer", GOOD)
    other = Accounts(tmp_path / "accounts.db", clock, b"x" * 32, idle_s=60, session_s=600)
    with pytest.raises(Invalid, match="key has changed") as caught:
        other.code_is("ann", "123456")
    assert "bcp user totp" in caught.value.hint
    other.close()


# -- sessions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cookie(accounts) -> str:
    accounts.add("ann", "", "viewer", GOOD)
    return accounts.begin("ann", "127.0.0.1")


def test_a_session_is_found_by_its_cookie_alone(accounts, cookie, tmp_path) -> None:
    found = accounts.session(cookie)
    assert found.user.name == "ann" and found.csrf and found.csrf != cookie
    assert accounts.session("") is None and accounts.session(cookie + "x") is None
    assert cookie.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


def test_it_ends_when_nothing_was_asked_for_so_long(accounts, cookie, clock) -> None:
    for _ in range(3):
        clock.set(clock.now() + 59)
        assert accounts.session(cookie) is not None
    clock.set(clock.now() + 61)
    assert accounts.session(cookie) is None
    clock.set(clock.now() - 61)
    assert accounts.session(cookie) is None  # it is gone, not only too old


def test_a_full_disk_locks_nobody_out_who_is_there(accounts, cookie, clock) -> None:
    """Looking needs no room; a session that is over is over all the same."""
    token = accounts.add_token("ci", ["read"], clock.now() + 900)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        clock.set(clock.now() + 45)
        assert accounts.session(cookie) is not None
        clock.set(clock.now() + 45)
        assert accounts.session(cookie) is None
        assert accounts.token(token) is not None
        with pytest.raises(StorageError):
            accounts.begin("ann", "127.0.0.1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_it_ends_after_its_time_in_any_case(accounts, cookie, clock) -> None:
    for _ in range(12):
        clock.set(clock.now() + 50)
        assert accounts.session(cookie) is not None
    clock.set(clock.now() + 1)
    assert accounts.session(cookie) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.set_role("ann", "admin"),
        lambda a: a.set_password("ann", OTHER),
        lambda a: a.set_totp("ann"),
        lambda a: a.disable("ann"),
        lambda a: a.remove("ann"),
    ],
    ids=["role", "password", "authenticator", "closed", "removed"],
)
def test_every_change_of_the_account_ends_it(accounts, cookie, change) -> None:
    change(accounts)
    assert accounts.session(cookie) is None


def test_logging_out_ends_one_and_not_the_others(accounts, cookie) -> None:
    second = accounts.begin("ann", "127.0.0.1")
    accounts.end(cookie)
    assert accounts.session(cookie) is None and accounts.session(second) is not None


# -- passkeys --------------------------------------------------------------------------------------------------------


def test_a_passkey_belongs_to_an_open_account(accounts) -> None:
    accounts.add("ann", "", "viewer", GOOD)
    accounts.add_passkey("ann", b"m1", b"key", 0, "x" * 99)
    assert accounts.passkey(b"m1") == ("ann", b"key", 0) and accounts.passkey(b"m2") is None
    accounts.used_passkey(b"m1", 7)
    assert accounts.passkey(b"m1") == ("ann", b"key", 7)
    (listed,) = accounts.passkeys("ann")
    assert listed["id"] == b"m1" and len(listed["label"]) == 60
    accounts.disable("ann")
    assert accounts.passkey(b"m1") is None


def test_only_ones_own_passkey_is_removed_and_all_of_them_with_the_account(accounts) -> None:
    for name in ("ann", "ben"):
        accounts.add(name, "", "viewer", GOOD)
        accounts.add_passkey(name, name.encode(), b"key", 0, "phone")
    accounts.remove_passkey("ann", b"ben")
    assert accounts.passkey(b"ben") is not None
    accounts.remove("ben")
    assert accounts.passkeys("ben") == [] and accounts.passkey(b"ann") is not None
    accounts.remove_passkey("ann", b"ann")
    assert accounts.passkeys("ann") == []


# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
def test_a_token_has_scopes_that_there_are(accounts, clock, scopes) -> None:
    with pytest.raises(Invalid) as caught:
        accounts.add_token("ci", scopes, clock.now() + 60)
    assert SCOPES[0] in caught.value.hint and accounts.tokens() == []


def test_a_token_lasts_so_long_and_its_use_is_noted(accounts, clock) -> None:
    value = accounts.add_token("ci", ["read", "read", "run"], clock.now() + 100, "alice")
    clock.set(clock.now() + 61)
    found = accounts.token(value)
    assert (found.scopes, found.contact) == (("read", "run"), "alice") and accounts.tokens()[0].last == clock.now()
    assert accounts.token(value + "x") is None and accounts.token("") is None
    clock.set(clock.now() + 40)
    assert accounts.token(value) is None


def test_a_removed_token_is_no_longer_valid(accounts, clock) -> None:
    value = accounts.add_token("ci", ["read"], clock.now() + 100)
    assert accounts.remove_token("other") is False and accounts.token(value) is not None
    assert accounts.remove_token("ci") is True and accounts.token(value) is None
    assert accounts.remove_token("ci") is False
