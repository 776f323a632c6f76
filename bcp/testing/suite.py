"""The base of all conformance suites: one class a family, one method a promise.

A plug-in's author writes, in a test file of their own::

    from bcp.testing.channel import ChannelSuite

    class TestPager(ChannelSuite):
        plugin = pager.PLUGIN

        def settings(self) -> dict[str, object]:
            return {"url": self.url, "token": self.secret("token")}

and runs pytest. The suites themselves do not import pytest and use no fixtures: what a test needs is a method or an
attribute that a subclass may override. ``failures`` runs a suite without pytest and says what it found.

How suites are written (all of them, so that authors learn one way):

* ``test_...`` methods take nothing but ``self``, and each names the promise, as a sentence.
* What differs between plug-ins is a class attribute or a method without a leading underscore; its docstring says what
  to give. A promise that a plug-in does not make is switched off by an attribute (``can_find = False``), never by
  deleting a test.
* Asynchronous work goes through ``self.run(...)``, which fails after ``seconds`` instead of hanging.
* Cases of one promise are looked at in one method, and every one that fails is in the message (``self.all_hold``).
* Nothing sleeps in order to wait; time is a ``FakeClock`` wherever the contract takes a clock.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import inspect
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

from bcp.kernel.units import parse_duration
from bcp.testing.stuck import LOOK_S, Stuck

BEAT_S = 0.05
INSTALLED = ("site-packages", "dist-packages")
P = ParamSpec("P")
T = TypeVar("T")


class Spoken:
    """Promises whose breach is a sentence: an assertion without words gets the promise, and what did not hold.

    (pytest shows the values of an assertion in an author's own file alone, not in a suite that they import.)
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name, thing in list(vars(cls).items()):
            if name.startswith("test_") and inspect.isfunction(thing):
                setattr(cls, name, _spoken(thing))


def _spoken(test: Callable[P, T]) -> Callable[P, T]:
    promise = (inspect.getdoc(test) or "").partition("\n")[0] or test.__name__
    deep = "secret" in test.__name__

    @wraps(test)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with overheard(deep=deep) as heard, below(heard) if deep else contextlib.nullcontext():
                found = test(*args, **kwargs)
            if isinstance(args[0], Suite):
                args[0].hides(*heard)
            return found
        except AssertionError as error:
            if str(error):
                raise
            line = traceback.extract_tb(error.__traceback__)[-1].line or ""
            what = line.strip().removeprefix("assert ")
            raise AssertionError(f"{test.__name__}: {promise} This does not hold: {what}") from error

    return told


@contextlib.contextmanager
def overheard(*, deep: bool = False) -> Iterator[list[str]]:
    """All that is printed and logged meanwhile, by whichever thread. It is printed all the same.

    ``deep``: also what is logged for debugging; not by libraries that are installed, which bcp keeps quiet."""
    heard: list[str] = []
    handler = _Logged(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if deep else min(level, logging.INFO))
    try:
        out, err = _Tee(sys.stdout, heard), _Tee(sys.stderr, heard)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextlib.contextmanager
def below(heard: list[str]) -> Iterator[None]:
    """Also what is written past ``sys.stdout`` and ``sys.stderr``: by programs that are begun, by libraries in C."""
    with tempfile.TemporaryFile() as file:
        saved = [(fd, os.dup(fd)) for fd in (1, 2)]
        try:
            for fd, _ in saved:
                os.dup2(file.fileno(), fd)
            yield
        finally:
            for fd, copy in saved:
                os.dup2(copy, fd)
                os.close(copy)
            file.seek(0)
            if written := file.read():
                os.write(2, written)
                heard.append(written.decode("utf-8", "replace"))


class _Logged(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno > logging.DEBUG or not any(part in record.pathname for part in INSTALLED):
            self.heard.append(self.format(record))


class _Tee:
    """In everything else it is the real one: programs are started with it, and it is asked for its encoding."""

    def __init__(self, real: Any, heard: list[str]) -> None:
        self.real, self.heard = real, heard

    def write(self, text: str) -> int:
        self.heard.append(text)
        return int(self.real.write(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Suite(Spoken):
    """A set of promises. Subclass it in a class whose name begins with ``Test``."""

    seconds: ClassVar[float] = 20.0
    """No single promise may take longer: a plug-in that never ends is caught by this."""
    grace: ClassVar[float] = 5.0
    """How much longer it may take to end once it was told to."""
    holds: ClassVar[float] = 2.0
    """So long nothing else may come to its turn: who waits does so with ``await``, or in a thread."""

    def patience(self) -> float:
        """By how much limits of time are stretched: a machine that is busy with other things makes no plug-in slow.

        As many times as there are processes that want each core; 1 on a quiet machine, 10 at most."""
        return busy()

    def stretched(self, duration: str) -> str:
        """A deadline as ``bcp.yaml`` holds it (``500ms``), stretched in the same way."""
        return f"{parse_duration(duration) * self.patience() * 1000:.0f}ms"

    def setup_method(self) -> None:
        """Before each test. Call ``super().setup_method()`` when you override it."""
        self._folder = tempfile.TemporaryDirectory(prefix="bcp-suite-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.whose = SECRET

    def teardown_method(self) -> None:
        """After each test."""
        self._folder.cleanup()

    def secret(self, name: str, value: str = "") -> str:
        """A reference to a secret that only the test knows, as ``bcp.yaml`` would hold it."""
        path = self.folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text((value or f"{SECRET}-{name}").replace(SECRET, self.whose), encoding="utf-8")
        return f"file:{path}"

    @contextlib.contextmanager
    def as_another(self) -> Iterator[None]:
        """Meanwhile ``secret`` and ``folder`` are somebody else's: another organisation in the same process."""
        mine = self.folder, self.whose
        self.folder, self.whose = self.folder / "another", OTHERS
        self.folder.mkdir(exist_ok=True)
        try:
            yield
        finally:
            self.folder, self.whose = mine

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, or fail: what hangs is a broken promise."""

        seconds = self.seconds * self.patience()

        async def watched() -> T:
            task = asyncio.ensure_future(work)
            held = await _longest_turn(task, seconds)
            if not task.done():
                task.cancel()
                raise AssertionError(f"it did not end within {seconds:g} s")
            found = _result(task)
            if held > self.holds * self.patience():
                raise AssertionError(f"it holds the event loop for {held:.1f} s (a call that blocks)")
            return found

        found: Future[T] = Future()

        def go() -> None:
            try:
                found.set_result(asyncio.run(watched()))
            except BaseException as error:  # handed to whoever waits
                found.set_exception(error)

        # A thread of its own: what holds the event loop, or goes on when it is cancelled, cannot be ended from within.
        thread = threading.Thread(target=contextvars.copy_context().run, args=(go,), daemon=True)
        thread.start()
        stuck, end = Stuck(thread), time.monotonic() + seconds + self.grace * self.patience()
        while not wait([found], LOOK_S).done:
            stuck.look()
            if time.monotonic() > end:
                raise AssertionError(
                    f"it did not end within {seconds:g} s, and not when it was cancelled either: it holds the event "
                    "loop (a call that blocks), or swallows CancelledError"
                )
        result = found.result()
        if stuck.where:
            raise AssertionError(
                f"it holds the event loop at {stuck.where} (a call that blocks): nobody else has a turn"
            )
        return result

    def all_hold(self, found: Mapping[str, str]) -> None:
        """Fail with every case that has something to say; an empty text means that the case held."""
        wrong = [f"{case}: {text}" for case, text in found.items() if text]
        if wrong:
            raise AssertionError("\n".join(wrong))

    def hides(self, *texts: object) -> None:
        """None of these shows a piece of a secret that ``secret`` made, as it is or as hexadecimal, base64 or percent
        digits.

        What is printed or logged while a promise is tried is looked through after each of them.
        """
        for text in texts:
            if shows(text):
                raise AssertionError(f"a secret shows: {text!r}")


def shows(text: object) -> bool:
    """Is a piece of a secret of ours in it, in whatever form?"""
    return any(form in said for said in _read(text) for form in FORMS)


def _read(text: object) -> set[str]:
    """As somebody would look at it who wants to find something."""
    said = {str(text), repr(text)}
    return said | {s.replace("%", "").lower() for s in said if "%" in s}


def _result(task: asyncio.Future[T]) -> T:
    """What it came to. An exception that is no ``Exception`` would end whoever called it, and is said in words."""
    try:
        return task.result()
    except (asyncio.CancelledError, SystemExit, KeyboardInterrupt) as error:
        raise AssertionError(
            f"it raised {type(error).__name__}, which would end the program that calls it; nobody had cancelled it"
        ) from error


async def _longest_turn(task: asyncio.Future[Any], seconds: float) -> float:
    """Wait for it, so long at most; for how long it let nobody else come to their turn."""
    began = before = time.monotonic()
    longest = 0.0
    while not task.done() and before - began < seconds:
        await asyncio.wait({task}, timeout=BEAT_S)
        now = time.monotonic()
        longest, before = max(longest, now - before - BEAT_S), now
    return longest


def busy() -> float:
    """How many processes want each core, by the load of the last minute: from 1 to 10."""
    try:
        return min(10.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
    except OSError:  # not known here
        return 1.0


SECRET = "s3cret-never-shown"  # noqa: S105 - the whole point is that everybody may know it
"""Part of every secret of a suite."""
OTHERS = "0f-an0ther-house"
"""Part of every secret of the other organisation."""
PIECE = 8
"""So many characters of a secret in a row are too many: *only its beginning* opens doors, too."""


def _pieces(text: str, length: int, step: int = 1) -> set[str]:
    return {text[i : i + length] for i in range(0, len(text) - length + 1, step)}


FORMS = frozenset().union(
    _pieces(SECRET, PIECE),
    _pieces(SECRET.encode().hex(), 2 * PIECE, 2),
    # whatever stands before it: of three bytes four digits are made, and those at the edges hang on the neighbours
    *(_pieces(base64.b64encode(b"x" * n + SECRET.encode()).decode()[4 * bool(n) : -4], 12) for n in range(3)),
)
"""How a piece of it may be seen."""


def failures(suite: type[Suite], *only: str) -> dict[str, str]:
    """Run every test of a suite (or only these) without pytest; by name, what failed.
    For scripts, and to test a suite."""
    found = {}
    for name in sorted(only or (n for n in dir(suite) if n.startswith("test_"))):
        one = suite()
        one.setup_method()
        try:
            getattr(one, name)()
        except Exception as error:  # any failure is a finding here
            found[name] = "".join(traceback.format_exception_only(error)).strip()
        finally:
            with contextlib.suppress(OSError):
                one.teardown_method()
    return found
