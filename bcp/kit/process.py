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
    arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int, stdin: bytes | None = None
) -> ProcessResult:
    """Run to its end. ``stdin`` is what it reads; without it, nothing.

    Raises:
        Permanent: it cannot be started.
        InDoubt: it ran longer than the deadline and was ended; or we were interrupted.
    """
    own = {k: os.environ[k] for k in _INHERITED if k in os.environ} | dict(environment)  # noqa: TID251 - the few that a program inherits
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
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
    try:
        async with asyncio.timeout(timeout_s):
            (out, cut1), (err, cut2) = await _all(process, stdin or b"", cap)
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


async def _all(
    process: asyncio.subprocess.Process, stdin: bytes, cap: int
) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Write and read side by side: a program that answers while it still reads must not wait for us."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        if process.stdin is not None:
            group.create_task(_write(process.stdin, stdin))
        first = group.create_task(_read(process.stdout, cap))
        second = group.create_task(_read(process.stderr, cap))
    return first.result(), second.result()


async def _write(stream: asyncio.StreamWriter, data: bytes) -> None:
    """A program that ends before it has read everything says why by its exit code."""
    with contextlib.suppress(OSError):
        stream.write(data)
        await stream.drain()
    stream.close()


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
