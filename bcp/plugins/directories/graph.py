"""Users of Microsoft Graph through msgraph-sdk, fenced: no hidden retry, a deadline, one loop, allowed hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.contact import Contact
from bcp.kernel.errors import Permanent
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


async def read_users(
    tenant_id: str, client_id: str, client_secret: str, *, api_url: str = "", timeout_s: float = 60.0
) -> list[Contact]:
    """All enabled users. Phone numbers are taken as they are; the caller checks them.

    Raises:
        Transient, Permanent: with what to do.
    """
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder  # noqa: PLC0415

    graph = Graph(tenant_id, client_id, client_secret, api_url=api_url)
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=FIELDS, top=999)

    async def work(client: Any, configuration: Any) -> list[Contact]:
        users = _pages(client.users, configuration, query, api_url)
        return [_contact(u) async for u in users if u.account_enabled is not False]

    try:
        return await graph.call(work, timeout_s)
    finally:
        await graph.close()


async def read_changes(
    tenant_id: str, client_id: str, client_secret: str, link: str = "", *, api_url: str = "", timeout_s: float = 120.0
) -> tuple[list[Contact], list[str], str]:
    """Users that are new or changed since ``link`` (all, without one), ids of those who are gone, and the next link.

    The delta query (learn.microsoft.com, delta-query-users): parameters go with the first request only, then the links
    carry them. A link that Graph no longer knows (410) begins anew: raise and ask without one.

    Raises:
        Transient, Permanent: with what to do.
    """
    from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder  # noqa: PLC0415

    graph = Graph(tenant_id, client_id, client_secret, api_url=api_url)
    query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=FIELDS)

    async def work(client: Any, configuration: Any) -> tuple[list[Contact], list[str], str]:
        found: dict[str, Contact] = {}
        gone: list[str] = []
        if link:
            _same_host(link, api_url)
            page = await client.users.delta.with_url(link).get(request_configuration=configuration())
        else:
            page = await client.users.delta.get(request_configuration=configuration(query))
        for _ in range(MAX_PAGES):
            if page is None:
                break
            for user in page.value or ():
                if "@removed" in (user.additional_data or {}) or user.account_enabled is False:
                    found.pop(str(user.id), None)
                    gone.append(str(user.id))
                else:
                    found[str(user.id)] = _contact(user)
            if not page.odata_next_link:
                return list(found.values()), gone, str(page.odata_delta_link or "")
            _same_host(page.odata_next_link, api_url)
            page = await client.users.delta.with_url(page.odata_next_link).get(request_configuration=configuration())
        raise Permanent("Graph's pages of users have no end", hint="Report it; sync from a file meanwhile.")

    try:
        return await graph.call(work, timeout_s)
    finally:
        await graph.close()


async def read_members(
    tenant_id: str,
    client_id: str,
    client_secret: str,
    groups: Mapping[str, str],
    *,
    api_url: str = "",
    timeout_s: float = 120.0,
) -> dict[str, list[str]]:
    """Ids of the users in each of these groups (name here, object id there), members of groups within included.

    `/groups/{id}/transitiveMembers/microsoft.graph.user` (learn.microsoft.com, group-list-transitivemembers).

    Raises:
        Transient, Permanent: with what to do.
    """
    from msgraph.generated.groups.item.transitive_members.graph_user import (  # noqa: PLC0415
        graph_user_request_builder as g,
    )

    graph = Graph(tenant_id, client_id, client_secret, api_url=api_url)
    query = g.GraphUserRequestBuilder.GraphUserRequestBuilderGetQueryParameters(select=["id"], top=999)

    async def work(client: Any, configuration: Any) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for name, ident in groups.items():
            builder = client.groups.by_group_id(ident).transitive_members.graph_user
            out[name] = [str(u.id) async for u in _pages(builder, configuration, query, api_url)]
        return out

    try:
        return await graph.call(work, timeout_s)
    finally:
        await graph.close()


async def read_managers(
    tenant_id: str, client_id: str, client_secret: str, *, api_url: str = "", timeout_s: float = 120.0
) -> dict[str, str]:
    """Id of each user's manager. Changes do not carry it, so that everybody is read. Raises ``Transient``, ``Permanent``."""
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder  # noqa: PLC0415

    graph = Graph(tenant_id, client_id, client_secret, api_url=api_url)
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id"], expand=["manager($select=id)"], top=100
    )

    async def work(client: Any, configuration: Any) -> dict[str, str]:
        users = _pages(client.users, configuration, query, api_url)
        return {str(u.id): str(u.manager.id) async for u in users if u.manager is not None and u.manager.id}

    try:
        return await graph.call(work, timeout_s)
    finally:
        await graph.close()


async def _pages(builder: Any, configuration: Any, query: Any, api_url: str) -> AsyncIterator[Any]:
    """Everything of a list, page by page."""
    page = await builder.get(request_configuration=configuration(query))
    for _ in range(MAX_PAGES):
        if page is None:
            return
        for item in page.value or ():
            yield item
        if not page.odata_next_link:
            return
        _same_host(page.odata_next_link, api_url)
        page = await builder.with_url(page.odata_next_link).get(request_configuration=configuration())
    raise Permanent("Graph's pages have no end", hint="Report it; sync from a file meanwhile.")


class Service:
    """What the tenant itself says: where its mail goes, and how its services are."""

    def __init__(self, tenant_id: str, client_id: str, client_secret: str, api_url: str = "") -> None:
        self._made = (tenant_id, client_id, client_secret, api_url)

    async def _ask(self, work: Any, timeout_s: float) -> Any:
        tenant, client, secret, url = self._made
        graph = Graph(tenant, client, secret, api_url=url)
        try:
            return await graph.call(work, timeout_s)
        finally:
            await graph.close()

    async def read_service_records(self, domain: str, timeout_s: float = 20.0) -> list[dict[str, Any]]:
        """MX of a domain from `/domains/{id}/serviceConfigurationRecords` (Domain.Read.All). Raises errors of the tree."""

        async def work(client: Any, configuration: Any) -> list[dict[str, Any]]:
            page = await client.domains.by_domain_id(domain).service_configuration_records.get(
                request_configuration=configuration()
            )
            if page is None:
                raise Permanent(f"Graph says nothing of {domain}", hint="Is it an accepted domain of this tenant?")
            return sorted(
                (
                    {"host": r.mail_exchange, "preference": r.preference, "ttl_s": r.ttl}
                    for r in page.value or ()
                    if getattr(r, "mail_exchange", None)
                ),
                key=lambda r: (r["preference"] or 0, r["host"]),
            )

        return list(await self._ask(work, timeout_s))

    async def read_health(self, timeout_s: float = 20.0) -> dict[str, str]:
        """Status of every service (ServiceHealth.Read.All). Raises errors of the tree."""

        async def work(client: Any, configuration: Any) -> dict[str, str]:
            page = await client.admin.service_announcement.health_overviews.get(request_configuration=configuration())
            return {
                str(o.service): str(getattr(o.status, "value", o.status) or "unknown")
                for o in (page.value if page else None) or ()
            }

        return dict(await self._ask(work, timeout_s))


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
