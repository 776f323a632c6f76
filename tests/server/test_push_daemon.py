"""An agent that comes by itself, to a daemon that runs, through a proxy with TLS: as on two machines."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from liars.tls import Certificate
from real.servers import wait_port

from bcp.contracts.relay_ledger import Wanted
from bcp.lab.net import free_port
from bcp.store.sqlite.relay_ledger import FILE, LedgerStore

NAME = "mx-backup@relay1.test"
CONFIG = """\
version: 1
organisation: {{name: Example}}
domains: [{{name: corp.test}}]
relays:
  mx-backup:
    kind: smtp
    hosts: [{{host: relay1.test}}, {{host: relay2.test, preference: 20}}]
    agent: {{push: true, key: "file:agent.key"}}
serve: {{listen: "127.0.0.1:{port}"}}
"""


class Front:
    """TLS on a port of its own; what it hears it hands to the daemon's port, and back."""

    def __init__(self, folder: Path, to: int) -> None:
        self.to, self.context = to, Certificate().context(folder)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                raw, _ = self.listener.accept()
                threading.Thread(target=self._one, args=(raw,), daemon=True).start()

    def _one(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw, self.context.wrap_socket(raw, server_side=True) as client:
            with socket.create_connection(("127.0.0.1", self.to), timeout=120) as server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join(30)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_RDWR)


class Main:
    """The main node: ``bcp serve`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port("127.0.0.1")
        (folder / "bcp.yaml").write_text(CONFIG.format(port=self.port))
        (folder / "agent.key").write_text("k" * 40)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bcp", "serve"], cwd=self.folder, stdout=out, stderr=out
            )
        wait_port("127.0.0.1", self.port, 60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
        self.process = None

    def rows(self) -> Counter[tuple[str, str, str]]:
        """What its ledger has; nothing twice."""
        ledger = LedgerStore(self.folder / ".bcp" / FILE)
        try:
            assert not [r for r in ledger.remarks() if r.code != "agent-anew"]
            return Counter((f.relay, f.recipient, f.status) for f in ledger.fates(Wanted(), limit=1000))
        finally:
            ledger.close()


@pytest.fixture
def main(tmp_path) -> Iterator[Main]:
    (tmp_path / "main").mkdir()
    made = Main(tmp_path / "main")
    made.start()
    yield made
    made.stop()


def mail(n: int) -> str:
    said = [
        f"smtpd[1]: Q{n:06}: client=a[192.0.2.7]", f"qmgr[2]: Q{n:06}: from=<o@s.test>, size=9, nrcpt=1 (queue active)",
        f"smtp[3]: Q{n:06}: to=<p{n}@corp.test>, relay=mx[1]:25, dsn=2.0.0, status=sent (250 ok)",
        f"qmgr[2]: Q{n:06}: removed",
    ]  # fmt: skip
    return "".join(f"2026-11-28T10:{n // 60:02}:{n % 60:02}+00:00 relay postfix/{line}\n" for line in said)


def truth(count: int) -> Counter[tuple[str, str, str]]:
    return Counter({(NAME, f"p{n}@corp.test", "sent"): 1 for n in range(count)})


def come(folder: Path, url: str, **env: str) -> tuple[int, list[str]]:
    """The agent, once: its exit code, and what it says of trouble."""
    words = ["--name", NAME, "--log", "mail.log", "--state", "agent", "--key", "main/agent.key", "--queue", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "bcp", "relay", "agent", *words, "--push", url, "--once"],
        cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **env}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("{")]


def test_through_tls_while_the_main_node_goes_and_comes(main, tmp_path) -> None:
    front = Front(tmp_path, main.port)
    url, trusted = f"https://localhost:{front.port}", str(tmp_path / "ca.pem")
    log = tmp_path / "mail.log"
    log.write_text("".join(map(mail, range(3))))

    code, said = come(tmp_path, url)
    assert code == 1 and said == [
        "the certificate of localhost cannot be trusted, and nothing was sent: self-signed certificate"
    ]
    code, said = come(tmp_path, f"https://localhost:{main.port}", SSL_CERT_FILE=trusted)
    assert code == 1 and len(said) == 1 and "is it https there?" in said[0]
    assert not main.rows()

    assert come(tmp_path, url, SSL_CERT_FILE=trusted) == (0, [])
    assert main.rows() == truth(3)

    main.stop()
    for upto in (5, 8):
        log.write_text("".join(map(mail, range(upto))))
        code, said = come(tmp_path, url, SSL_CERT_FILE=trusted)
        assert code == 1 and len(said) == 1 and "cannot be reached" in said[0]
    main.start()
    assert come(tmp_path, url, SSL_CERT_FILE=trusted) == (0, [])
    assert come(tmp_path, url, SSL_CERT_FILE=trusted) == (0, [])
    assert main.rows() == truth(8)
    front.listener.close()
