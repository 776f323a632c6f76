"""One state folder, one daemon: two would ask people twice and move mail twice."""

from __future__ import annotations

import pytest

from bcp.kernel.errors import Refused
from bcp.server.daemon import Daemon
from bcp.settings import load
from bcp.store.files.locks import FileLock

CONFIG = """\
version: 1
organisation: {name: Corp}
domains: [{name: corp.test, dns: main, primary: [{host: primary.test}]}]
dns: {main: {kind: rfc2136, server: "127.0.0.1:1", key: {name: bcp, secret: "env:X"}}}
relays: {mx-backup: {kind: smtp, hosts: [{host: relay.test, preference: 10}]}}
"""


def test_a_second_daemon_of_a_folder_is_refused_and_touches_nothing(tmp_path) -> None:
    """Whoever holds the lock works; the book, the keys and everything else are theirs."""
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    configuration = load(tmp_path / "bcp.yaml")
    first = FileLock(configuration.state / "serve.lock")
    assert first.take()
    with first, pytest.raises(Refused) as caught:
        Daemon(configuration)
    assert caught.value.rule == "one-daemon" and str(configuration.state) in caught.value.message
    assert "state folder" in caught.value.hint
    assert [p.name for p in configuration.state.iterdir()] == ["serve.lock"]
