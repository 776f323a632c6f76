"""Signs of life: to systemd's watchdog, and to an outside check that tells people when it stops."""

from __future__ import annotations

import asyncio
import os
import socket

from bcp.kernel.log import logger
from bcp.server.sight import Sight
from bcp.settings.serve import HeartbeatSettings

LOG = logger(__name__)


def notify(text: str) -> bool:
    """One datagram to systemd (sd_notify(3)): ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``. False where there is
    none."""
    path = os.environ.get("NOTIFY_SOCKET", "")  # noqa: TID251 - systemd's protocol
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.sendto(text.encode(), address)
    except OSError as error:
        LOG.warning("systemd cannot be told: %s", error)
        return False
    return True


async def watchdog(sight: Sight) -> None:
    """As often as systemd wants, while the watch is alive."""
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6  # noqa: TID251 - systemd's protocol
    while period:
        if sight.healthy_watch() or not sight.rounds:
            notify("WATCHDOG=1")
        await asyncio.sleep(period)  # noqa: TID251 - systemd's protocol


async def heartbeat(sight: Sight, wanted: HeartbeatSettings) -> None:
    """GET the check URL while the watch is alive. Redirects are not followed, the answer is not read."""
    import aiohttp

    said = ""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        while True:
            if sight.healthy_watch():
                try:
                    async with session.get(wanted.url.reveal(), allow_redirects=False) as answer:
                        problem = "" if answer.status < 400 else f"it answers {answer.status}"
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    problem = type(error).__name__
                if problem and problem != said:
                    LOG.warning("the heartbeat check cannot be reached: %s", problem)
                said = problem
            await asyncio.sleep(wanted.every)  # noqa: TID251 - others watch it in real time
