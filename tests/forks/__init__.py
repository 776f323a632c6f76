"""Commands of tests, forked from one process that has imported all: half a second of CPU less for each of them."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from bcp.testing import command
from forks.client import KNOWN, OWN

PLACE = "BCP_TEST_FORKS"
"""The server's address, for the workers; 0: every command is a process of its own."""


def begin() -> subprocess.Popen[bytes] | None:
    """Start the server, once for all workers; ends with this process."""
    if os.environ.get(PLACE) or any(k.startswith("COVERAGE") for k in os.environ):
        return None
    address = f"bcp-forks-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:  # whoever comes before it has begun can wait
        door.bind(f"\0{address}")
        door.listen(256)
        os.environ[PLACE] = address
        program = [sys.executable, str(Path(__file__).with_name("server.py")), str(door.fileno())]
        pipe = subprocess.PIPE
        return subprocess.Popen(program, env=command.environment(), stdin=pipe, pass_fds=[door.fileno()])


def use() -> None:
    """Let commands of this process be forked."""
    address = os.environ.get(PLACE, "0")
    if address != "0":
        mine = " ".join(sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(OWN) and k not in KNOWN))
        client = str(Path(__file__).with_name("client.py"))
        command.PROGRAM[:] = [sys.executable, "-I", "-S", client, address, mine, command.environment()["PYTHONPATH"]]


def end(server: subprocess.Popen[bytes] | None) -> None:
    """Its children end with it; one that is still importing has none."""
    if server is None or server.stdin is None:
        return
    server.stdin.close()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
