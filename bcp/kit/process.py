"""Run a program: a list of arguments, a clean environment, a deadline, capped output without secrets,
its own process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from bcp.contracts.services import ProcessResult
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import redact

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK")


async def run_program(
    arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
) -> ProcessResult:
    """Run to its end.

    Raises:
        Permanent: it cannot be started.
        InDoubt: it ran longer than the deadline and was ended; or we were interrupted.
    """
    own = {k: os.environ[k] for k in _INHERITED if k in os.environ} | dict(environment)  # noqa: TID251 - the few that a program inherits
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=own,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise Permanent(
            f"{arguments[0]!r} cannot be started: {getattr(error, 'strerror', None) or error}",
            hint="Is it installed, and in PATH?",
        ) from error
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(timeout_s):
            (out, cut1), (err, cut2) = await _both(process.stdout, process.stderr, cap)
            code = await process.wait()
    except TimeoutError as error:
        raise InDoubt(
            f"{arguments[0]} did not end in {timeout_s:g} s and was stopped", hint="See how far it came."
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return ProcessResult(code, redact(out), redact(err), cut1 or cut2)


async def _both(
    out: asyncio.StreamReader, err: asyncio.StreamReader, cap: int
) -> tuple[tuple[str, bool], tuple[str, bool]]:
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(_read(out, cap)), group.create_task(_read(err, cap))
    return first.result(), second.result()


async def _read(stream: asyncio.StreamReader, cap: int) -> tuple[str, bool]:
    """Read to the end, keep the first ``cap`` bytes."""
    kept, size, cut = [], 0, False
    while chunk := await stream.read(65_536):
        room = cap - size
        if room > 0:
            kept.append(chunk[:room])
        cut = cut or len(chunk) > room
        size += len(chunk)
    return b"".join(kept).decode("utf-8", "replace"), cut
