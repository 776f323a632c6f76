"""What ``bcp dns policy`` prints, pasted into real servers: MX of our names can be changed, and nothing else."""

from __future__ import annotations

import base64
import re
import sqlite3
import subprocess

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from bcp.plugins.dns.rfc2136 import Rfc2136Settings, policy
from real.powerdns import PDNS, SCHEMAS
from real.servers import KNOTD, NAMED, ZONE, Processes, free_port, have, wait_port

pytestmark = pytest.mark.real
SECRET = base64.b64encode(b"k" * 32).decode()
KEY = {"name": "bcp.", "secret": "env:X"}
NAMES = {"corp.test": "corp.test", "mail.corp.test": "corp.test"}
FREE = [("www.corp.test", "A", "192.0.2.9"), ("corp.test", "TXT", '"x"'), ("x.corp.test", "MX", "10 a.test.")]


def printed() -> tuple[str, str, str]:
    given = Rfc2136Settings.model_validate({"kind": "rfc2136", "server": "192.0.2.1", "key": KEY})
    bind, rest = policy(given, NAMES).split("# Knot DNS (knot.conf)")
    knot, power = rest.split("# PowerDNS", 1)
    return bind, knot, power


def bind(folder, port: int, processes: Processes) -> None:
    zones = re.sub(r'zone "(.*?)" {', rf'zone "\1" {{ type primary; file "{folder}/\1.zone";', printed()[0])
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; '
        f'recursion no; pid-file "{folder}/pid"; session-keyfile "{folder}/session"; notify no; dnssec-validation no; '
        f'managed-keys-directory "{folder}"; }};\ncontrols {{ }};\n'
        f'key "bcp" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n{zones}'
    )
    processes.start(NAMED, "-g", "-c", str(folder / "named.conf"), "-n", "1", log=folder / "log")


def knot(folder, port: int, processes: Processes) -> None:
    (folder / "db").mkdir()
    file = f'  - domain: corp.test\n    file: "{folder}/corp.test.zone"\n    journal-content: all\n'
    file += "    zonefile-load: difference-no-serial\n"
    (folder / "knot.conf").write_text(
        f'server:\n  rundir: "{folder}"\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: "{folder}/db"\n'
        f"key:\n  - id: bcp\n    algorithm: hmac-sha256\n    secret: {SECRET}\n"
        + printed()[1].replace("  - domain: corp.test\n", file)
    )
    processes.start(KNOTD, "-c", str(folder / "knot.conf"), log=folder / "log")


def powerdns(folder, port: int, processes: Processes) -> None:
    commands, script = printed()[2].split("-- PowerDNS", 1)
    database = sqlite3.connect(folder / "pdns.db")
    database.executescript(next(p for p in SCHEMAS if p.exists()).read_text())
    database.close()
    (folder / "bcp.lua").write_text(f"--{script}")
    (folder / "pdns.conf").write_text(
        f"launch=gsqlite3\ngsqlite3-database={folder}/pdns.db\nlocal-address=127.0.0.1\nlocal-port={port}\n"
        f"socket-dir={folder}\ndaemon=no\nguardian=no\ndnsupdate=yes\nallow-dnsupdate-from=127.0.0.0/8\n"
        f"cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nlua-dnsupdate-policy-script={folder}/bcp.lua\n"
    )
    wanted = [line.split()[1:] for line in commands.splitlines() if line.startswith("pdnsutil ")]
    zone = ["load-zone", "corp.test", str(folder / "corp.test.zone")]
    for words in (zone, ["import-tsig-key", "bcp", "hmac-sha256", SECRET], *wanted):
        subprocess.run(["pdnsutil", f"--config-dir={folder}", *words], check=True, capture_output=True, timeout=120)
    processes.start(PDNS, f"--config-dir={folder}", log=folder / "log")


def ask(port: int, name: str, kind: str) -> list[str]:
    reply = dns.query.tcp(dns.message.make_query(name, kind), "127.0.0.1", port=port, timeout=60)
    return [r.to_text() for s in reply.answer for r in s]


def update(port: int, name: str, kind: str, *values: str, signed: bool = True) -> bool:
    """Was it taken? What the server answers is not enough: PowerDNS says *NOERROR* and skips what may not be."""
    key = dns.tsig.Key("bcp.", base64.b64decode(SECRET), dns.tsig.HMAC_SHA256)
    made = dns.update.UpdateMessage("corp.test", keyring=key if signed else None)
    made.delete(f"{name}.", *([kind] if kind else []))
    for value in values:
        made.add(f"{name}.", 60, kind, value)
    before = ask(port, name, kind or "MX")
    try:
        dns.query.tcp(made, "127.0.0.1", port=port, timeout=60)
    except dns.tsig.PeerBadKey:  # Knot does not know the key for anything else
        pass
    return ask(port, name, kind or "MX") != before


@pytest.mark.parametrize(("start", "program"), [(bind, NAMED), (knot, KNOTD), (powerdns, PDNS)])
def test_with_the_printed_policy_mx_moves_and_nothing_else_can_be_touched(tmp_path, start, program) -> None:
    if why := have(program):
        pytest.skip(why)
    (tmp_path / "corp.test.zone").write_text(ZONE.format(ttl=60))
    port, processes = free_port(), Processes()
    try:
        start(tmp_path, port, processes)
        wait_port("127.0.0.1", port)
        for name in NAMES:
            assert update(port, name, "MX", "10 relay.out.test."), name
        for name, kind, value in FREE:
            assert not update(port, name, kind, value), (name, kind)
        assert not update(port, "corp.test", ""), "everything at the name"
        assert not update(port, "corp.test", "MX", "10 evil.test.", signed=False), "nobody signed it"
        assert not update(port, "www.corp.test", "A", "192.0.2.8", signed=False)
        assert ask(port, "corp.test", "MX") == ["10 relay.out.test."]
    finally:
        processes.stop()
