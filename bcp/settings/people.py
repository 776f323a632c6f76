"""People in ``bcp.yaml``: who we are, contacts, audiences, approvals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from bcp.contracts.plugin import Duration, Model
from bcp.kernel.errors import Invalid
from bcp.kernel.secret import Secret
from bcp.settings.names import Name


class Organisation(Model):
    """Who we are, as messages say it."""

    name: str
    """Name that people know."""
    hotline: str = ""
    """Number that people can call; printed in the phone book before the day."""
    status_page: str = ""
    """Where people look."""
    signature: str = "IT service desk"
    """Who says so."""
    logo: Path | None = None
    """Picture at the head of reports: a local PNG, JPEG, GIF, WebP or SVG of at most 512 KiB, relative to this file. It
    becomes part of the page."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    """Default language of messages, and of reports where these know it (`en`, `de`)."""
    languages: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]] = Field(default_factory=list)
    """Languages in which every message must be complete (`bcp comms lint`). Empty: not checked."""
    timezone: str = "UTC"
    """IANA time zone in which people read times, with its name: pages, messages, terminal. JSON and feeds: UTC."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from bcp.contacts.quiet import zone_of  # rarely set, and costs start-up

        zone_of(value)
        return value

    def said(self) -> dict[str, str]:
        """What messages know as ``org``."""
        return {
            "name": self.name,
            "hotline": self.hotline,
            "status_page": self.status_page,
            "signature": self.signature,
        }


class ContactsSettings(Model):
    """Where people are known from. A file on this machine, because a directory may be what is down."""

    file: Path | None = None
    """CSV or YAML."""
    snapshot: Path | None = None
    """Snapshot made by `bcp contacts snapshot`."""
    max_age: Duration = 7 * 86400.0
    """A snapshot older than this is warned about."""
    key: Secret | None = None
    """Key that encrypts the snapshot, by reference; 32 characters or more."""
    signing_key: Secret | None = None
    """Private key that signs it, where it is made (`bcp contacts keygen`)."""
    trusted_key: str = ""
    """Public key: snapshots that are not signed by it are refused."""


class AudienceSettings(Model):
    """A named set of contacts."""

    groups: list[str] = Field(default_factory=list)
    """Everybody in one of these groups of the contacts file."""
    people: list[str] = Field(default_factory=list)
    """Ids of contacts, told first."""
    where: str = ""
    """Expression over a contact, such as `'sales' in groups and language == 'de'`. Beside groups it narrows them."""
    first: list[str] = Field(default_factory=list)
    """Who is told first: ids and `group:NAME`."""
    quiet: Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")] = ""
    """Hours in which text messages and calls wait for nobody and are not sent: `22:00-07:00`. A contact's own win."""
    timezone: str = ""
    """IANA time zone of those who have none of their own."""

    @field_validator("where")
    @classmethod
    def _expression(cls, value: str) -> str:
        from bcp.contacts.directory import matcher

        try:
            matcher(value)
        except Invalid as error:
            raise ValueError(error.whole) from error
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from bcp.contacts.quiet import zone_of

        zone_of(value)
        return value


class StandingApproval(Model):
    """A named person's yes, given in peacetime, to automatic runs of one playbook for certain classes of outage."""

    playbook: Name
    """For which playbook."""
    classes: list[Literal["B", "E", "F"]]
    """For which classes. Others are never automatic."""
    by: str
    """Id of the contact who gives it."""
    until: str
    """Last day, YYYY-MM-DD."""

    @field_validator("until")
    @classmethod
    def _date(cls, value: str) -> str:
        from datetime import date

        return date.fromisoformat(value).isoformat()


class ApprovalSettings(Model):
    """How approvals are proven and what was approved in advance."""

    codes: dict[str, Secret] = Field(default_factory=dict)
    """Personal approval code of each contact id, for `bcp approve --as`.
    Without one, only the contact's own login may approve."""
    standing: list[StandingApproval] = Field(default_factory=list)
    """Approvals given in advance."""
