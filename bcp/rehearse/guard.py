"""Nothing leaves this machine: while a lab drill is played every connection, datagram, look-up and program is refused
that would reach beyond loopback.

A hook on Python's own audit events (PEP 578), so that no library is trusted to behave. It sees what Python code does;
it is a second lock behind a configuration in which every address is of loopback already.
"""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

GUARDED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"})
PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
NAMES = frozenset({"localhost", "localhost."})


class Leaves(PermissionError):
    """Something of a lab drill wanted to leave this machine."""


class _Guard:
    installed = False
    on = 0
    refused: list[str] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _Guard.on or (event not in GUARDED and event not in PROGRAMS):
        return
    if event in PROGRAMS:
        _refuse(f"the program {args[0]!r}")
    where = args[0] if event == "socket.getaddrinfo" else args[1]
    host = where[0] if isinstance(where, tuple) else where
    if host is not None and not stays(host):
        _refuse(f"{event.partition('.')[2]} to {host}")


def stays(host: object) -> bool:
    """Is this host on this machine? A path is a socket of this machine; a name is looked up nowhere."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if text in NAMES or text.startswith(("/", "\0")) or not text:
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(what: str) -> None:
    _Guard.refused.append(what)
    raise Leaves(f"a lab drill reaches nothing outside of this machine: {what} was refused")


@contextlib.contextmanager
def at_home() -> Iterator[list[str]]:
    """While it lasts, for the whole process. Yields what was refused, as it grows."""
    if not _Guard.installed:
        sys.addaudithook(_hook)
        _Guard.installed = True
    if not _Guard.on:
        _Guard.refused = []
    _Guard.on += 1
    try:
        yield _Guard.refused
    finally:
        _Guard.on -= 1
