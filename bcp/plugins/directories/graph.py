"""Users of Microsoft Graph through msgraph-sdk, fenced: no hidden retry, a deadline, one loop, allowed hosts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.contact import Contact
from bcp.kernel.errors import Permanent
from bcp.kit.graph import Graph

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
        out: list[Contact] = []
        page = await client.users.get(request_configuration=configuration(query))
        for _ in range(MAX_PAGES):
            if page is None:
                break
            out.extend(_contact(u) for u in page.value or () if u.account_enabled is not False)
            if not page.odata_next_link:
                break
            _same_host(page.odata_next_link, api_url)
            page = await client.users.with_url(page.odata_next_link).get(request_configuration=configuration())
        return out

    try:
        return await graph.call(work, timeout_s)
    finally:
        await graph.close()


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
