"""A systemd unit for the daemon of one configuration: the program that runs, the folders that it writes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

_SERVICE = """\
[Unit]
Description=bcp continuity daemon
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={start}
ExecReload=/bin/kill -HUP $MAINPID
User=bcp
Group=bcp
Restart=on-failure
RestartSec=2
WatchdogSec=120
TimeoutStopSec=60
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
{writes}
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
DevicePolicy=closed
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=
AmbientCapabilities=

[Install]
WantedBy=multi-user.target
"""


def unit(program: Sequence[str], configuration: Path, writes: Iterable[Path]) -> str:
    """The unit's text. ``program``: what starts us, with its first arguments; ``writes``: absolute folders."""
    start = " ".join(quoted(w) for w in (*program, "--config", str(configuration), "serve"))
    folders = "\n".join(f"ReadWritePaths={quoted(str(f))}" for f in dict.fromkeys(writes))
    return _SERVICE.format(start=start, writes=folders)


def quoted(word: str) -> str:
    """One word as systemd reads it back (systemd.syntax, systemd.unit: ``%`` begins a specifier, ``$`` a variable)."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(c in plain for c in " \t'\"\\;") else plain


def program(started_as: str, python: str) -> list[str]:
    """What runs now: the command that was started, where it is a file that can be; else this Python with ``-m bcp``."""
    import os
    import shutil

    found = shutil.which(started_as) or ""
    if Path(started_as).stem == "bcp" and found and os.access(found, os.X_OK) and Path(found).suffix != ".py":
        return [os.path.abspath(found)]
    return [os.path.abspath(python), "-m", "bcp"]
