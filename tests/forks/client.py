"""``client.py ADDRESS PYTHONS PATH ARGUMENTS``: the command, by a child of the server at ADDRESS.

Its files, folder and environment are this process's own; signals are passed on; it ends as the child ends; and where
this process is killed, the server kills the child. Imports nothing but what Python has built in, so that it begins in
ten milliseconds. Where the environment says how Python itself shall behave, a process of its own is begun instead.
"""

import _signal
import _socket
import os
import sys

OWN = ("PYTHON", "LC_", "LANG", "COVERAGE")
"""Beginnings of the variables that Python reads when it begins."""
KNOWN = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHON_COLORS"}


def main() -> None:
    address, theirs, path, *arguments = sys.argv[1:]
    mine = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(OWN) and k not in KNOWN)
    more = {*os.environ.get("PYTHONPATH", "").split(os.pathsep)} - {*path.split(os.pathsep), ""}
    if " ".join(mine) != theirs or more:
        os.execv(sys.executable, [sys.executable, "-m", "bcp", *arguments])
    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    link.connect("\0" + address)
    mask = os.umask(0o022)
    words = [os.getcwd(), str(mask), str(len(arguments)), *arguments, *(f"{k}={v}" for k, v in os.environ.items())]
    data = "\0".join(words).encode("utf-8", "surrogateescape")
    files = b"".join(n.to_bytes(4, sys.byteorder) for n in (0, 1, 2))
    link.sendmsg([len(data).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    while data:
        data = data[link.send(data) :]
    child = int.from_bytes(link.recv(4), "big")
    if not child:
        sys.exit("the server of forks is gone")
    with open("/proc/self/comm", "w") as name:  # by this ``bcp.testing.command.pid_of`` knows the child
        name.write(f"fork-{child}")
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1):
        _signal.signal(number, lambda n, _: _pass_on(child, n))
    answer = b""
    while len(answer) < 4 and (more := link.recv(4 - len(answer))):
        answer += more
    status = int.from_bytes(answer, "big", signed=True)
    if status < 0:  # as the child: by a signal
        _signal.signal(-status, _signal.SIG_DFL) if -status != _signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    os._exit(status)


def _pass_on(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    main()
