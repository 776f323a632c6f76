"""Messages at hand, and the shelf where the others lie: found by queue id or by their own name. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from bcp.relay.mail import Mail


class Shelf(Protocol):
    """Where messages lie that are not at hand."""

    def by_key(self, key: str) -> Mail | None:
        """The last message that had this queue id."""

    def by_uid(self, uid: str) -> Mail | None:
        """A message by its own name."""


class Cabinet:
    """What ``changed`` gives has to be kept on the shelf before anything is forgotten."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._mails: dict[str, Mail] = {}
        self._keys: dict[str, str] = {}
        self._changed: dict[str, None] = {}

    def recall(self, mails: Iterable[Mail]) -> None:
        """Have these at hand again, as they are on the shelf, the newest one last."""
        for mail in mails:
            self._have(mail, "")

    def changed(self) -> list[Mail]:
        """What has to be kept since this was asked last."""
        found = [self._mails[uid] for uid in self._changed]
        self._changed.clear()
        return found

    def forget(self, most: int) -> None:
        """Let go of what is kept already, but for the newest, when it is twice as many."""
        if len(self._mails) < 2 * most:
            return
        for uid in list(self._mails)[: max(0, len(self._mails) - most)]:
            if uid not in self._changed:
                del self._mails[uid]
        self._keys = {k: u for k, u in self._keys.items() if u in self._mails}

    def _mail(self, key: str) -> Mail | None:
        uid = self._keys.get(key)
        if uid is not None:
            return self._mails[uid]
        found = self._shelf.by_key(key)
        return self._have(found, key) if found is not None else None

    def _by_uid(self, uid: str) -> Mail | None:
        found = self._mails.get(uid) or self._shelf.by_uid(uid)
        return self._have(found, "") if found is not None else None

    def _have(self, mail: Mail, key: str) -> Mail:
        known = self._mails.setdefault(mail.uid, mail)
        if key:
            self._keys[key] = known.uid
        return known

    def _new(self, key: str, at: float, **given: Any) -> Mail:
        uid = f"{key}.{int(at)}"
        known = self._by_uid(uid)
        if known is not None:  # the same log, read again
            self._keys[key] = uid
            return known
        mail = self._mails[uid] = Mail(uid, [key], at, last=at, **given)
        self._keys[key] = uid
        self._touch(mail, at)
        return mail

    def _touch(self, mail: Mail, at: float) -> None:
        mail.last = max(mail.last, at)
        self._changed[mail.uid] = None
