"""The machines of one relay, each asked by ``bcp-relay``: one queue of all, and each mail released where it lies.

With several machines a queue id is told with its host (``4Q1@relay2.example.net``): two may use the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from bcp.contracts.relay import MailFate, QueuedMail
from bcp.kernel.errors import BcpError, Transient
from bcp.kit.patience import Patience
from bcp.kit.postfix_queue import read_beside
from bcp.kit.relay_reach import Reach


class Machines:
    """Every host of a relay that can be asked. One that is dead does not keep the others from being drained."""

    def __init__(self, reaches: Mapping[str, Reach], read_queue: Callable[[str], list[QueuedMail]]) -> None:
        self.reaches, self._read_queue, self._patience = dict(reaches), read_queue, Patience()
        self.dead: dict[str, str] = {}
        """Hosts that did not answer the last time, and what was said instead."""

    @property
    def several(self) -> bool:
        """Is there more than one?"""
        return len(self.reaches) > 1

    async def queue(self, look: Callable[[str], Awaitable[str]] | None = None) -> list[QueuedMail]:
        """What all hold together. ``look``: another way to see the queue of a host than ``bcp-relay``. A host that
        hangs is not waited for while others answer.

        Raises ``Transient`` where none answers.
        """
        how = look or (lambda host: self.reaches[host].ask("queue"))
        texts = self._living(await self._patience.ask(tuple(self.reaches), how, frozenset(self.dead)))
        return [
            replace(m, queue_id=f"{m.queue_id}@{host}") if self.several else m
            for host, text in texts.items()
            for m in await read_beside(text, self._read_queue)
        ]

    async def keep(self, on: bool) -> None:
        """All of them that answer."""
        await self._all({h: r.ask("keep" if on else "flow") for h, r in self.reaches.items()})

    async def flush(self) -> str:
        """All of them that answer."""
        asked = await self._all({h: r.ask("flush") for h, r in self.reaches.items()})
        return f"asked: {', '.join(asked)}"

    async def release(self, queue_ids: Sequence[str]) -> None:
        """Each where it lies."""
        work = {h: self.reaches[h].ask("release", stdin=_lines(ids)) for h, ids in self._by_host(queue_ids).items()}
        await self._all(work)

    async def fates(
        self,
        queue_ids: Sequence[str],
        read: Callable[[str, set[str]], list[MailFate]],
        look: Callable[[str], Awaitable[str]] | None = None,
    ) -> list[MailFate]:
        """What their logs tell of these: nothing of what lies at a host that does not answer.

        ``read`` gets the lines of one log, and the ids there. ``look``: another way to a log than ``bcp-relay``.
        """
        found, wanted = [], self._by_host(queue_ids)
        asked = {h: look(h) if look else self._log(h, ids) for h, ids in wanted.items()}
        for host, text in (await self._all(asked, none=self.several)).items():
            ids = wanted[host]
            rows = read(text, set(ids))
            found += [replace(f, queue_id=f"{f.queue_id}@{host}") if self.several else f for f in rows]
        return found

    async def _log(self, host: str, ids: Sequence[str]) -> str:
        patience = 0.0 if host in self.dead else 300.0
        return await self.reaches[host].ask("log", stdin=_lines(ids), timeout_s=patience)

    async def each(self, deed: Callable[[str], Awaitable[str]]) -> str:
        """The same at all that answer. Raises as ``queue``."""
        answers = await self._all({h: deed(h) for h in self.reaches})
        return "; ".join(f"{h}: {a}" for h, a in answers.items()) if self.several else next(iter(answers.values()))

    def _by_host(self, queue_ids: Sequence[str]) -> dict[str, list[str]]:
        if not self.several:
            return {next(iter(self.reaches)): list(queue_ids)} if queue_ids else {}
        found: dict[str, list[str]] = {}
        for ident in queue_ids:
            plain, _, host = ident.partition("@")
            if host in self.reaches:
                found.setdefault(host, []).append(plain)
        return found

    async def _all(self, work: Mapping[str, Awaitable[str]], *, none: bool = False) -> dict[str, str]:
        """Side by side; what the living say. Raises the first error where nobody lives, unless that is an answer."""
        answers = dict(zip(work, await asyncio.gather(*work.values(), return_exceptions=True), strict=True))
        return self._living(answers, none=none)

    def _living(self, answers: Mapping[str, str | BaseException], *, none: bool = False) -> dict[str, str]:
        """What those say that answered; the others are noted. Raises as ``_all``."""
        for host, answer in answers.items():
            if isinstance(answer, BaseException) and not isinstance(answer, BcpError):
                raise answer
            if isinstance(answer, BcpError):
                self.dead[host] = answer.message
            else:
                self.dead.pop(host, None)
        living = {h: a for h, a in answers.items() if isinstance(a, str)}
        if answers and not living and not none:
            first = next(a for a in answers.values() if isinstance(a, BcpError))
            raise first if not self.several else Transient(f"no relay host answers: {first.message}", hint=first.hint)
        return living


def _lines(ids: Sequence[str]) -> bytes:
    return "".join(f"{i}\n" for i in ids).encode()
