"""The files of the kit: what each setting of bcp.yaml becomes, and what is in none of them."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from bcp.contracts.relay_machine import RelayMachine
from bcp.relay_kit.drift import drifts, services_of, settings_of
from bcp.relay_kit.facts import Hop, KitFacts
from bcp.relay_kit.files import KitFile, kit_files

HOPS = (Hop("corp.test", "ex1.out.test", "snapshot"), Hop("two.test", "ex2.out.test", "primary"))


def kit(signer: str = "", **machine: Any) -> dict[str, KitFile]:
    facts = KitFacts("mx-backup", "relay.out.test", (), HOPS, RelayMachine.model_validate(machine), signer)
    return {f.path: f for f in kit_files(facts)}


def main_cf(**machine: Any) -> dict[str, str]:
    return settings_of(kit(**machine)["root/etc/postfix/main.cf"].text)


def test_postfix_takes_mail_for_our_domains_and_sends_it_to_fixed_hosts() -> None:
    found = main_cf()
    assert found["relay_domains"] == "corp.test two.test"
    assert found["parent_domain_matches_subdomains"] == "(empty)"
    assert found["smtpd_relay_restrictions"] == "reject_unauth_destination"
    transport = kit(next_port=2525)["root/etc/postfix/bcp_transport"].text
    assert (
        "corp.test exchange:[ex1.out.test]:2525\n" in transport and "two.test exchange:[ex2.out.test]:2525" in transport
    )


def test_times_and_sizes_are_those_of_the_settings() -> None:
    found = main_cf(keep=14, keep_bounces=2, message_size=2**21, concurrency=7)
    assert (found["maximal_queue_lifetime"], found["bounce_queue_lifetime"]) == ("14d", "2d")
    assert (found["message_size_limit"], found["queue_minfree"]) == (str(2**21), str(3 * 2**20))
    assert found["exchange_destination_concurrency_limit"] == "7"
    assert main_cf(spare=5)["queue_minfree"] == "5"


def test_exchange_is_spoken_to_over_ipv4_and_its_refusals_are_kept() -> None:
    found = services_of(kit(tls="secure")["root/etc/postfix/master.cf"].text)
    assert found["exchange: soft_bounce"] == "yes" and found["exchange: inet_protocols"] == "ipv4"
    assert found["exchange: smtp_tls_security_level"] == "secure" and "smtp: soft_bounce" not in found


@pytest.mark.parametrize(
    ("machine", "paths"),
    [
        ({}, {"root/etc/letsencrypt/renewal-hooks/deploy/bcp-relay", "root/etc/logrotate.d/bcp-relay"}),
        ({"certificate": {"challenge": "own"}, "log": "journal"}, set()),
        ({"certificate": {"challenge": "own"}, "log": "journal", "dkim_selector": "r1"}, {"root/etc/opendkim.conf"}),
        ({"certificate": {"challenge": "own"}, "log": "journal", "agent": True},
         {"root/etc/systemd/system/bcp-relay-agent.service"}),
    ],
)  # fmt: skip
def test_what_is_not_wanted_is_not_there(machine, paths) -> None:
    optional = set(kit(spam="rspamd", dkim_selector="x", agent=True)) - set(kit(
        certificate={"challenge": "own"}, log="journal",
    ))  # fmt: skip
    assert optional & set(kit(**machine)) == paths


def test_filters_stop_no_mail_and_stand_only_where_wanted() -> None:
    assert "smtpd_milters" not in main_cf() and "milter_default_action" not in main_cf()
    both = main_cf(spam="rspamd", dkim_selector="r1")
    assert both["milter_default_action"] == "accept" and both["non_smtpd_milters"] == "inet:127.0.0.1:8891"
    assert "reject = null" in kit(spam="rspamd")["root/etc/rspamd/local.d/actions.conf"].text


def test_the_log_goes_where_it_should() -> None:
    assert main_cf()["maillog_file"] == "/var/log/bcp-relay/mail.log" and "maillog_file" not in main_cf(log="journal")


def test_the_firewall_opens_what_is_needed() -> None:
    text = kit(admin_from=["192.0.2.0/24", "2001:db8::/32"])["root/etc/nftables.d/bcp-relay.nft"].text
    assert "ip saddr 192.0.2.0/24 tcp dport 22 accept" in text and "ip6 saddr 2001:db8::/32 tcp dport 22" in text
    assert "tcp dport 80 accept" in text and "\n    tcp dport 22 accept" not in text
    text = kit(certificate={"challenge": "dns"})["root/etc/nftables.d/bcp-relay.nft"].text
    assert "tcp dport 80" not in text and "    tcp dport 22 accept" in text


def test_keys_may_run_one_program() -> None:
    assert "authorized_keys" not in kit()
    text = kit(ssh_keys=["ssh-ed25519 AAAA bcp"])["authorized_keys"].text
    assert text == 'command="/usr/local/sbin/bcp-relay-ssh",restrict ssh-ed25519 AAAA bcp\n'
    with pytest.raises(ValueError, match="pattern"):
        kit(ssh_keys=["ssh-ed25519 AAAA\nssh-rsa BBBB free"])


def test_the_script_installs_every_file_with_its_mode() -> None:
    files = kit(signer="PEM", dkim_selector="r1", spam="rspamd", agent=True)
    lines = set(files["install.sh"].text.splitlines())
    assert {f"{f.mode:o} {f.target}" for f in files.values() if f.target} <= lines
    listed = files["root/etc/bcp-relay/files"].text.split()
    assert listed == sorted(f.target for f in files.values() if f.target)
    assert files["root/etc/sudoers.d/bcp-relay"].mode == 0o440


@pytest.mark.parametrize("name", ["install.sh", "root/usr/local/sbin/bcp-relay", "root/usr/local/sbin/bcp-relay-ssh"])
@pytest.mark.parametrize("machine", [{}, {"spam": "rspamd", "dkim_selector": "r1", "agent": True}])
def test_scripts_are_sound_shell(name, machine, tmp_path) -> None:
    path = tmp_path / "script"
    path.write_text(kit(**machine)[name].text)
    assert subprocess.run(["sh", "-n", path], capture_output=True).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-s", "sh", "-S", "warning", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_exchange_and_dns_are_told_by_name() -> None:
    files = kit(dkim_selector="r1")
    ps = files["exchange.ps1"].text
    assert "-EFSkipLastIP $true" in ps and '-TlsSenderCertificateName "relay.out.test"' in ps
    assert 'Get-AcceptedDomain -Identity "two.test"' in ps
    assert "r1._domainkey.relay.out.test." in files["dns.txt"].text
    assert "_domainkey" not in kit()["dns.txt"].text


def test_no_line_is_left_to_the_template_engine() -> None:
    for file in kit(signer="PEM", dkim_selector="r1", spam="rspamd", agent=True).values():
        assert "{%" not in file.text and "{{" not in file.text, file.path


def test_a_kit_does_not_differ_from_itself() -> None:
    files = list(kit(signer="PEM").values())
    assert drifts(files, {f.target: f.text for f in files if f.target}) == ()


@pytest.mark.parametrize(
    "machine",
    [
        {"postmaster": "a@b.test, root@evil.test"},
        {"postmaster": "a@b.test}"},
        {"dkim_selector": "a b"},
        {"blocklists": ["zen.example; reboot"]},
        {"certificate": {"server": "https://x$(id)/ y"}},
        {"admin_from": ["anywhere"]},
        {"next_hop": {"corp.test": "192.0.2.1"}},
        {"message_size": 1},
    ],
)
def test_what_could_break_a_file_is_refused(machine) -> None:
    """Settings land in shell scripts and in Postfix's files."""
    with pytest.raises(ValueError, match=r"\w"):
        kit(**machine)


