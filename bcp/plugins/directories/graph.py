"""Users of Microsoft Graph through msgraph-sdk, fenced: no hidden retry, a deadline, one loop, allowed hosts."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.contact import Contact
from bcp.kernel.errors import Permanent, Transient

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
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(tenant_id, client_id, client_secret, api_url)
    except TimeoutError as error:
        raise Transient(f"Graph did not finish in {timeout_s:g} s", hint="Use the last snapshot.") from error


async def _read(tenant_id: str, client_id: str, client_secret: str, api_url: str) -> list[Contact]:
    from kiota_abstractions.api_error import APIError  # noqa: PLC0415 - msgraph loads 1,200 modules; only here
    from kiota_abstractions.base_request_configuration import RequestConfiguration  # noqa: PLC0415
    from kiota_http.middleware.options import RetryHandlerOption  # noqa: PLC0415
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder  # noqa: PLC0415

    client, close = _client(tenant_id, client_id, client_secret, api_url)
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=FIELDS, top=999)
    options = [RetryHandlerOption(max_retries=0)]
    configuration: Any = RequestConfiguration(query_parameters=query, options=options)
    out: list[Contact] = []
    try:
        page = await client.users.get(request_configuration=configuration)
        for _ in range(MAX_PAGES):
            if page is None:
                break
            out.extend(_contact(u) for u in page.value or () if u.account_enabled is not False)
            if not page.odata_next_link:
                break
            _same_host(page.odata_next_link, api_url)
            page = await client.users.with_url(page.odata_next_link).get(
                request_configuration=RequestConfiguration(options=options)
            )
    except APIError as error:
        status = getattr(error, "response_status_code", None)
        hint = {
            401: "Check client_secret.",
            403: "Grant User.Read.All to the application.",
            429: "Wait, then repeat.",
        }.get(status or 0, "Is Graph up?")
        kind = Transient if status in {429, 500, 502, 503, 504} else Permanent
        raise kind(
            f"Graph answers {status}: {getattr(getattr(error, 'error', None), 'message', None) or error.message}",
            hint=hint,
        ) from error
    except (OSError, ConnectionError) as error:
        raise Transient(f"Graph cannot be reached: {error}", hint="Use the last snapshot.") from error
    finally:
        await close()
    return out


def _client(tenant_id: str, client_id: str, client_secret: str, api_url: str) -> tuple[Any, Any]:
    import httpx  # noqa: PLC0415
    from msgraph import GraphRequestAdapter, GraphServiceClient  # noqa: PLC0415

    if api_url:
        from kiota_abstractions.authentication import AnonymousAuthenticationProvider  # noqa: PLC0415

        http = httpx.AsyncClient(timeout=httpx.Timeout(10.0), trust_env=False)
        adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=http)
        adapter.base_url = api_url.rstrip("/") + "/v1.0"
        return GraphServiceClient(request_adapter=adapter), http.aclose
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider  # noqa: PLC0415

    credential = ClientSecretCredential(tenant_id, client_id, client_secret)
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["graph.microsoft.com"]
    )
    return GraphServiceClient(request_adapter=GraphRequestAdapter(provider)), credential.close


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
