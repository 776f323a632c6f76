"""Does an address stand on a DNS blocklist? RFC 5782: octets reversed before the list's name; 127.0.0.x says yes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

from bcp.contracts.dns import Trouble
from bcp.kit.resolver import Resolver

NOT_ASKED = "?"


def question(address: str, blocklist: str) -> str:
    """The name that is looked up (RFC 5782 section 2.1 and 2.4)."""
    ip = ip_address(address)
    return ip.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa") + f".{blocklist}"


def meaning(answers: Sequence[str]) -> bool | None:
    """Is it listed? ``None``: the list does not answer this resolver (127.255.255.x, as Spamhaus says so)."""
    if any(a.startswith("127.255.255.") for a in answers):
        return None
    return any(a.startswith("127.") for a in answers)


async def listed(
    addresses: Sequence[str], blocklists: Sequence[str], resolvers: Sequence[str], timeout_s: float
) -> dict[str, str]:
    """For each blocklist the first address that stands on it, ``?`` where it cannot be asked, else nothing."""
    resolver = Resolver(resolvers, (), timeout_s=timeout_s)

    async def one(blocklist: str) -> str:
        said = ""
        for address in addresses:
            found = await resolver.look_up(question(address, blocklist))
            meant = meaning(found.addresses)
            if meant is None or (not found.addresses and found.trouble is not Trouble.NONE):
                said = NOT_ASKED
            elif meant:
                return address
        return said

    return dict(zip(blocklists, await asyncio.gather(*map(one, blocklists)), strict=True))
