"""Programs, HTTP and secrets for actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bcp.contracts.services import HttpResult, ProcessResult
from bcp.kernel.secret import Secret, redact
from bcp.kit.http import Http
from bcp.kit.process import run_program


class RealOutside:
    """The machine and the network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._http = Http()

    async def process(
        self, arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
    ) -> ProcessResult:
        """Run a program."""
        return await run_program(arguments, timeout_s=timeout_s, environment=environment, cap=cap)

    async def http(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str, timeout_s: float, cap: int
    ) -> HttpResult:
        """One request."""
        reply = await self._http.request(
            method, url, headers=dict(headers), data=body or None, timeout_s=timeout_s, cap=cap
        )
        return HttpResult(reply.status, redact(reply.body))

    def reveal(self, reference: str) -> str:
        """A secret."""
        return Secret(reference, self.folder).reveal()

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()