def test_the_agent_comes_with_the_kit_and_is_asked_by_bcp_relay() -> None:
    """One file beside the script, one key; neither is missed where no agent is wanted."""
    with_agent, without = kit(agent=True), kit()
    script = with_agent["install.sh"].text
    assert "bcp-light.pyz" in script and "/etc/bcp-relay/agent.key" in script and "python3" in script
    assert "bcp-light" not in without["install.sh"].text and "bcp-light" not in without["README.txt"].text
    assert "bcp-relay, agent]" in with_agent["README.txt"].text
    assert "--journal" in kit(agent=True, log="journal")["root/etc/systemd/system/bcp-relay-agent.service"].text


@pytest.mark.parametrize(
    "word", ["--state=x", "--batch=1;id", "--seal=$(id)", "x", "--batch", "--stream=../x", "--batch=A"]
)
def test_what_is_asked_of_the_agent_is_no_door_to_anything_else(word, tmp_path) -> None:
    """Only four options, and only letters and digits in them."""
    text = kit(agent=True)["root/usr/local/sbin/bcp-relay"].text
    begin, end = text.index("agent() {"), text.index("word=${1:-}")
    (tmp_path / "bcp").write_text('#!/bin/sh\necho ran "$@"\n')
    (tmp_path / "bcp").chmod(0o755)
    function = text[begin:end].replace("/opt/bcp/bin/bcp", str(tmp_path / "bcp"))
    script = f'RELAY=r\nfail() {{ echo "$1" >&2; exit "${{2:-1}}"; }}\n{function}\nagent "$@"\n'

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-euc", script, "x", *words], capture_output=True, text=True, check=False)

    refused = ask("--batch=0", word)
    assert refused.returncode == 2 and "no option" in refused.stderr and "ran" not in refused.stdout
    asked = ask("--batch=0", "--stream=", "--nonce=0a", "--seal=ff")
    assert asked.stdout.startswith("ran relay agent --name r ") and "--stream= --nonce=0a --seal=ff" in asked.stdout


def test_each_of_two_hosts_has_an_agent_of_its_own_name() -> None:
    """In the unit, in what bcp-relay goes by, and in what the page says to do."""
    machine = RelayMachine.model_validate({"agent": True})
    facts = KitFacts("mx-backup", "r1.test", ("r2.test",), HOPS, machine, "", "mx-backup@r1.test")
    files = {f.path: f.text for f in kit_files(facts)}
    assert "--name mx-backup@r1.test " in files["root/etc/systemd/system/bcp-relay-agent.service"]
    assert 'AGENT="mx-backup@r1.test"' in files["root/etc/bcp-relay/relay.conf"]
    assert "bcp-relay@{host}" in files["README.txt"]
    assert "--name mx-backup " in kit(agent=True)["root/etc/systemd/system/bcp-relay-agent.service"].text
