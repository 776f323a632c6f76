"""Asks every address of a relay whether it would take mail: a conversation up to RCPT, without sending anything."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from bcp.contracts.relay import RelayProbe
from bcp.contracts.relay_host import RelayHost
from bcp.kit import smtp

STRANGER = "nobody@open-relay-test.invalid"
"""Who takes mail for this one takes it for anybody."""


async def probe_hosts(hosts: Sequence[RelayHost], port: int, recipient: str, timeout_s: float) -> list[RelayProbe]:
    """One line for each address; for a host whose name does not resolve, one that says so."""
    found = []
    for host in hosts:
        addresses = host.addresses or await addresses_of_host(host.host)
        found += [await _one(host.host, a, port, recipient, timeout_s) for a in addresses]
        if not addresses:
            found.append(RelayProbe(host.host, False, message="its name does not resolve", host=host.host))
    return found


async def _one(host: str, address: str, port: int, recipient: str, timeout_s: float) -> RelayProbe:
    talk = await smtp.rcpt(
        address,
        port,
        recipient=recipient,
        sender="",
        timeout_s=timeout_s,
        tls_name=host,
        second_recipient=STRANGER,
    )
    return RelayProbe(
        f"{address}:{port}",
        talk.ok,
        talk.ok and talk.second_code == 250,
        talk.code,
        "accepts" if talk.ok else talk.say(),
        talk.tls,
        talk.spki_sha256,
        host,
        talk.chain,
    )


async def addresses_of_host(host: str) -> list[str]:
    """Addresses of a name, by this machine's own resolver; none where it has none."""
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host.rstrip("."), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(r[4][0]) for r in rows))
