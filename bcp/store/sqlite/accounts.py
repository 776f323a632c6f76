"""Accounts, passkeys, sessions and tokens as rows. Secrets come as digests or sealed."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid, StorageError
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.migrations import Schema, open_database

SCHEMA = Schema(
    "the accounts",
    (
        """
create table user(name text primary key, contact text not null, role text not null, email text not null default '',
  password text not null, totp text not null default '', totp_last integer not null default 0, created real not null,
  disabled integer not null default 0);
create table passkey(id blob primary key, user text not null, key blob not null, count integer not null,
  label text not null, created real not null);
create table session(id text primary key, user text not null, csrf text not null, created real not null,
  last real not null, peer text not null);
create table token(id text primary key, name text not null unique, scopes text not null, contact text not null,
  created real not null, expires real not null, last real not null default 0);
create table wrong(user text not null, peer text not null, at real not null);
""",
        """
create index session_user on session(user);
create index passkey_user on passkey(user);
create index wrong_user on wrong(user, peer);
""",
    ),
)


class AccountTable:
    """One connection for all threads. Queries are those of ``bcp.server.accounts``.

    ``to_read``: nothing is made or changed, also where the folder cannot be written.
    """

    def __init__(self, path: Path, *, to_read: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self.db = connect_to_read(path) if to_read else open_database(path, SCHEMA)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Let the file go."""
        self.db.close()

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement, in a transaction of its own.

        Raises:
            Invalid: there is a row of this name already.
            StorageError: the file cannot be used.
        """
        with self._lock:
            try:
                return self.db.execute(query, values).fetchall()
            except sqlite3.IntegrityError as error:
                raise Invalid("there is one of this name already", hint="Choose another name.") from error
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _failed(self, error: Exception) -> StorageError:
        return StorageError(f"{self.path} cannot be used: {error}", hint="Free space, or fix its permissions.")
