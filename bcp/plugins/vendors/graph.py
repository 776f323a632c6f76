"""Microsoft Graph through msgraph-sdk, fenced: no hidden retry, a deadline, one loop, allowed hosts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbeSettings
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Permanent, Transient
from bcp.kernel.secret import Secret

T = TypeVar("T")


class NoToken(Transient):
    """No access token was given: Entra is the suspect, not Graph."""


class OurCredential(Permanent):
    """Entra says that our own credential is wrong or expired."""


OWN_CODES = (
    "AADSTS7000215",
    "AADSTS7000222",
    "AADSTS700016",
    "AADSTS700027",
    "AADSTS700024",
    "AADSTS90002",
    "AADSTS50034",
)
"""Entra's codes for a wrong or expired secret or certificate, an unknown application or tenant, and a wrong clock
(learn.microsoft.com, reference-error-codes)."""


class GraphAccess(ProbeSettings):
    """A tenant and an application in it."""

    tenant_id: str
    """Directory (tenant) id."""
    client_id: str
    """Application id, with the permission that the probe needs."""
    client_secret: Secret
    """Client secret, by reference."""
    timeout: Duration = 20.0
    """Deadline of one look."""
    api_url: str = ""
    """Another base URL, for tests."""


class Graph:
    """One client for one event loop."""

    def __init__(self, tenant_id: str, client_id: str, client_secret: str, *, api_url: str = "") -> None:
        self._who = (tenant_id, client_id, client_secret)
        self.api_url = api_url
        self._client: Any = None
        self._close: Callable[[], Awaitable[None]] | None = None

    async def call(self, work: Callable[[Any, Any], Awaitable[T]], timeout_s: float) -> T:
        """Run ``work(client, configuration)``; ``configuration(**query)`` makes a request configuration without
        retries.

        Raises:
            NoToken, OurCredential: sign-in failed.
            Permanent: Graph answers 4xx; ``Transient``: 429, 5xx, no answer in time.
        """
        if self._client is None:  # seconds of imports: neither the deadline of a look nor the other looks pay for them
            await asyncio.to_thread(_load)
        from kiota_abstractions.api_error import APIError  # msgraph loads 1,200 modules; only here

        try:
            async with asyncio.timeout(timeout_s):
                return await work(self._open(), _configuration)
        except APIError as error:
            status = int(getattr(error, "response_status_code", 0) or 0)
            text = getattr(getattr(error, "error", None), "message", None) or error.message or ""
            kind = Transient if status in {0, 429, 500, 502, 503, 504} else Permanent
            raise kind(
                f"Graph answers {status}: {str(text)[:200]}",
                hint=_HINTS.get(status, "Is Graph up?"),
                outputs={"status": status},
            ) from error
        except TimeoutError as error:
            raise Transient(
                f"Graph did not answer in {timeout_s:g} s", hint="Use the last snapshot.", outputs={"why": "timeout"}
            ) from error
        except BcpError:
            raise
        except Exception as error:
            raise _other(error) from error

    def _open(self) -> Any:
        if self._client is None:
            self._client, self._close = _client(*self._who, self.api_url)
        return self._client

    async def close(self) -> None:
        """Close the client."""
        if self._close is not None:
            await self._close()
            self._client = self._close = None


_HINTS = {
    401: "Check client_secret.",
    403: "Grant the application the permission.",
    404: "Check the name.",
    429: "Wait, then repeat.",
}


def _configuration(query: Any = None, headers: Any = None) -> Any:
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_http.middleware.options import RetryHandlerOption

    return RequestConfiguration(query_parameters=query, options=[RetryHandlerOption(max_retries=0)])


def _other(error: Exception) -> BcpError:
    """What azure-identity and the transport raise."""
    text = str(error)
    if type(error).__name__ in {"ClientAuthenticationError", "CredentialUnavailableError"}:
        if any(code in text for code in OWN_CODES):
            return OurCredential(f"Entra refuses our credential: {text[:160]}", hint="Renew the secret.")
        return NoToken(f"no token: {text[:160]}", hint="Is Entra up?")
    why = _why(error)
    words = "cannot be reached" if why != UNREADABLE else "answers what cannot be read"
    said = f"Graph {words}: {type(error).__name__}: {text[:160]}"
    return Transient(said, hint="Use the last snapshot.", outputs={"why": why})


UNREADABLE = "unreadable"
_NEEDED = (
    "msgraph",
    "msgraph.generated.users.users_request_builder",
    "msgraph.generated.users.delta.delta_request_builder",
    "msgraph.generated.users.item.user_item_request_builder",
    "msgraph.generated.groups.item.group_item_request_builder",
    "msgraph.generated.domains.item.domain_item_request_builder",
    "msgraph.generated.admin.service_announcement.service_announcement_request_builder",
    "azure.identity.aio",
)
"""What the library would load at the first use of each part, in the middle of a request."""


@functools.cache
def _load() -> None:
    """Seconds, once a process. A part that another version of the library does not have is loaded when it is used."""
    for name in _NEEDED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        from msgraph.generated.models.user import User

        User().get_field_deserializers()  # loads a thousand modules, which reading the first answer would


def _why(error: Exception) -> str:
    """``timeout``, ``refused``, ``closed``: the way there;
    ``unreadable``: an answer came, and it is none of Graph's."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ConnectError):
        return "refused"
    if isinstance(error, (httpx.TransportError, OSError)) and not isinstance(error, httpx.DecodingError):
        return "closed"
    return UNREADABLE


def _client(tenant_id: str, client_id: str, client_secret: str, api_url: str) -> tuple[Any, Any]:
    """A client over a transport of ours: no middleware, so no hidden retry and no redirect; capped bodies."""
    from msgraph import GraphRequestAdapter, GraphServiceClient

    from bcp.kit.capped import capped_client

    http = capped_client()
    if api_url:
        from kiota_abstractions.authentication import AnonymousAuthenticationProvider

        adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=http)
        adapter.base_url = api_url.rstrip("/") + "/v1.0"
        return GraphServiceClient(request_adapter=adapter), http.aclose
    from azure.identity.aio import ClientSecretCredential
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider

    credential = ClientSecretCredential(tenant_id, client_id, client_secret)
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["graph.microsoft.com"]
    )

    async def close() -> None:
        await credential.close()
        await http.aclose()

    return GraphServiceClient(request_adapter=GraphRequestAdapter(provider, client=http)), close


A = TypeVar("A", bound=GraphAccess)


class GraphProbe(Probe[A]):
    """What probes over Graph have in common: one client, made at the first look, and the limit of its application."""

    def __init__(self, name: str, settings: A, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._graph: Graph | None = None

    def shares(self) -> tuple[str, ...]:
        """Graph limits an application, not a probe."""
        return (f"graph:{self.settings.client_id}",)

    def graph(self) -> Graph:
        """The client, made when it is first needed."""
        if self._graph is None:
            s = self.settings
            self._graph = Graph(s.tenant_id, s.client_id, s.client_secret.reveal(), api_url=s.api_url)
        return self._graph

    async def close(self) -> None:
        """Close the client, where there is one."""
        if self._graph is not None:
            await self._graph.close()
