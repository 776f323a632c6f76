"""Sockets of the lab. Loopback only: anything else is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import socket


def only_loopback(address: str) -> str:
    """The address, or an error when it is not on this machine."""
    if not ipaddress.ip_address(address).is_loopback:
        raise ValueError(f"the lab listens on loopback only, not on {address}")
    return address


def free_port(*addresses: str) -> int:
    """A port that is free, for TCP and UDP, on all these addresses."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind((only_loopback(addresses[0]), 0))
            port = int(probe.getsockname()[1])
        if all(_is_free(a, port) for a in addresses):
            return port
    raise OSError("no free port")


def _is_free(address: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((only_loopback(address), port))
            except OSError:
                return False
    return True


async def read_dns(reader: asyncio.StreamReader) -> bytes | None:
    """One length-prefixed DNS message; ``None`` at the end."""
    try:
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        return None
