"""What a directory promises: in peacetime it says who there is, and what the tenant's own records are.
Never asked during a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Protocol, TypeVar, final, runtime_checkable

from pydantic import Field, StringConstraints

from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Configured, PluginSettings


@dataclass(frozen=True, slots=True)
class Changes:
    """People since the last time. Phone numbers are as the directory has them: the caller checks them."""

    people: tuple[Contact, ...]
    """New or changed; everybody, when it was asked without ``since``."""
    gone: tuple[str, ...]
    """Ids of those who left or were disabled."""
    since: str
    """To ask with the next time. Empty: this directory cannot tell changes, and is always asked for everybody."""


@dataclass(frozen=True, slots=True)
class MailRecord:
    """One MX record that the provider says our domain should have."""

    host: str
    preference: int
    ttl_s: int


class DirectorySettings(PluginSettings):
    """What the settings of every directory have."""

    groups: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")],
        Annotated[str, StringConstraints(pattern=r"^\S{1,200}$")],
    ] = Field(default_factory=dict)
    """Groups of contacts by name here, each with the group's id at the directory; members of groups within count."""
    managers: bool = False
    """Also read who is above whom, for call trees."""


@final
class DirectoryService(Protocol):  # type: ignore[misc] # a protocol that nobody inherits from: that is meant
    """One directory. Every method raises errors of the tree and nothing else, and ends within its own deadline.

    Not to be inherited from: whoever did would inherit every method that they forget, and pass for whole. Write a class
    of its own; mypy compares it with this one where ``PLUGIN`` is made.
    """

    name: str

    async def changes(self, since: str = "") -> Changes:
        """People since the last time, or everybody.

        Raises:
            Permanent: also when it no longer knows ``since``: ask again without one.
        """

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        """Ids of the people in each of these groups (name here, id there)."""

    async def managers(self) -> dict[str, str]:
        """Id of each person's manager, by id of the person; only those who have one."""

    async def mail_records(self, domain: str) -> list[MailRecord]:
        """Where the provider says mail of this domain goes. Raises ``Permanent`` where it does not know the domain."""

    async def health(self) -> dict[str, str]:
        """Status of each of the provider's services, in its own words; empty where nobody says."""

    async def close(self) -> None:
        """Let connections go."""


@runtime_checkable
class TellsDomains(Protocol):
    """A directory that also knows which domains the tenant accepts mail for. It need not: then a file may say it
    (``accepted_domains:``)."""

    async def accepted_domains(self) -> list[str]:
        """Every domain that the tenant accepts mail for, the provider's own included. Raises errors of the tree."""
        ...


@dataclass(frozen=True, slots=True)
class Addresses:
    """Mail addresses of a tenant since the last time, by the id of who has them."""

    by_id: Mapping[str, tuple[str, ...]]
    """New or changed: all the addresses each has now. Everybody, when it was asked without ``since``."""
    gone: tuple[str, ...]
    """Ids of those who left."""
    since: str
    """To ask with the next time."""


@runtime_checkable
class TellsAddresses(Protocol):
    """A directory that also knows every address that takes mail: people, shared mailboxes, groups, contacts."""

    async def addresses(self, since: str = "") -> Addresses:
        """Addresses since the last time, or all.

        Raises:
            Permanent: also when it no longer knows ``since``: ask again without one.
        """
        ...


S = TypeVar("S", bound=DirectorySettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a directory's module."""

    family: ClassVar[str] = "directories"
    promises: ClassVar[type[Any] | None] = DirectoryService

    make: Callable[[str, S], DirectoryService]
    """The directory's class, or a function that makes one of a name and settings."""

    def create(self, name: str, settings: S) -> DirectoryService:
        """The directory of these settings, under this name."""
        return self.make(name, settings)
