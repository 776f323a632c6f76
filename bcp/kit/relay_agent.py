"""How the agent of a relay is asked: by HTTP through a tunnel, or by a command over SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.kernel.errors import Refused, Transient
from bcp.kit.http import Http
from bcp.kit.process import run_program
from bcp.kit.triplets import unpacked

CAP = 100_000_000
"""Bytes of an answer."""


async def ask_by_command(command: Sequence[str], asked: Mapping[str, str], timeout_s: float) -> bytes:
    """``bcp relay agent ... --batch N`` on the relay.

    Raises:
        Transient: it failed, or did not end in time: nothing is lost, it is asked again.
        Refused: ``batch-unreadable``.
    """
    names = {"batch": "after", "stream": "stream", "nonce": "nonce", "seal": "seal"}
    words = [f"--{option}={asked[name]}" for option, name in names.items()]  # ssh loses words that are empty
    ended = await run_program([*command, *words], timeout_s=timeout_s, environment={}, cap=CAP)
    if ended.code != 0:
        said = ended.stderr.strip()[-200:]
        raise Transient(f"{command[0]} ended with {ended.code}: {said}", hint="Run it by hand.", rule="agent-silent")
    return unpacked(ended.stdout)


async def ask_by_url(url: str, asked: Mapping[str, str], timeout_s: float) -> bytes:
    """``GET /batch`` of ``bcp relay agent --serve``. Raises as ``ask_by_command``, and ``Transient`` as ``Http``."""
    http = Http()
    try:
        reply = await http.request("GET", url.rstrip("/") + "/batch", params=asked, timeout_s=timeout_s, cap=CAP)
    finally:
        await http.close()
    if reply.status == 403:
        raise Refused(f"the agent refuses: {reply.body[:60]}", rule="agent-refuses", hint="Is the key the same?")
    if reply.status != 200:
        hint = "Look at it on the relay."
        raise Transient(f"the agent answers {reply.status}", hint=hint, rule="agent-silent")
    return unpacked(reply.body)
