"""Who keeps this machine's clock right: the kernel's word (``adjtimex(2)``), chrony's, and that of systemd-timesyncd.

The kernel alone is not enough. chrony tells it nothing unless ``rtcsync`` is configured (``set_sync_status`` in its
``sys_timex.c``), and a kernel whose time service died goes on saying *synchronised* for nine hours: only its own bound
of the error grows, half a millisecond a second.
"""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import dataclass
from pathlib import Path

from bcp.kernel.errors import BcpError
from bcp.kit.process import run_program

TIME_ERROR = 5
"""What ``adjtimex(2)`` returns for a clock that nothing synchronises."""
ASK = ("-n", "-c", "tracking")
"""``chronyc``: one line of commas, addresses as numbers. It needs no right of its own."""
PARTS = 14
LOCAL = frozenset({"7F7F0101", "00000000", ""})
"""Reference ids of chrony for *my own clock* and for *nothing* (``chronyc(1)``, tracking)."""
ASK_S = 3.0
TIMESYNC = Path("/run/systemd/timesync")
"""Folder of a systemd-timesyncd that runs; with the file ``synchronized`` it has set the clock (its manual page)."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """``kept``: does something discipline the clock? ``None``: it cannot be asked. ``error_s``: by how much it may be
    wrong at most, as the kernel reckons since it was set last."""

    kept: bool | None
    error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Chrony:
    """A chrony that answers. ``follows``: the server it follows; empty: none."""

    follows: str = ""
    error_s: float = 0.0


class _Timex(ctypes.Structure):
    """The head of ``struct timex`` (``sys/timex.h``); ``rest`` is more than what follows."""

    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_char * 512),
    ]  # fmt: skip


def kernel() -> Kernel:
    """What the kernel says; ``modes`` of 0 sets nothing and needs no right."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return Kernel(None)
    said = _Timex()
    found = int(call(ctypes.byref(said)))
    return Kernel(None) if found < 0 else Kernel(found != TIME_ERROR, said.maxerror / 1e6)


async def chrony() -> Chrony | None:
    """What chrony says; ``None``: there is none here, or it does not answer."""
    program = shutil.which("chronyc")
    if program is None:
        return None
    try:
        said = await run_program([program, *ASK], timeout_s=ASK_S, environment={}, cap=4096)
    except BcpError:
        return None
    return read_tracking(said.stdout) if said.code == 0 else None


def read_tracking(text: str) -> Chrony | None:
    """The line of ``chronyc -c tracking``: reference id, its name, ..., offset, ..., root delay and dispersion, ...,
    leap status. ``None``: it is no such line."""
    parts = text.strip().split(",")
    if len(parts) < PARTS:
        return None
    try:
        wrong = abs(float(parts[4])) + float(parts[10]) / 2 + float(parts[11])
    except ValueError:
        return None
    lost = parts[0].upper() in LOCAL or parts[13] == "Not synchronised"
    return Chrony("" if lost else parts[1] or parts[0], wrong)


def timesyncd_waits(folder: Path = TIMESYNC) -> bool:
    """Does systemd-timesyncd run, and has not set the clock since this machine was started?"""
    try:
        return folder.is_dir() and not (folder / "synchronized").exists()
    except OSError:
        return False
