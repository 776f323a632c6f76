"""Stand-ins for channels that a drill must not reach: they keep what they are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bcp.contracts.channel import Channel, Check, Delivery, Page, Receipt
from bcp.contracts.contact import Contact
from bcp.drills.talk import STAND_IN
from bcp.kernel.hashing import digest_text
from bcp.kernel.json_in import rows
from bcp.store.files.lines import append_line


class Kept:
    """What would have left, one JSON line each, in the order in which it came."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, what: str, **data: Any) -> None:
        """On disk when this returns. Raises ``StorageError``."""
        append_line(self.path, json.dumps({"what": what, **data}, ensure_ascii=False, sort_keys=True), self._all)

    def _all(self) -> list[str]:
        return rows(self.path.read_text(encoding="utf-8"))

    def rows(self) -> list[dict[str, Any]]:
        """Everything so far."""
        return [json.loads(line) for line in self._all()] if self.path.exists() else []


class EmulatedChannel(Channel[Any]):
    """The real channel's addresses, form and pace; its messages go into a file."""

    kind = "emulated"
    form = ""

    def __init__(self, real: Channel[Any], kept: Kept) -> None:
        super().__init__(real.name, real.settings)
        self.real, self.kept = real, kept
        self.kind, self.form, self.broadcast, self.duty = real.kind, real.form, real.broadcast, real.duty  # type: ignore[misc]
        self.shares_fate_with = real.shares_fate_with  # type: ignore[misc]

    def fate(self) -> tuple[str, ...]:
        """As the real one."""
        return self.real.fate()

    async def send(self, delivery: Delivery) -> Receipt:
        """Keep it. The same delivery gives the same receipt."""
        message = delivery.message
        self.kept.keep(
            "message", channel=self.name, kind=self.kind, key=delivery.key, address=delivery.address,
            subject=message.subject, body=message.body, language=message.language,
        )  # fmt: skip
        return self._receipt(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """It knows what it took."""
        taken = any(r["what"] == "message" and r["key"] == delivery.key for r in self.kept.rows())
        return self._receipt(delivery) if taken else None

    @staticmethod
    def _receipt(delivery: Delivery) -> Receipt:
        return Receipt(f"{STAND_IN[0]}{digest_text(delivery.key)[:16]}")

    def address_of(self, contact: Contact) -> str:
        """As the real one."""
        return self.real.address_of(contact)

    def place(self) -> str:
        """As the real one."""
        return self.real.place()

    def seconds_for(self, segments: Sequence[int]) -> float:
        """As the real one."""
        return self.real.seconds_for(segments)

    async def check(self) -> list[Check]:
        """Nothing outside is asked."""
        return [Check(self.name, "ok", f"{self.kind}, emulated")]


class EmulatedPage(EmulatedChannel, Page):
    """The same, of a page that people read."""

    def __init__(self, real: Channel[Any], kept: Kept) -> None:
        super().__init__(real, kept)
        self.folder = kept.path.parent

    def publish(self, key: str, at: float, entry: Mapping[str, Any]) -> str:
        """Keep it."""
        self.kept.keep("page", channel=self.name, key=key, at=at, title=str(entry.get("title", "")))
        return f"{STAND_IN[1]}{self.name}"

    def has(self, key: str) -> bool:
        """Does it stand there?"""
        mine = [r["what"] for r in self.kept.rows() if r.get("key") == key and r["what"] in {"page", "withdrawn"}]
        return bool(mine) and mine[-1] == "page"

    def withdraw(self, key: str) -> None:
        """Take it back."""
        self.kept.keep("withdrawn", channel=self.name, key=key)


def emulated(
    channels: Mapping[str, Channel[Any]], kept: Kept, real: Callable[[Channel[Any]], bool]
) -> dict[str, Channel[Any]]:
    """Channels by name: those that ``real`` picks as they are, of the others a stand-in."""
    return {n: c if real(c) else EmulatedPage(c, kept) if isinstance(c, Page) else EmulatedChannel(c, kept)
            for n, c in channels.items()}  # fmt: skip
