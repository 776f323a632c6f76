"""Checking passwords is slow on purpose (argon2).
A flood of tries must neither fill the memory nor keep others waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bcp.kernel.errors import Refused

T = TypeVar("T")
AT_ONCE = 2
"""Checked at the same time: 64 MiB each."""
A_PEER, IN_ALL = 2, 40
"""Waiting and being checked: of one address, and of all."""


class Desk:
    """Two threads of its own; who comes too often is turned away at once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._waiting: Counter[str] = Counter()

    async def check(self, peer: str, work: Callable[[], T], *, known: bool = False) -> T:
        """Do it when its turn comes. ``known``: ``peer`` is a browser that has proven itself before, which strangers
        do not keep out however many of them wait. Raises ``Refused`` (``busy``) where too many wait."""
        if self._waiting[peer] >= A_PEER or (self._waiting.total() >= IN_ALL and not known):
            raise Refused("too many tries at once; try again in a moment, or answer by text", rule="busy")
        self._waiting[peer] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting[peer] -= 1
            if self._waiting[peer] <= 0:
                del self._waiting[peer]
