"""``acme-tap``: a line of text from Acme's monitor says whether mail runs."""

from __future__ import annotations

import asyncio
from typing import Literal

from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal


class TapSettings(ProbeSettings):
    """Acme's monitor."""

    kind: Literal["acme-tap"] = "acme-tap"
    """Which plug-in."""
    host: str = "127.0.0.1"
    """Where it listens."""
    port: int
    """On which port."""


class Tap(Probe[TapSettings]):
    """``running`` is well, anything else is not."""

    kind = "acme-tap"
    plane = "inbound"
    Settings = TapSettings

    async def look(self) -> Signal:
        """One line, within the deadline. Whatever happens is a signal."""
        s = self.settings
        try:
            async with asyncio.timeout(s.timeout):
                line = await self._line()
        except TimeoutError:
            return self.saw(Result.FAIL, "timeout", f"{s.host}:{s.port} says nothing in {s.timeout:g} s")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            return self.saw(Result.UNKNOWN, "unreadable", f"the monitor cannot be read: {type(error).__name__}")
        if line == b"running\n":
            return self.saw(Result.OK, "", "the monitor says running")
        return self.saw(Result.FAIL, "closed", f"the monitor says {line[:40]!r}")

    async def _line(self) -> bytes:
        reader, writer = await asyncio.open_connection(self.settings.host, self.settings.port)
        try:
            return await reader.readuntil(b"\n")
        finally:
            writer.close()


PLUGIN = ProbePlugin(api=1, settings=TapSettings, make=Tap)
