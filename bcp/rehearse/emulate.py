"""Stand-ins for what a drill must not reach: channels that keep what they are given, programs that are not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.contracts.services import HttpResult, ProcessResult
from bcp.deeds.stand_ins import EmulatedChannel, EmulatedPage, Kept, emulated

__all__ = ["EmulatedChannel", "EmulatedOutside", "EmulatedPage", "Kept", "emulated"]


class EmulatedOutside:
    """Programs are not run and no request leaves: each ends well, and is kept."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    async def process(
        self, arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
    ) -> ProcessResult:
        """As if it had ended with 0."""
        self.kept.keep("program", arguments=list(arguments))
        return ProcessResult(0, "", "")

    async def http(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str, timeout_s: float, cap: int
    ) -> HttpResult:
        """As if it had answered 200."""
        self.kept.keep("request", method=method, url=url)
        return HttpResult(200, "")

    def reveal(self, reference: str) -> str:
        """No secret is needed for what does not leave."""
        return "emulated"

    async def close(self) -> None:
        """There is nothing to let go."""
