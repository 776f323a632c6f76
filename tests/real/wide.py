"""The small internet of ``net``, made wider: IPv6, a signed zone, two validating resolvers,
a second zone for controls."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import dns.dnssec
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm, DSDigest
from dns.rdtypes.dnskeybase import Flag

from real.net import IP, Net, run
from real.servers import UNBOUND

SECOND = "198.51.100.55"
"""The second resolver: another address of the cache's machine, another process."""
IP6 = {"primary": "fd00:1::10", "ops": "fd00:1::40"}
DAY = 86_400
UNBOUND_CONF = """\
server:
  interface: {address}
  access-control: 198.51.100.0/24 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{d}"
  pidfile: "{d}/pid"
  use-syslog: no
  logfile: ""
  do-ip6: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
  val-bogus-ttl: 1
  cache-max-ttl: 2
  cache-max-negative-ttl: 1
  infra-host-ttl: 1
  ede: yes
  {more}
stub-zone:
  name: "corp.test"
  stub-addr: {dns}
stub-zone:
  name: "out.test"
  stub-addr: {dns}
stub-zone:
  name: "ctl.test"
  stub-addr: {dns}
remote-control:
  control-enable: no
"""
OUT = """\
$TTL 2
@ IN SOA ns1 hostmaster {serial} 3600 600 86400 1
@ IN NS ns1
ns1 IN A {dns}
primary IN A {primary}
primary IN AAAA {primary6}
relay IN A {relay}
"""
CTL = "$TTL 2\n@ IN SOA ns1 hostmaster 1 3600 600 86400 1\n@ IN NS ns1\nns1 IN A {dns}\nwww IN A {dns}\n"


@dataclass
class Wide(Net):
    """``out.test`` (the MX host's zone) is signed; both resolvers validate it."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    serial: int = 1
    protocols: str = "all"

    def _wires(self) -> None:
        super()._wires()
        run("ip", "-n", self.ns("cache"), "addr", "add", f"{SECOND}/24", "dev", "eth0")
        for host in IP6:
            self.six(host, on=True)

    def six(self, host: str, *, on: bool) -> None:
        """IPv6 of a host, on or off."""
        run(
            "ip",
            "-n",
            self.ns(host),
            "addr",
            "add" if on else "del",
            f"{IP6[host]}/64",
            "dev",
            "eth0",
            *(["nodad"] if on else []),
        )

    # -- names ---------------------------------------------------------------------------------------------------

    def _dnskey(self):
        flags = Flag.ZONE | Flag.SEP
        return dns.dnssec.make_dnskey(self.key.public_key(), Algorithm.ECDSAP256SHA256, flags)

    def anchor(self) -> str:
        """DS of the signed zone, as a trust anchor."""
        ds = dns.dnssec.make_ds("out.test.", self._dnskey(), DSDigest.SHA256)
        return f"out.test. DS {ds.to_text()}"

    def sign(self, *, expired: bool = False) -> None:
        """Write the signed zone anew; ``expired``:
        the signatures of the MX host ended two days ago (Unbound forgives one).

        The keys stay well signed: resolvers keep a broken key for a minute."""
        self.serial += 1
        text = OUT.format(
            serial=self.serial, dns=IP["dns"], primary=IP["primary"], primary6=IP6["primary"], relay=IP["relay"]
        )
        zone = dns.zone.from_text(text, origin="out.test.", relativize=False)
        now, host, public = int(time.time()), dns.name.from_text("primary.out.test."), self._dnskey()

        def signer(txn, rrset) -> None:
            begin, end = (
                (now - 12 * DAY, now - 2 * DAY) if expired and rrset.name == host else (now - DAY, now + 10 * DAY)
            )
            made = dns.dnssec.sign(rrset, self.key, zone.origin, public, inception=begin, expiration=end)
            txn.add(rrset.name, rrset.ttl, made)

        dns.dnssec.sign_zone(zone, keys=[(self.key, public)], rrset_signer=signer)
        zone.to_file(str(self.folder / "dns" / "out.test.zone"), relativize=False)

    def _more_zones(self, d: Path) -> str:
        (d / "ctl.test.zone").write_text(CTL.format(dns=IP["dns"]))
        self.sign()
        return f'zone "ctl.test" {{ type master; file "{d}/ctl.test.zone"; }};\n'

    def reload_zones(self) -> None:
        """BIND reads its zones again."""
        self.signal_all("dns", signal.SIGHUP)

    def _cache(self) -> None:
        for name, address in (("cache", IP["cache"]), ("cache2", SECOND)):
            self.resolver(name, address)

    def resolver(self, name: str, address: str, more: str = "") -> None:
        """Start a resolver; ``more`` is a line of its configuration."""
        d = self.folder / name
        d.mkdir(exist_ok=True)
        (d / "unbound.conf").write_text(
            UNBOUND_CONF.format(address=address, d=d, anchor=self.anchor(), dns=IP["dns"], more=more)
        )
        self.processes.start(UNBOUND, "-d", "-c", str(d / "unbound.conf"), log=d / "log", prefix=self.inside("cache"))

    def second_resolver(self, more: str) -> None:
        """Give the second resolver this line: reload keeps its process."""
        d = self.folder / "cache2"
        text = UNBOUND_CONF.format(address=SECOND, d=d, anchor=self.anchor(), dns=IP["dns"], more=more)
        (d / "unbound.conf").write_text(text)
        run("kill", "-HUP", (d / "pid").read_text().strip())

    # -- mail ----------------------------------------------------------------------------------------------------

    def people(self, *names: str) -> None:
        """The mailboxes of the primary."""
        (self.folder / "primary" / "users").write_text("".join(f"{n}@corp.test {n}/\n" for n in names))
        self.primary()

    def primary(self, *lines: str) -> None:
        """The primary with these settings beside its usual ones."""
        self.reconfigure("primary", *lines)

    def mails_of(self, name: str) -> int:
        """How many mails arrived in a mailbox."""
        return len(list((self.folder / "primary" / "mail" / name / "new").glob("*")))


def dig(net: Net, *arguments: str) -> str:
    """What dig prints in the operator's namespace."""
    found = subprocess.run(
        [*net.inside("ops"), "dig", "+time=1", "+tries=1", *arguments], capture_output=True, text=True, check=False
    )
    return found.stdout


def log_of(folder: Path, name: str) -> str:
    """The end of a server's log."""
    path = folder / name / "log"
    return path.read_text(errors="replace")[-1500:] if path.exists() else ""
