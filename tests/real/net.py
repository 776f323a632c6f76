"""A small internet in network namespaces: DNS primary, cache, three Postfixes.
Nothing outside these namespaces is touched."""

from __future__ import annotations

import base64
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from real.servers import KNOTD, NAMED, UNBOUND, Processes, wait_port

IP = {
    "dns": "198.51.100.53",
    "cache": "198.51.100.54",
    "primary": "198.51.100.10",
    "relay": "198.51.100.20",
    "sender": "198.51.100.30",
    "ops": "198.51.100.40",
}
POSTFIX_LIB = "/usr/lib/postfix/sbin"

MASTER = """\
smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp -o soft_bounce=yes
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
COMMON = """\
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
maillog_file = {d}/log
maillog_file_prefixes = {d}
inet_interfaces = all
inet_protocols = {protocols}
smtpd_banner = $myhostname ESMTP
mydestination =
alias_maps =
alias_database =
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_timeout = 60s
"""
EXTRA = {
    "primary": "myhostname = primary.out.test\nvirtual_mailbox_domains = corp.test\nvirtual_mailbox_base = {d}/mail\n"
    "virtual_mailbox_maps = texthash:{d}/users\n"
    "virtual_minimum_uid = 100\nvirtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n"
    "mynetworks = 127.0.0.0/8\n",
    "relay": "myhostname = relay.out.test\nrelay_domains = corp.test\nrelay_recipient_maps = texthash:{d}/users\n"
    "transport_maps = texthash:{d}/transport\nmynetworks = 127.0.0.0/8\n"
    "fast_flush_domains = corp.test\nsmtpd_etrn_restrictions = permit\nminimal_backoff_time = 300s\n"
    "maximal_backoff_time = 300s\nqueue_run_delay = 300s\nsmtp_connect_timeout = 3s\nsmtp_helo_timeout = 3s\n"
    "smtp_destination_concurrency_failed_cohort_limit = 100\n",
    "sender": "myhostname = sender.outside.test\nmynetworks = 127.0.0.0/8\nminimal_backoff_time = 5s\n"
    "maximal_backoff_time = 5s\nqueue_run_delay = 5s\nsmtp_connect_timeout = 5s\nsmtp_helo_timeout = 5s\n"
    "smtp_mail_timeout = 5s\nsmtp_rcpt_timeout = 5s\nsmtp_quit_timeout = 5s\nsmtp_connection_cache_on_demand = no\n",
}


def able() -> str:
    """Empty, or why namespaces or servers cannot be used here."""
    if os.getuid() != 0:
        return "namespaces with port 25 need root"
    missing = [p for p in (NAMED, UNBOUND, "/usr/sbin/postfix", shutil.which("ip") or "ip") if not Path(p).exists()]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"bcp-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return "" if made else "network namespaces are not allowed here"


def run(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True)


@dataclass
class Net:
    """Start it, break the primary, heal it, count."""

    folder: Path
    dns_kind: str = "bind"
    ttl: int = 5
    protocols: str = "ipv4"
    """What the Postfixes speak: ``ipv4`` or ``all``."""
    tag: str = field(default_factory=lambda: secrets.token_hex(2))
    secret: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    processes: Processes = field(default_factory=Processes)
    sent: int = 0

    def ns(self, host: str) -> str:
        return f"b{self.tag}{host}"

    def inside(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", self.ns(host)]

    def start(self) -> Net:
        self._wires()
        self._dns()
        self._cache()
        for host in ("primary", "relay", "sender"):
            self.postfix(host)
        wait_port(IP["dns"], 53, prefix=self.inside("ops"))
        wait_port(IP["cache"], 53, prefix=self.inside("ops"))
        for host in ("primary", "relay", "sender"):
            self._await_postfix(host)
        return self

    def _await_postfix(self, host: str) -> None:
        """Until it listens. Three that start at once sometimes trip over each other:
        one that did not come up is started again."""
        for attempt in range(3):
            try:
                wait_port("127.0.0.1", 25, 30, prefix=self.inside(host))
                return
            except AssertionError:
                if attempt == 2:
                    texts = [
                        (self.folder / host / n).read_text(errors="replace")[-800:]
                        for n in ("console", "log")
                        if (self.folder / host / n).exists()
                    ]
                    raise AssertionError(f"{host} does not start: {texts}") from None
                self.postfix(host)

    def _wires(self) -> None:
        run("ip", "netns", "add", self.ns("hub"))
        run("ip", "-n", self.ns("hub"), "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.ns("hub"), "link", "set", "br0", "up")
        for host, address in IP.items():
            name = self.ns(host)
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run(
                "ip",
                "link",
                "add",
                f"v{self.tag}{host}"[:15],
                "netns",
                self.ns("hub"),
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                name,
            )
            run("ip", "-n", self.ns("hub"), "link", "set", f"v{self.tag}{host}"[:15], "master", "br0", "up")
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            etc = Path("/etc/netns") / name
            etc.mkdir(parents=True, exist_ok=True)
            (etc / "resolv.conf").write_text(f"nameserver {IP['cache']}\noptions timeout:2 attempts:2\n")

    def _dns(self) -> None:
        d = self.folder / "dns"
        d.mkdir(parents=True)
        (d / "corp.test.zone").write_text(
            "$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 5\n@ IN NS ns1\n"
            f"@ {self.ttl} IN MX 0 primary.out.test.\nns1 IN A {IP['dns']}\n"
        )
        (d / "out.test.zone").write_text(
            f"$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 5\n@ IN NS ns1\nns1 IN A {IP['dns']}\n"
            f"primary IN A {IP['primary']}\nrelay IN A {IP['relay']}\n"
        )
        more = self._more_zones(d)
        if self.dns_kind == "bind":
            (d / "named.conf").write_text(
                f'options {{ directory "{d}"; listen-on {{ any; }}; listen-on-v6 {{ none; }}; recursion no; pid-file '
                f'"{d}/pid"; session-keyfile "{d}/session.key"; notify no; dnssec-validation no;'
                f' managed-keys-directory "{d}"; }};\ncontrols {{ }};\nkey "bcp." {{ algorithm hmac-sha256; '
                f'secret "{self.secret}"; }};\n'
                f'zone "corp.test" {{ type master; file "{d}/corp.test.zone"; update-policy {{ grant bcp. name '
                f'corp.test. MX; }}; }};\nzone "out.test" {{ type master; file "{d}/out.test.zone"; }};\n{more}'
            )
            self.processes.start(
                NAMED, "-g", "-c", str(d / "named.conf"), "-n", "1", log=d / "log", prefix=self.inside("dns")
            )
            return
        (d / "db").mkdir()
        (d / "knot.conf").write_text(
            f'server:\n  rundir: "{d}"\n  listen: 0.0.0.0@53\nlog:\n  - target: stderr\n    any: info\ndatabase:\n'
            f'  storage: "{d}/db"\nkey:\n  - id: bcp.\n    algorithm: hmac-sha256\n    secret: {self.secret}\n'
            "acl:\n  - id: bcp\n    key: bcp.\n    action: update\n    update-type: [MX]\nzone:\n"
            f'  - domain: corp.test\n    file: "{d}/corp.test.zone"\n    acl: bcp\n    journal-content: all\n'
            f'    zonefile-load: difference-no-serial\n  - domain: out.test\n    file: "{d}/out.test.zone"\n'
        )
        self.processes.start(KNOTD, "-c", str(d / "knot.conf"), log=d / "log", prefix=self.inside("dns"))

    def _more_zones(self, d: Path) -> str:
        """For wider nets: write more zone files, and return what BIND's configuration says of them."""
        return ""

    def _cache(self) -> None:
        d = self.folder / "cache"
        d.mkdir()
        (d / "unbound.conf").write_text(
            f"server:\n  interface: {IP['cache']}\n  interface: 127.0.0.1\n  access-control: 198.51.100.0/24 allow\n"
            '  access-control: 127.0.0.0/8 allow\n  do-daemonize: no\n  username: ""\n  chroot: ""\n'
            f'  directory: "{d}"\n  pidfile: "{d}/pid"\n  use-syslog: no\n  logfile: ""\n'
            '  local-zone: "test." nodefault\n  module-config: "iterator"\n  do-not-query-localhost: no\n'
            f'stub-zone:\n  name: "corp.test"\n  stub-addr: {IP["dns"]}\nstub-zone:\n  name: "out.test"\n'
            f"  stub-addr: {IP['dns']}\nremote-control:\n  control-enable: no\n"
        )
        self.processes.start(UNBOUND, "-d", "-c", str(d / "unbound.conf"), log=d / "log", prefix=self.inside("cache"))

    def postfix(self, host: str) -> None:
        d = self.folder / host
        if not d.exists():
            owner = pwd.getpwnam("postfix")
            for part in ("queue", "data", "mail"):
                (d / part).mkdir(parents=True)
            os.chown(d / "data", owner.pw_uid, owner.pw_gid)
            os.chown(d / "mail", 65534, 65534)
            (d / "main.cf").write_text(COMMON.format(d=d, protocols=self.protocols) + EXTRA[host].format(d=d))
            (d / "master.cf").write_text(MASTER)
            (d / "users").write_text("alice@corp.test alice/\n")
            (d / "transport").write_text(f"corp.test relay:[{IP['primary']}]:25\n")
        self.processes.start("/usr/sbin/postfix", "-c", str(d), "start-fg", log=d / "console", prefix=self.inside(host))

    # -- faults --------------------------------------------------------------------------------------------------

    def pids(self, host: str) -> list[int]:
        out = subprocess.run(["ip", "netns", "pids", self.ns(host)], capture_output=True, text=True, check=True).stdout
        return [int(p) for p in out.split()]

    def signal_all(self, host: str, number: int) -> None:
        for pid in self.pids(host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def break_(self, how: str) -> float:
        if how == "blackhole":  # it hears everybody and nobody hears it
            run("ip", "-n", self.ns("primary"), "route", "add", "blackhole", "198.51.100.0/25")
            return time.time()
        self.signal_all("primary", signal.SIGKILL if how == "kill" else signal.SIGSTOP)
        return time.time()

    def reconfigure(self, host: str, *lines: str) -> None:
        """Other settings of a Postfix, at once: main.cf is written anew and reloaded."""
        d = self.folder / host
        (d / "main.cf").write_text(
            COMMON.format(d=d, protocols=self.protocols)
            + EXTRA[host].format(d=d)
            + "".join(f"{line}\n" for line in lines)
        )
        subprocess.run(
            [*self.inside(host), "/usr/sbin/postfix", "-c", str(d), "reload"], capture_output=True, check=True
        )

    def lose_zone(self, zone: str, *, lost: bool) -> None:
        """The authoritative server no longer knows (or knows again) a zone: REFUSED there, SERVFAIL behind a cache."""
        conf = self.folder / "dns" / "named.conf"
        text = conf.read_text()
        conf.write_text(
            text.replace(f'zone "{zone}"', f'zone "lost-{zone}"')
            if lost
            else text.replace(f'zone "lost-{zone}"', f'zone "{zone}"')
        )
        self.signal_all("dns", signal.SIGHUP)

    def heal(self, how: str) -> None:
        if how == "blackhole":
            run("ip", "-n", self.ns("primary"), "route", "del", "blackhole", "198.51.100.0/25")
            return
        if how == "hang":
            self.signal_all("primary", signal.SIGCONT)
            return
        deadline = time.monotonic() + 60
        while self.pids("primary"):  # killed, and not all of them gone yet
            assert time.monotonic() < deadline, self.pids("primary")
            time.sleep(0.05)
        for path in (self.folder / "primary" / "queue" / "pid").glob("*"):
            path.unlink()
        self.postfix("primary")
        self._await_postfix("primary")

    # -- mail ----------------------------------------------------------------------------------------------------

    def feed(self, every_s: float, seconds: float) -> subprocess.Popen[bytes]:
        """Numbered mails into the sender, at a steady rate, for a bounded time."""
        script = (
            "import smtplib, time, sys\n"
            "every, seconds = float(sys.argv[1]), float(sys.argv[2]); end = time.time() + seconds; n = 0\n"
            "while time.time() < end:\n"
            "    n += 1\n"
            "    try:\n"
            "        with smtplib.SMTP('127.0.0.1', 25, timeout=120) as s:\n"
            "            s.sendmail('out@outside.test', ['alice@corp.test'], f'From: out@outside.test\\r\\n"
            "To: alice@corp.test\\r\\nMessage-ID: <lab-{n}@outside.test>\\r\\nX-Lab-Number: {n}\\r\\n\\r\\n"
            "mail {n}\\r\\n')\n"
            "        print(n, flush=True)\n"
            "    except (OSError, smtplib.SMTPException) as error:\n"
            "        print(f'not fed: {n}: {error}', flush=True)\n"
            "    time.sleep(every)\n"
        )
        (self.folder / "feed.py").write_text(script)
        return self.processes.start(
            "python3",
            str(self.folder / "feed.py"),
            str(every_s),
            str(seconds),
            log=self.folder / "feed.log",
            prefix=self.inside("sender"),
        )

    def fed(self) -> list[int]:
        """The numbers that our own Postfix took. One whose answer was lost is not among them and may arrive all the
        same."""
        return [int(line) for line in (self.folder / "feed.log").read_text().splitlines() if line.isdigit()]

    def queue(self, host: str) -> int:
        done = subprocess.run(
            [*self.inside(host), "postqueue", "-c", str(self.folder / host), "-j"],
            capture_output=True,
            text=True,
            check=False,
        )
        return len(done.stdout.splitlines())

    def flush(self, host: str) -> None:
        subprocess.run(
            [*self.inside(host), "postqueue", "-c", str(self.folder / host), "-f"], capture_output=True, check=False
        )

    def first_at_relay(self, after: float) -> float | None:
        """When the relay took its first mail from the sender, by the relay's own files."""
        log = self.folder / "relay" / "log"
        for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
            if "postfix/cleanup" in line and "message-id=<lab-" in line:
                return log.stat().st_mtime
        return None

    def tails(self) -> str:
        """What the servers said last, for a test that failed."""
        return "\n".join(
            f"--- {p.relative_to(self.folder)}\n{p.read_text(errors='replace')[-2500:]}"
            for p in [*sorted(self.folder.glob("*/log")), self.folder / "feed.log"]
            if p.exists()
        )

    def numbers(self) -> list[int]:
        out = []
        for path in (self.folder / "primary" / "mail" / "alice" / "new").glob("*"):
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("X-Lab-Number: "):
                    out.append(int(line.split()[1]))
        return out

    def stop(self) -> None:
        for host in IP:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.signal_all(host, signal.SIGKILL)
        self.processes.stop()
        for host in [*IP, "hub"]:
            subprocess.run(["ip", "netns", "del", self.ns(host)], capture_output=True, check=False)
            shutil.rmtree(Path("/etc/netns") / self.ns(host), ignore_errors=True)
