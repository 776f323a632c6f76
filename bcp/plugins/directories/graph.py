"""``graph``: Microsoft Graph through msgraph-sdk, fenced: no hidden retry, a deadline, one loop, allowed hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from bcp.contracts.contact import Contact
from bcp.contracts.directory import Addresses, Changes, DirectoryPlugin, DirectorySettings, MailRecord
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.graph import Graph

FIELDS = [
    "id",
    "displayName",
    "mail",
    "userPrincipalName",
    "mobilePhone",
    "preferredLanguage",
    "accountEnabled",
    "department",
]
MAX_PAGES = 2_000
T = TypeVar("T")


class GraphSettings(DirectorySettings):
    """Microsoft Graph, for snapshots of contacts in peacetime. Never used during a run."""

    kind: Literal["graph"] = "graph"
    """Which plug-in."""
    tenant_id: str
    """Directory (tenant) id."""
    client_id: str
    """Application id with User.Read.All."""
    client_secret: Secret
    """Client secret, by reference."""
    groups: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")],
        Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,64}$")],
    ] = Field(default_factory=dict)
    """Groups of contacts by name, each with the object id of a group in Entra; members of groups within count.
    Needs GroupMember.Read.All."""
    managers: bool = False
    """Also read who is above whom, for call trees."""
    timeout: Duration = 120.0
    """For one whole reading: people, members or managers."""
    api_url: str = ""
    """Another base URL, for tests."""


class GraphDirectory:
    """Users, groups, managers, and what the tenant itself says of its mail and its services.

    One connection a call: peacetime has time, and a snapshot holds nothing open.
    """

    def __init__(self, name: str, settings: GraphSettings) -> None:
        self.name, self.settings = name, settings

    async def _ask(self, work: Callable[[Any, Any], Awaitable[T]], timeout_s: float) -> T:
        s = self.settings
        graph = Graph(s.tenant_id, s.client_id, s.client_secret.reveal(), api_url=s.api_url)
        try:
            found: T = await graph.call(work, timeout_s)
            return found
        finally:
            await graph.close()

    async def changes(self, since: str = "") -> Changes:
        """Users that are new or changed since a link that Graph gave (all, without one), and the next link.

        The delta query (learn.microsoft.com, delta-query-users): parameters go with the first request only, then the
        links carry them. A link that Graph no longer knows (410) is ``Permanent``: ask without one.
        """
        from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder

        query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=FIELDS)
        url = self.settings.api_url

        async def work(client: Any, configuration: Any) -> Changes:
            found: dict[str, Contact] = {}
            gone: dict[str, None] = {}  # in order; the last word about a person counts
            if since:
                _same_host(since, url)
                page = await client.users.delta.with_url(since).get(request_configuration=configuration())
            else:
                page = await client.users.delta.get(request_configuration=configuration(query))
            for _ in range(MAX_PAGES):
                for user in _rows(page):
                    if "@removed" in (user.additional_data or {}) or user.account_enabled is False:
                        found.pop(str(user.id), None)
                        gone[str(user.id)] = None
                    else:
                        gone.pop(str(user.id), None)
                        found[str(user.id)] = _contact(user)
                if not page.odata_next_link:
                    if not page.odata_delta_link:
                        raise _nonsense()
                    return Changes(tuple(found.values()), tuple(gone), str(page.odata_delta_link))
                _same_host(page.odata_next_link, url)
                page = await client.users.delta.with_url(page.odata_next_link).get(
                    request_configuration=configuration()
                )
            raise Permanent("Graph's pages of users have no end", hint="Report it; sync from a file meanwhile.")

        return await self._ask(work, self.settings.timeout)

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        """`/groups/{id}/transitiveMembers/microsoft.graph.user` (learn.microsoft.com, group-list-transitivemembers)."""
        from msgraph.generated.groups.item.transitive_members.graph_user import (
            graph_user_request_builder as g,
        )

        query = g.GraphUserRequestBuilder.GraphUserRequestBuilderGetQueryParameters(select=["id"], top=999)

        async def work(client: Any, configuration: Any) -> dict[str, list[str]]:
            out: dict[str, list[str]] = {}
            for name, ident in groups.items():
                builder = client.groups.by_group_id(ident).transitive_members.graph_user
                pages = _pages(builder, configuration, query, self.settings.api_url)
                out[name] = [str(u.id) async for u in pages]
            return out

        return await self._ask(work, self.settings.timeout)

    async def managers(self) -> dict[str, str]:
        """Changes do not carry the manager, so that everybody is read."""
        from msgraph.generated.users.users_request_builder import UsersRequestBuilder

        query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            select=["id"], expand=["manager($select=id)"], top=100
        )

        async def work(client: Any, configuration: Any) -> dict[str, str]:
            users = _pages(client.users, configuration, query, self.settings.api_url)
            return {str(u.id): str(u.manager.id) async for u in users if u.manager is not None and u.manager.id}

        return await self._ask(work, self.settings.timeout)

    async def mail_records(self, domain: str) -> list[MailRecord]:
        """MX of a domain from `/domains/{id}/serviceConfigurationRecords` (Domain.Read.All)."""

        async def work(client: Any, configuration: Any) -> list[MailRecord]:
            page = await client.domains.by_domain_id(domain).service_configuration_records.get(
                request_configuration=configuration()
            )
            found = (
                MailRecord(str(r.mail_exchange), int(r.preference or 0), int(r.ttl or 0))
                for r in _rows(page)
                if getattr(r, "mail_exchange", None)  # other kinds of records stand there, too
            )
            return sorted(found, key=lambda r: (r.preference, r.host))

        return await self._ask(work, min(20.0, self.settings.timeout))

    async def accepted_domains(self) -> list[str]:
        """`/domains` (learn.microsoft.com, domain-list; Domain.Read.All): those that are verified and used for e-mail.

        Graph documents `isVerified` for root domains only: a subdomain counts as verified with its root.
        """

        async def work(client: Any, configuration: Any) -> list[str]:
            pages = _pages(client.domains, configuration, None, self.settings.api_url)
            found = {str(d.id).lower(): d async for d in pages}
            roots = tuple(f".{n}" for n, d in found.items() if d.is_verified)
            return sorted(n for n, d in found.items() if f".{n}".endswith(roots) and _mails(d))

        return await self._ask(work, min(20.0, self.settings.timeout))

    async def addresses(self, since: str = "") -> Addresses:
        """Every address that takes mail (User.Read.All, Group.Read.All, OrgContact.Read.All)."""
        from bcp.plugins.vendors import graph_addresses

        async def work(client: Any, configuration: Any) -> Addresses:
            def same_host(link: str) -> None:
                _same_host(link, self.settings.api_url)

            return await graph_addresses.addresses(client, configuration, since, same_host)

        return await self._ask(work, self.settings.timeout)

    async def health(self) -> dict[str, str]:
        """Status of every service (ServiceHealth.Read.All)."""

        async def work(client: Any, configuration: Any) -> dict[str, str]:
            page = await client.admin.service_announcement.health_overviews.get(request_configuration=configuration())
            return {str(o.service): str(getattr(o.status, "value", o.status) or "unknown") for o in _rows(page)}

        return await self._ask(work, min(20.0, self.settings.timeout))

    async def close(self) -> None:
        """Nothing is held open."""


def _mails(domain: Any) -> bool:
    """Is e-mail among the services that a domain is used for?"""
    return any(str(s).lower() == "email" for s in domain.supported_services or ())


async def _pages(builder: Any, configuration: Any, query: Any, api_url: str) -> AsyncIterator[Any]:
    """Everything of a list, page by page."""
    page = await builder.get(request_configuration=configuration(query))
    for _ in range(MAX_PAGES):
        for item in _rows(page):
            yield item
        if not page.odata_next_link:
            return
        _same_host(page.odata_next_link, api_url)
        page = await builder.with_url(page.odata_next_link).get(request_configuration=configuration())
    raise Permanent("Graph's pages have no end", hint="Report it; sync from a file meanwhile.")


def _rows(page: Any) -> list[Any]:
    """What a page of a list holds. A page without a list is none: an empty one would mean that everybody has left."""
    rows = getattr(page, "value", None)
    if not isinstance(rows, list) or any(
        getattr(r, "id", None) is not None and not isinstance(r.id, str) for r in rows
    ):
        raise _nonsense()
    return rows


def _nonsense() -> Transient:
    return Transient("Graph's address answers, but not as Graph does", hint="Is a proxy or a guest network in between?")


def _same_host(link: str, api_url: str) -> None:
    """A next link to another host would carry our token there."""
    wanted = urlsplit(api_url or "https://graph.microsoft.com")
    found = urlsplit(link)
    if (found.scheme, found.netloc) != (wanted.scheme, wanted.netloc):
        raise Permanent(
            f"Graph points to another host for the next page: {found.netloc}", hint="Nothing was sent there."
        )


def _contact(user: Any) -> Contact:
    upn = user.user_principal_name or ""
    return Contact(
        str(user.id),
        user.display_name or "",
        user.mail or upn,
        user.mobile_phone or "",
        "",
        (user.preferred_language or "")[:2].lower(),
        (user.department,) if user.department else (),
        (upn.partition("@")[0],) if upn else (),
    )


PLUGIN = DirectoryPlugin(api=1, settings=GraphSettings, make=GraphDirectory)
