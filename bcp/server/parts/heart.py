"""Signs of life: to systemd's watchdog, and to an outside check that tells people when it stops."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from bcp.kernel.log import logger

if TYPE_CHECKING:
    from bcp.server.daemon import Daemon

LOG = logger(__name__)


def notify(text: str) -> bool:
    """One datagram to systemd (sd_notify(3)): ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``. False where there is none."""
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


def alive(daemon: Daemon) -> bool:
    """Did the watch finish a round in the last three intervals (a minute at least)? Without probes: yes."""
    if not daemon.app.watching.watcher.probes:
        return True
    limit = max(60.0, 3 * daemon.app.watching.rules.interval_s)
    return bool(daemon.rounds) and daemon.clock.monotonic() - daemon.last_round <= limit


async def watchdog(daemon: Daemon) -> None:
    """As often as systemd wants, while the watch is alive."""
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6  # noqa: TID251 - systemd's protocol
    while period:
        if alive(daemon) or not daemon.rounds:
            notify("WATCHDOG=1")
        await asyncio.sleep(period)


async def heartbeat(daemon: Daemon) -> None:
    """GET the check URL while the watch is alive. Redirects are not followed, the answer is not read."""
    import aiohttp  # noqa: PLC0415

    wanted = daemon.settings.heartbeat
    said = ""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        while True:
            if alive(daemon):
                try:
                    async with session.get(wanted.url.reveal(), allow_redirects=False) as answer:
                        problem = "" if answer.status < 400 else f"it answers {answer.status}"
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    problem = type(error).__name__
                if problem and problem != said:
                    LOG.warning("the heartbeat check cannot be reached: %s", problem)
                said = problem
            await asyncio.sleep(wanted.every)
