"""Forks commands for tests: ``server.py DESCRIPTOR``, of the socket at which it is asked.

It has imported what commands import, once for all of them: a command of its own process imports for half a second of
CPU and then works for a tenth. What this weakens: a module that lacks an import which another one happens to make is
not noticed by a test that runs here. Real servers' stories, the crash harness and the start-up tests begin processes of
their own, and with ``BCP_TEST_FORKS=0`` all of them do.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pkgutil
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress

WITH = (
    "aiohttp",
    "argon2",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "dns.asyncquery",
    "dns.asyncresolver",
    "dns.dnssec",
    "dns.tsigkeyring",
    "dns.update",
    "fastapi",
    "fastapi.responses",
    "httptools",
    "jinja2",
    "jwt",
    "multipart",
    "pydantic",
    "pyotp",
    "rich.console",
    "rich.table",
    "segno",
    "starlette.applications",
    "typer",
    "uvicorn",
    "uvicorn.protocols.http.httptools_impl",
    "webauthn",
    "yaml",
    "zoneinfo",
)
"""What our modules import only when they need it."""
NOT = ("bcp.__main__", "bcp.plugins.dns", "bcp.testing", "bcp.plugins.directories")
"""Our own that import what few commands need, or that do something when they are imported."""


def preload() -> None:
    """Whatever a command would import. What cannot be had here is imported by nobody."""
    import bcp

    ours = [m.name for m in pkgutil.walk_packages(bcp.__path__, "bcp.") if not m.name.startswith(NOT)]
    for name in (*WITH, *ours):
        with suppress(ImportError):
            importlib.import_module(name)
    from bcp.cli import app as commands

    for one in (*commands.app.registered_commands, *commands.app.registered_groups):
        commands.command(one.name)
    assert threading.active_count() == 1, "a thread does not survive a fork"
    gc.collect()
    gc.freeze()


class Server:
    """One thread: who asks, who has ended, who hung up."""

    def __init__(self, door: int) -> None:
        self.door = socket.socket(fileno=door)
        self.children: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.ended, wake = os.pipe()
        os.set_blocking(self.ended, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda n, f: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.selector.register(self.door, selectors.EVENT_READ, self.take)
        self.selector.register(self.ended, selectors.EVENT_READ, self.reap)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.stop)

    def run(self) -> None:
        """Until whoever began it closes its input."""
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def stop(self, _: object) -> None:
        for child in self.children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os._exit(0)

    def take(self, door: socket.socket) -> None:
        """A request: what to run, and where."""
        link, _ = door.accept()
        head, files, _, _ = socket.recv_fds(link, 4, 3)
        size, data = int.from_bytes(head, "big"), b""
        while len(data) < size and (more := link.recv(size - len(data))):
            data += more
        if len(data) == size and len(files) == 3:
            child = os.fork()
            if child == 0:
                self.become(link, files, data)
            self.children[child] = link
            self.selector.register(link, selectors.EVENT_READ, self.hung_up)
            link.sendall(child.to_bytes(4, "big"))
        else:
            link.close()
        for file in files:
            os.close(file)

    def hung_up(self, link: socket.socket) -> None:
        """Whoever asked was killed."""
        self.selector.unregister(link)
        for child, its in self.children.items():
            if its is link:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def reap(self, _: object) -> None:
        with suppress(BlockingIOError):
            os.read(self.ended, 4096)
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                child, status = found
                link = self.children.pop(child)
                with suppress(KeyError):
                    self.selector.unregister(link)
                with suppress(OSError):
                    link.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
                link.close()

    def become(self, link: socket.socket, files: list[int], data: bytes) -> None:
        """The child: everything of the server is put away, and it is as a process that has just begun."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for old in (self.door, link, *self.children.values()):
            old.close()
        os.close(self.ended)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        folder, mask, count, *words = data.decode("utf-8", "surrogateescape").split("\0")
        os.chdir(folder)
        os.umask(int(mask))
        os.environ.clear()
        os.environ.update(word.split("=", 1) for word in words[int(count) :] if "=" in word)
        time.tzset()
        tempfile.tempdir = None
        sys.path[0] = folder
        sys.argv = [os.path.join(sys.modules["bcp"].__path__[0], "__main__.py"), *words[: int(count)]]
        os._exit(command())


def command() -> int:
    """``python -m bcp``, with all that Python does when a process ends."""
    from bcp.cli.main import main

    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for out in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            out.flush()
    return (code or 0) if isinstance(code, int | None) else 1


if __name__ == "__main__":
    server = Server(int(sys.argv[1]))
    preload()
    server.run()
