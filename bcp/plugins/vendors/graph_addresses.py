"""Addresses of a tenant out of Graph's delta queries: users (shared mailboxes, rooms among them), groups, contacts.

Sources: learn.microsoft.com, "user: delta", "group: delta", "orgContact: delta", "Use delta query". ``proxyAddresses``
holds every address, ``SMTP:`` the first of them, ``smtp:`` the others, and others that are no mail addresses (X500:).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bcp.contracts.directory import Addresses
from bcp.kernel.errors import Permanent, Transient

FIELDS = ["id", "mail", "proxyAddresses"]
MAX_PAGES = 2_000


async def addresses(client: Any, configuration: Any, since: str, same_host: Callable[[str], None]) -> Addresses:
    """Everything, or what changed since the links in ``since``. Raises ``Permanent`` where they are not ours."""
    from msgraph.generated.contacts.delta.delta_request_builder import DeltaRequestBuilder as Contacts
    from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as Groups
    from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as Users

    kinds: tuple[tuple[str, Any, Any], ...] = (
        ("users", client.users.delta, Users.DeltaRequestBuilderGetQueryParameters(select=FIELDS)),
        ("groups", client.groups.delta, Groups.DeltaRequestBuilderGetQueryParameters(select=FIELDS)),
        ("contacts", client.contacts.delta, Contacts.DeltaRequestBuilderGetQueryParameters(select=FIELDS)),
    )
    links = _links(since)
    found: dict[str, tuple[str, ...]] = {}
    gone: set[str] = set()
    after: dict[str, str] = {}
    for kind, builder, query in kinds:
        link = links.get(kind, "")
        if link:
            same_host(link)
            page = await builder.with_url(link).get(request_configuration=configuration())
        else:
            page = await builder.get(request_configuration=configuration(query))
        for _ in range(MAX_PAGES):
            _note(page, found, gone, fresh=not link)
            if not page.odata_next_link:
                break
            same_host(page.odata_next_link)
            page = await builder.with_url(page.odata_next_link).get(request_configuration=configuration())
        else:
            raise Permanent(f"Graph's pages of {kind} have no end", hint="Report it; the relay keeps its list.")
        if not page.odata_delta_link:
            raise _nonsense()
        after[kind] = str(page.odata_delta_link)
    return Addresses(found, tuple(sorted(gone)), json.dumps(after))


def _links(since: str) -> dict[str, str]:
    try:
        raw = json.loads(since) if since else {}
    except ValueError as error:
        raise Permanent("the links to changes are not Graph's", hint="Ask for everybody.") from error
    return {str(k): str(v) for k, v in raw.items()} if isinstance(raw, dict) else {}


def _note(page: Any, found: dict[str, tuple[str, ...]], gone: set[str], *, fresh: bool) -> None:
    """One page. A row without ``proxyAddresses`` among changes is one whose addresses are as they were."""
    rows = getattr(page, "value", None)
    if not isinstance(rows, list):
        raise _nonsense()
    for row in rows:
        if not isinstance(row.id, str):
            raise _nonsense()
        if "@removed" in (row.additional_data or {}):
            found.pop(row.id, None)
            gone.add(row.id)
        elif fresh or row.proxy_addresses is not None or row.mail:
            gone.discard(row.id)
            found[row.id] = _mail_of(row)


def _mail_of(row: Any) -> tuple[str, ...]:
    proxies = [str(p) for p in row.proxy_addresses or ()]
    mails = [p[5:] for p in proxies if p.lower().startswith("smtp:")]
    return tuple(dict.fromkeys(m.lower() for m in [*mails, *([str(row.mail)] if row.mail else [])]))


def _nonsense() -> Transient:
    return Transient("Graph's address answers, but not as Graph does", hint="Is a proxy or a guest network in between?")
