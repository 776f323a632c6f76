"""The files of a relay: what ``bcp relay kit`` writes for one host. Pure, but for reading our own templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.relay_kit.facts import KitFacts

TEMPLATES = Path(__file__).parent / "templates"
PROGRAM, TEXT, RIGHT, PRIVATE = 0o755, 0o644, 0o440, 0o600
ROOT = "root/"
"""What lies below lands on the machine."""


@dataclass(frozen=True, slots=True)
class KitFile:
    """One file of the kit."""

    path: str
    """Below the kit's folder; below ``root/`` it is the path on the machine."""
    text: str
    mode: int

    @property
    def target(self) -> str:
        """Where it lands on the machine, without the first slash; empty: it stays in the kit."""
        return self.path.removeprefix(ROOT) if self.path.startswith(ROOT) else ""


KEYS = "authorized_keys"
SSH_KEYS = f"var/lib/bcp-relay/.ssh/{KEYS}"
"""Where the kit's file of this name is put by its script."""
_ALWAYS: tuple[tuple[str, int], ...] = (
    ("README.txt", TEXT),
    ("exchange.ps1", TEXT),
    ("dns.txt", TEXT),
    ("root/etc/postfix/main.cf", TEXT),
    ("root/etc/postfix/master.cf", TEXT),
    ("root/etc/postfix/bcp_transport", TEXT),
    ("root/etc/postfix/bcp_postscreen.cidr", TEXT),
    ("root/etc/bcp-relay/relay.conf", TEXT),
    ("root/etc/nftables.d/bcp-relay.nft", TEXT),
    ("root/etc/sudoers.d/bcp-relay", RIGHT),
    ("root/usr/local/sbin/bcp-relay", PROGRAM),
    ("root/usr/local/sbin/bcp-relay-ssh", PROGRAM),
    ("root/etc/systemd/system/bcp-relay-age.service", TEXT),
    ("root/etc/systemd/system/bcp-relay-age.timer", TEXT),
)
_PACKAGES = ("postfix", "nftables", "openssl", "sudo", "ca-certificates")


def kit_files(facts: KitFacts) -> tuple[KitFile, ...]:
    """Every file, in the order of their paths; ``install.sh`` last, because it lists the others."""
    values = _values(facts)
    found = [KitFile(path, _render(path, values), mode) for path, mode in (*_ALWAYS, *_chosen(facts))]
    if facts.signer:
        found.append(KitFile("root/etc/bcp-relay/signer.pem", facts.signer.strip() + "\n", TEXT))
    if facts.machine.ssh_keys:
        found.append(KitFile(KEYS, _authorized(facts), PRIVATE))
    targets = sorted(
        [f.target for f in found if f.target] + ["etc/bcp-relay/files"] + [SSH_KEYS] * bool(facts.machine.ssh_keys)
    )
    found.append(KitFile("root/etc/bcp-relay/files", "".join(f"{t}\n" for t in targets), TEXT))
    found.sort(key=lambda f: f.path)
    listing = "\n".join(f"{f.mode:o} {f.target}" for f in found if f.target)
    install = _render("install.sh", {**values, "listing": listing})
    return (*found, KitFile("install.sh", install, PROGRAM))


def _chosen(facts: KitFacts) -> list[tuple[str, int]]:
    """Files that are there only where something is wanted."""
    machine = facts.machine
    wanted = {
        "root/etc/letsencrypt/renewal-hooks/deploy/bcp-relay": machine.certificate.challenge != "own",
        "root/etc/logrotate.d/bcp-relay": machine.log == "file",
        "root/etc/opendkim.conf": bool(machine.dkim_selector),
        "root/etc/rspamd/local.d/actions.conf": machine.spam == "rspamd",
        "root/etc/rspamd/local.d/worker-proxy.inc": machine.spam == "rspamd",
        "root/etc/rspamd/local.d/dkim_signing.conf": machine.spam == "rspamd",
        "root/etc/systemd/system/bcp-relay-agent.service": machine.agent,
    }
    return [(p, PROGRAM if "renewal-hooks" in p else TEXT) for p, there in wanted.items() if there]


def _packages(facts: KitFacts) -> str:
    machine = facts.machine
    more = {
        "certbot": machine.certificate.challenge != "own",
        "python3-certbot-dns-rfc2136": machine.certificate.challenge == "dns",
        "logrotate": machine.log == "file",
        "opendkim": bool(machine.dkim_selector),
        "rspamd": machine.spam == "rspamd",
        "python3": machine.agent,
    }
    return " ".join((*_PACKAGES, *(name for name, there in more.items() if there)))


def _authorized(facts: KitFacts) -> str:
    """Each key may run ``bcp-relay`` and nothing else (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
    return "".join(f'command="/usr/local/sbin/bcp-relay-ssh",restrict {key}\n' for key in facts.machine.ssh_keys)


def _values(facts: KitFacts) -> dict[str, Any]:
    machine = facts.machine
    return {
        "relay": facts.relay,
        "host": facts.host,
        "agent": facts.agent or facts.relay,
        "hops": facts.hops,
        "hop_list": " ".join(sorted({f"{h.host}:{machine.next_port}" for h in facts.hops})),
        "machine": machine,
        "milters": machine.spam != "none" or bool(machine.dkim_selector),
        "max_age": f"{machine.recipients.max_age / 86400:g} days",
        "max_age_s": int(machine.recipients.max_age),
        "packages": _packages(facts),
        "agent_log": "--journal" if machine.log == "journal" else "--log /var/log/bcp-relay/mail.log",
        "connector": f"Backup relay {facts.host}",
    }


def _render(path: str, values: Mapping[str, Any]) -> str:
    """One template. Shell has ``${#``, so comments of templates begin otherwise."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701 - plain text, not HTML
        undefined=StrictUndefined, keep_trailing_newline=True, comment_start_string="<##", comment_end_string="##>"
    )
    return environment.from_string((TEMPLATES / path).read_text(encoding="utf-8")).render(values)
