"""``apprise``: the long tail: Telegram, Discord, Matrix, Signal, PagerDuty and many more, by Apprise.
Never for text messages."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar, Literal

from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Check, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import InDoubt, Invalid, Permanent
from bcp.kernel.secret import Secret

REFUSED = ("twilio", "sms", "clicksend", "plivo", "nexmo", "vonage", "msteams", "o365", "workflow", "outlook")
"""Schemas with channels of their own here (Apprise throws the receipt away), and those that fall with Exchange."""


class AppriseSettings(ChannelSettings):
    """One Apprise URL."""

    kind: Literal["apprise"] = "apprise"
    """Which plug-in."""
    url: Secret
    """The service's Apprise URL, by reference: it holds the credentials."""
    timeout: Duration = 20.0
    """For one message."""


class Apprise(Channel[AppriseSettings]):
    """One message to one place. Apprise says yes or no and no more:
    a *no* is never repeated, because it may have been taken."""

    kind = "apprise"
    form = "chat"
    broadcast: ClassVar[bool] = True
    Settings = AppriseSettings

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the place."""
        return self.name

    def _service(self) -> tuple[str, object]:
        """The schema and a loaded notifier. Raises ``Invalid``."""
        try:
            import apprise  # an extra
        except ImportError as error:
            raise Invalid("Apprise is not installed", hint="pip install 'bcp-mail[apprise]'") from error
        url = self.settings.url.reveal()
        schema = url.partition("://")[0].lower()
        if any(schema.startswith(r) for r in REFUSED):
            raise Invalid(
                f"{schema}:// is not for this channel", hint="Text messages and Teams have channels of their own."
            )
        # the addresses that it warns of (an answer whose head is cut off) hold the credentials
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        asset = apprise.AppriseAsset()
        asset.http_redirects = False  # a redirect would post again, elsewhere
        notifier = apprise.Apprise(asset=asset)
        if not notifier.add(url):
            raise Invalid("Apprise does not understand this URL", hint="See its list of services.")
        return schema, notifier

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand it to Apprise in a thread: its services are not asynchronous."""
        try:
            schema, notifier = self._service()
        except Invalid as error:
            raise Permanent(error.message, hint=error.hint) from error
        title = delivery.message.subject or delivery.message.title or delivery.message.template
        try:
            async with asyncio.timeout(self.settings.timeout):
                taken = await asyncio.to_thread(notifier.notify, body=delivery.message.body, title=title)  # type: ignore[attr-defined]
        except TimeoutError as error:
            raise InDoubt(f"{schema} did not answer in {self.settings.timeout:g} s") from error
        if not taken:
            raise InDoubt(f"{schema} did not say that it took it", hint="Look there, then `bcp settle`.")
        return Receipt(delivery.key, schema)

    async def check(self) -> list[Check]:
        """Is it installed, and is the URL one?"""
        try:
            schema, _ = self._service()
        except Invalid as error:
            return [Check(self.name, "fail", error.message, error.hint)]
        return [Check(self.name, "ok", f"Apprise knows {schema}://; whether it works shows when something is sent")]


PLUGIN = ChannelPlugin(api=1, settings=AppriseSettings, make=Apprise)
