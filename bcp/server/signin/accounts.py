"""Who may use the console and the API: accounts, sessions and tokens in one file, secrets as digests only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.store.sqlite.accounts import AccountTable

ROLES = ("viewer", "operator", "approver", "admin")
"""Each may do what those before it may. viewer: look. operator: plan, start, send. approver: answer gates.
admin: accounts."""
SCOPES = ("read", "run", "approve", "report")
"""Of API tokens: look, start and stop, answer questions, report problems."""
MIN_PASSWORD = 12
TRIES, LOCK_S, ALL_TRIES = 5, 300.0, 50
"""Wrong passwords of one person from one address until it is locked, for how long, and from all addresses together."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``contact`` is whose answers it gives."""

    name: str
    contact: str
    role: str
    email: str
    totp: bool
    disabled: bool

    def may(self, role: str) -> bool:
        """Is its role this one or a higher one?"""
        return not self.disabled and ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in."""

    user: User
    csrf: str
    created: float


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it is known here: never its value."""

    name: str
    scopes: tuple[str, ...]
    contact: str
    created: float
    expires: float
    last: float


class Accounts:
    """All methods are quick but ``password_is``, which is slow on purpose (argon2): call it in a thread."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        key: bytes,
        *,
        idle_s: float,
        session_s: float,
        table: AccountTable | None = None,
    ) -> None:
        """``table``: where the rows are, instead of a file at ``path``."""
        self.path, self.clock, self.key = path, clock, key
        self.idle_s, self.session_s = idle_s, session_s
        self._table = table or AccountTable(path)
        self._do = self._table.run

    def close(self) -> None:
        """Close the database of accounts."""
        self._table.close()

    def _digest(self, kind: str, value: str) -> str:
        return hmac.new(self.key, f"{kind}\x1f{value}".encode(), hashlib.sha256).hexdigest()

    # -- users ---------------------------------------------------------------------------------------------------

    def add(self, name: str, contact: str, role: str, password: str, *, email: str = "") -> str:
        """A new account; returns the TOTP secret, which is shown once. Raises ``Invalid``."""
        import pyotp

        check_password(password, name)
        if role not in ROLES:
            raise Invalid(f"there is no role {role!r}", hint=" | ".join(ROLES))
        secret = pyotp.random_base32()
        self._do(
            "insert into user(name, contact, role, email, password, totp, created) values (?,?,?,?,?,?,?)",
            name, contact, role, email.lower(), hashed(password), self._seal(secret), self.clock.now(),
        )  # fmt: skip
        return secret

    def users(self) -> list[User]:
        """All accounts, by name."""
        return [_user(r) for r in self._do("select name, contact, role, email, totp, disabled from user order by name")]

    def user(self, name: str) -> User | None:
        """The account with this name; ``None`` when there is none."""
        rows = self._do("select name, contact, role, email, totp, disabled from user where name = ?", name)
        return _user(rows[0]) if rows else None

    def by_email(self, email: str) -> User | None:
        """The only account with this address."""
        rows = self._do(
            "select name, contact, role, email, totp, disabled from user where email = ? and email != ''", email.lower()
        )
        return _user(rows[0]) if len(rows) == 1 else None

    def set_role(self, name: str, role: str) -> None:
        """Another role; its sessions end. Raises ``Invalid``."""
        if role not in ROLES:
            raise Invalid(f"there is no role {role!r}", hint=" | ".join(ROLES))
        self._do("update user set role = ? where name = ?", role, name)
        self.end_sessions(name)

    def set_password(self, name: str, password: str) -> None:
        """Another password; its sessions end. Raises ``Invalid``."""
        check_password(password, name)
        self._do("update user set password = ? where name = ?", hashed(password), name)
        self.end_sessions(name)

    def set_totp(self, name: str, secret: str = "") -> str:
        """Another TOTP secret, shown once; its sessions end. ``secret``: one that an authenticator has already."""
        import pyotp

        secret = secret or pyotp.random_base32()
        self._do("update user set totp = ?, totp_last = 0 where name = ?", self._seal(secret), name)
        self.end_sessions(name)
        return secret

    def disable(self, name: str, *, off: bool = True) -> None:
        """Close the account, or open it again; its sessions end."""
        self._do("update user set disabled = ? where name = ?", int(off), name)
        self.end_sessions(name)

    def remove(self, name: str) -> None:
        """Take it away with everything of it."""
        self.end_sessions(name)
        self._do("delete from passkey where user = ?", name)
        self._do("delete from wrong where user = ?", name)
        self._do("delete from user where name = ?", name)

    # -- proof ---------------------------------------------------------------------------------------------------

    def password_is(self, name: str, password: str) -> bool:
        """Slow, and as slow for a name that does not exist."""
        rows = self._do("select password from user where name = ? and disabled = 0", name)
        found = verified(rows[0][0] if rows else DUMMY, password)
        return found and bool(rows)

    def code_is(self, name: str, code: str) -> bool:
        """A TOTP code (RFC 6238), one step of 30 s early or late; each counts once."""
        import pyotp

        rows = self._do("select totp, totp_last from user where name = ?", name)
        if not rows or not (code.isascii() and code.isdigit()):
            return False
        totp, now = pyotp.TOTP(self._open(rows[0][0])), int(self.clock.now())
        for step in (now // 30 - 1, now // 30, now // 30 + 1):
            if step > rows[0][1] and hmac.compare_digest(totp.at(step * 30), code):
                self._do("update user set totp_last = ? where name = ?", step, name)
                return True
        return False

    def check_lock(self, name: str, peer: str, *, alone: bool = False) -> None:
        """Raises ``Refused`` after too many wrong tries. ``alone``: only those of this peer count (a known browser)."""
        since = self.clock.now() - LOCK_S
        self._do("delete from wrong where at < ?", since)
        near = self._do("select count(*) from wrong where user = ? and peer = ?", name, peer)[0][0]
        everywhere = self._do("select count(*) from wrong where user = ?", name)[0][0]
        if near >= TRIES or (everywhere >= ALL_TRIES and not alone):
            raise Refused("too many wrong tries; wait five minutes, or answer by text or `bcp approve`", rule="locked")

    def was_wrong(self, name: str, peer: str) -> None:
        """Count a wrong password or code of this account, given from this address."""
        self._do("insert into wrong values (?,?,?)", name[:100], peer, self.clock.now())

    def was_right(self, name: str, peer: str) -> None:
        """Forget the wrong tries from this address."""
        self._do("delete from wrong where user = ? and peer = ?", name, peer)

    def _seal(self, text: str) -> str:
        from cryptography.fernet import Fernet

        return Fernet(self._fernet()).encrypt(text.encode()).decode()

    def _open(self, text: str) -> str:
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._fernet()).decrypt(text.encode()).decode()
        except InvalidToken as error:
            raise Invalid(
                "serve: key has changed: codes of authenticators no longer fit", hint="bcp user totp NAME"
            ) from error

    def _fernet(self) -> bytes:
        import base64

        return base64.urlsafe_b64encode(hashlib.sha256(b"totp\x1f" + self.key).digest())

    # -- passkeys ------------------------------------------------------------------------------------------------

    def add_passkey(self, user: str, mark: bytes, key: bytes, count: int, label: str) -> None:
        """A passkey that was registered."""
        self._do("insert into passkey values (?,?,?,?,?,?)", mark, user, key, count, label[:60], self.clock.now())

    def passkeys(self, user: str) -> list[dict[str, Any]]:
        """The passkeys of a user: id, label, time of registration."""
        rows = self._do("select id, label, created from passkey where user = ? order by created", user)
        return [{"id": bytes(i), "label": label, "created": at} for i, label, at in rows]

    def passkey(self, mark: bytes) -> tuple[str, bytes, int] | None:
        """User, public key and counter of a passkey (WebAuthn); ``None`` when it is not known or its user is closed."""
        rows = self._do(
            "select p.user, p.key, p.count from passkey p join user u on u.name = p.user where p.id = ? and "
            "u.disabled = 0",
            mark,
        )
        return (str(rows[0][0]), bytes(rows[0][1]), int(rows[0][2])) if rows else None

    def used_passkey(self, mark: bytes, count: int) -> None:
        """Remember the signature counter of a passkey (WebAuthn section 6.1.1)."""
        self._do("update passkey set count = ? where id = ?", count, mark)

    def remove_passkey(self, user: str, mark: bytes) -> None:
        """Remove one of a user's passkeys."""
        self._do("delete from passkey where user = ? and id = ?", user, mark)

    # -- sessions ------------------------------------------------------------------------------------------------

    def begin(self, name: str, peer: str) -> str:
        """A session; the value of its cookie."""
        value, now = secrets.token_urlsafe(32), self.clock.now()
        self._do("delete from session where last < ? or created < ?", now - self.idle_s, now - self.session_s)
        self._do(
            "insert into session values (?,?,?,?,?,?)",
            self._digest("session", value),
            name,
            secrets.token_urlsafe(24),
            now,
            now,
            peer,
        )
        return value

    def session(self, value: str) -> Session | None:
        """Who this cookie is, while it lasts."""
        if not value:
            return None
        mark, now = self._digest("session", value), self.clock.now()
        rows = self._do("select user, csrf, created, last from session where id = ?", mark)
        if not rows:
            return None
        name, csrf, created, last = rows[0]
        user = self.user(str(name))
        if user is None or user.disabled or now - last > self.idle_s or now - created > self.session_s:
            with suppress(StorageError):
                self._do("delete from session where id = ?", mark)
            return None
        if now - last > 30:
            with suppress(StorageError):  # a full disk does not lock out whoever is there to look after it
                self._do("update session set last = ? where id = ?", now, mark)
        return Session(user, str(csrf), float(created))

    def end(self, value: str) -> None:
        """End one session (log out)."""
        self._do("delete from session where id = ?", self._digest("session", value))

    def end_sessions(self, name: str) -> None:
        """End every session of a user."""
        self._do("delete from session where user = ?", name)

    # -- tokens --------------------------------------------------------------------------------------------------

    def add_token(self, name: str, scopes: Iterable[str], expires: float, contact: str = "") -> str:
        """A token for the API; its value is shown once. Raises ``Invalid``."""
        wanted = tuple(dict.fromkeys(scopes))
        wrong = [s for s in wanted if s not in SCOPES]
        if wrong or not wanted:
            raise Invalid(
                f"there is no scope {wrong[0]!r}" if wrong else "a token needs a scope", hint=" | ".join(SCOPES)
            )
        value = "bcp_" + secrets.token_urlsafe(32)
        self._do(
            "insert into token(id, name, scopes, contact, created, expires) values (?,?,?,?,?,?)",
            self._digest("token", value), name, " ".join(wanted), contact, self.clock.now(), expires,
        )  # fmt: skip
        return value

    def token(self, value: str) -> Token | None:
        """The token with this value, while it has not expired; else ``None``."""
        mark, now = self._digest("token", value), self.clock.now()
        rows = self._do("select name, scopes, contact, created, expires, last from token where id = ?", mark)
        if not rows or rows[0][4] < now:
            return None
        if now - rows[0][5] > 60:
            with suppress(StorageError):
                self._do("update token set last = ? where id = ?", now, mark)
        return _token(rows[0])

    def tokens(self) -> list[Token]:
        """All tokens of the API, by name, without their values."""
        return [
            _token(r) for r in self._do("select name, scopes, contact, created, expires, last from token order by name")
        ]

    def remove_token(self, name: str) -> bool:
        """Make it invalid; False when there was none."""
        known = any(t.name == name for t in self.tokens())
        self._do("delete from token where name = ?", name)
        return known


def _user(row: tuple[Any, ...]) -> User:
    name, contact, role, email, totp, disabled = row
    return User(name, contact, role, email, bool(totp), bool(disabled))


def _token(row: tuple[Any, ...]) -> Token:
    name, scopes, contact, created, expires, last = row
    return Token(name, tuple(scopes.split()), contact, created, expires, last)


def check_password(password: str, name: str) -> None:
    """Long, and not the name (NIST SP 800-63B, 5.1.1: length, no composition rules). Raises ``Invalid``."""
    if len(password) < MIN_PASSWORD or len(password) > 500:
        raise Invalid(
            f"a password has {MIN_PASSWORD} to 500 characters",
            hint="Several words that do not belong together are good.",
        )
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise Invalid("this password is too easy to guess", hint="Several words that do not belong together are good.")


def hashed(password: str) -> str:
    """argon2id with the library's present parameters (RFC 9106)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def verified(stored: str, password: str) -> bool:
    """Does this password belong to the stored hash? False also for a hash that cannot be read."""
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(stored, password[:500])
    except (Argon2Error, InvalidHashError):
        return False


DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRpbWluZyBvbmx5LCBub3QgYSBwYXNzd29yZCE"
"""Verified for names that do not exist, so that they take as long."""
