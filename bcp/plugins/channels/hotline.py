"""``hotline``: what a caller hears. A file of TwiML that a phone number points to, served like the status page."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Check, Delivery, NotSent, Receipt
from bcp.contracts.contact import Contact
from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import digest_text
from bcp.plugins.vendors.twiml import say


class HotlineSettings(ChannelSettings):
    """A file."""

    kind: Literal["hotline"] = "hotline"
    """Which plug-in."""
    file: Path
    """Where the TwiML is written, relative to bcp.yaml.
    Serve it; in Twilio's console the number's voice URL points there (GET)."""
    number: str = ""
    """The number that people call, for reports."""


class Hotline(Channel[HotlineSettings]):
    """Voice for whoever calls. A new message replaces the old one."""

    kind = "hotline"
    form = "voice"
    broadcast: ClassVar[bool] = True
    Settings = HotlineSettings

    def address_of(self, contact: Contact) -> str:
        """Everybody may call."""
        return self.place()

    def place(self) -> str:
        """The number, or the file."""
        return self.settings.number or str(self.settings.file)

    async def send(self, delivery: Delivery) -> Receipt:
        """Write the file anew."""
        mark = digest_text(delivery.key)[:16]
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {mark} -->\n'
            f"<Response>{say(delivery.message.body, delivery.message.language)}</Response>\n"
        )
        try:
            write_atomic(self.settings.file, text, mode=0o644)
        except StorageError as error:
            raise NotSent(error.message, hint=error.hint) from error
        return Receipt(mark, self.place())

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Is it what stands there?"""
        try:
            there = digest_text(delivery.key)[:16] in self.settings.file.read_text(encoding="utf-8")
        except OSError:
            there = False
        return Receipt(digest_text(delivery.key)[:16], "found") if there else None

    async def check(self) -> list[Check]:
        """Can the file be written?"""
        folder = self.settings.file.parent
        fine = folder.is_dir() or not folder.exists()
        return [Check(self.name, "ok" if fine else "fail", f"{self.settings.file} is what callers hear")]


PLUGIN = ChannelPlugin(api=1, settings=HotlineSettings, make=Hotline)
