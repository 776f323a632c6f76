"""The command line inside a game: each command in a thread of its own, its work in the loop, its life killable."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from players.virtual import LIFE, Killed, Life, VirtualLoop, live


class Streams(threading.local):
    """What a thread reads and writes."""

    out: io.StringIO | None = None
    err: io.StringIO | None = None


HERE = Streams()


class _Proxy(io.TextIOBase):
    def __init__(self, name: str, real: Any) -> None:
        self._name, self._real = name, real

    def _there(self) -> Any:
        return getattr(HERE, self._name) or self._real

    def write(self, text: str) -> int:
        return int(self._there().write(text))

    def flush(self) -> None:
        self._there().flush()

    def isatty(self) -> bool:
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def fileno(self) -> int:
        return int(self._there().fileno())


@dataclass
class Done:
    """A command: running while ``code`` is ``None``."""

    words: tuple[str, ...]
    life: Life
    code: int | None = None
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    fault: str = ""
    thread: threading.Thread | None = None

    @property
    def text(self) -> str:
        """All that it said."""
        return self.out.getvalue() + self.err.getvalue()


class Commands:
    """Starts commands. Within it ``asyncio.run`` of a command's thread works in the game's loop."""

    def __init__(self, loop: VirtualLoop, patch: Any) -> None:
        self.loop, self.started = loop, list[Done]()
        patch.setattr(asyncio, "run", self._run)
        patch.setattr(sys, "stdout", _Proxy("out", sys.stdout))
        patch.setattr(sys, "stderr", _Proxy("err", sys.stderr))

    def _run(self, work: Any, **_: Any) -> Any:
        """In a command's thread: hand the coroutine to the loop, and wait."""
        life = LIFE.get()
        assert life is not None, "asyncio.run outside of a command"
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        life.waiting.append(done)

        async def whole() -> None:
            try:
                value = await work
            except BaseException as error:
                self._give(done, None, error)
            else:
                self._give(done, value, None)

        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(whole()))
        self.loop.busy(-1)
        return done.result()

    def _give(self, done: Any, value: Any, error: BaseException | None) -> None:
        with self.loop._lock:
            self.loop._busy += 1
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def start(self, *words: str, die_after: int = -1) -> Done:
        """Begin a command; it goes on whenever the loop runs."""
        life = Life(" ".join(words[:2]))
        life.left = die_after
        done = Done(words, life)
        self.started.append(done)
        self.loop.busy(1)
        done.thread = threading.Thread(target=lambda: live(life, lambda: self._main(done)), daemon=True)
        done.thread.start()
        return done

    def _main(self, done: Done) -> None:
        from bcp.cli import main as door

        HERE.out, HERE.err = done.out, done.err
        before = sys.argv
        try:
            sys.argv = ["bcp", *done.words]
            door.main()
            done.code = 0
        except SystemExit as end:
            done.code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except Killed:
            done.code = -9
            return  # it is not counted as busy: it was waiting
        except BaseException as error:
            done.code, done.fault = 99, f"{type(error).__name__}: {error}"
        finally:
            sys.argv = before
        self.loop.busy(-1)

    def wait(self, done: Done, seconds: float) -> Done:
        """Let time pass until it ended, for so many virtual seconds at most."""

        async def until() -> None:
            end = self.loop.time() + seconds
            while done.code is None and self.loop.time() < end:
                await asyncio.sleep(0.05)

        self.loop.run_until_complete(until())
        return done
