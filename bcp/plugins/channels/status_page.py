"""``status-page``: an entry on a static page, which works when we do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field

from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Check, Delivery, NotSent, Page, Receipt
from bcp.contracts.contact import Contact
from bcp.kernel.errors import InDoubt, StorageError
from bcp.kit.mirror import Mirror, MirrorFailed, RsyncMirror, copy
from bcp.kit.site import Entry, Site
from bcp.pages.times import known_zone


class StatusPageSettings(ChannelSettings):
    """A folder of static files, served by a web server elsewhere."""

    kind: Literal["status-page"] = "status-page"
    """Which plug-in."""
    folder: Path
    """Where the files are written, relative to bcp.yaml."""
    url: str = ""
    """Where people read them."""
    title: str = ""
    """Title of the page. Empty: `Service status`, in the language of the page."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    """Language of the page while nothing is reported; afterwards it is that of the newest entry."""
    timezone: Annotated[str, AfterValidator(known_zone)] = ""
    """IANA time zone in which people read the page: `Europe/Berlin`. Empty: that of the organisation, in which texts
    name their times. The feeds are in UTC."""
    mirrors: list[Mirror] = Field(default_factory=list)
    """Copies on other machines, made with every entry. Without one the page is only as alive as this machine."""

    def at_home(self, zone: str) -> Self:
        """In the zone of the organisation, where none is named."""
        return self if self.timezone else self.model_copy(update={"timezone": zone})


class StatusPage(Channel[StatusPageSettings], Page):
    """Publishes the ``page`` form. The same key published again replaces its entry."""

    kind = "status-page"
    form = "page"
    broadcast: ClassVar[bool] = True
    Settings = StatusPageSettings

    def __init__(self, name: str, settings: StatusPageSettings) -> None:
        super().__init__(name, settings)
        self.folder = settings.folder
        self.site = Site(settings.folder, settings.title, settings.url, settings.timezone, settings.language)

    def address_of(self, contact: Contact) -> str:
        """Everybody reads the page."""
        return self.place()

    def place(self) -> str:
        """The page."""
        return self.settings.url or str(self.settings.folder)

    async def send(self, delivery: Delivery) -> Receipt:
        """Add the entry and write all files anew."""
        message = delivery.message
        try:
            self.site.put(
                Entry(
                    delivery.key,
                    delivery.since,
                    message.subject,
                    message.html,
                    message.body,
                    message.template,
                    message.language,
                    message.phase,
                )
            )
        except StorageError as error:
            raise NotSent(error.message, hint=error.hint) from error
        for mirror in self.settings.mirrors:
            try:
                await copy(mirror, self.site.folder)
            except MirrorFailed as error:
                raise NotSent(f"written here, but not copied: {error.message}", hint=error.hint) from error
        return Receipt(delivery.key, self.place())

    def publish(self, key: str, at: float, entry: Mapping[str, Any]) -> str:
        """Write the entry; copies are made by the next message, or by ``check``."""
        self.site.put(Entry(key, at, **entry))
        return self.place()

    def has(self, key: str) -> bool:
        """Is it in the list of entries?"""
        return self.site.has(key)

    def withdraw(self, key: str) -> None:
        """Write all files without it."""
        self.site.remove(key)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Is it there?"""
        try:
            return Receipt(delivery.key, "found") if self.site.has(delivery.key) else None
        except StorageError as error:
            raise InDoubt(error.message, hint=error.hint) from error

    async def check(self) -> list[Check]:
        """Can the folder be written?"""
        try:
            self.site.write()
        except StorageError as error:
            return [Check(self.name, "fail", error.message, error.hint)]
        out = [Check(self.name, "ok", f"{self.settings.folder} can be written")]
        for mirror in self.settings.mirrors:
            where = mirror.to if isinstance(mirror, RsyncMirror) else f"{mirror.bucket} at {mirror.endpoint}"
            try:
                await copy(mirror, self.site.folder)
                out.append(Check(self.name, "ok", f"copied to {where}"))
            except MirrorFailed as error:
                out.append(Check(self.name, "fail", error.message, error.hint))
        return out


PLUGIN = ChannelPlugin(api=1, settings=StatusPageSettings, make=StatusPage)
