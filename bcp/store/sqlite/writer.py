"""One thread writes the book; whatever waits at the same time shares one sync to disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, StorageError
from bcp.store.sqlite.book import Book, failed

T = TypeVar("T")
MOST = 256
"""In one transaction."""


class Writer:
    """``await writer.do(lambda book: book.note(...))``: returns when it is on disk.

    Raises ``StorageError``, and then nothing was done.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="book")
        self._path = path
        self._book = self._thread.submit(Book, path, clock).result()
        self._waiting: list[tuple[Callable[[Book], Any], asyncio.Future[Any]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def do(self, work: Callable[[Book], T]) -> T:
        """Do this in the next transaction."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = loop.create_task(self._flush())
        return await done

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            outcomes = await loop.run_in_executor(self._thread, self._transaction, [w for w, _ in batch])
            for (_, done), (value, error) in zip(batch, outcomes, strict=True):
                if done.cancelled():
                    continue
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(value)

    def _transaction(self, works: list[Callable[[Book], Any]]) -> list[tuple[Any, BaseException | None]]:
        out: list[tuple[Any, BaseException | None]] = []
        try:
            self._book.begin()
            for i, work in enumerate(works):
                self._book.db.execute(f"savepoint s{i}")
                try:
                    out.append((work(self._book), None))
                except BcpError as error:
                    self._book.db.execute(f"rollback to s{i}")
                    out.append((None, error))
                self._book.db.execute(f"release s{i}")
            self._book.commit()
        except (sqlite3.Error, OSError) as error:
            self._undo()
            why = failed(self._path, error)
            return [(None, StorageError(why.message, hint=why.hint)) for _ in works]
        except Exception as error:  # a bug in one must not leave the others waiting for ever
            self._undo()
            return [(None, error) for _ in works]
        return out

    def _undo(self) -> None:
        try:
            self._book.rollback()
        except sqlite3.Error:
            return

    async def close(self) -> None:
        """Write what waits, let the file go."""
        if self._flushing is not None:
            await self._flushing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._book.close)
        self._thread.shutdown()
