"""The kit on a fresh Debian: installed by its own script, it is a backup MX that keeps what it takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from support import ROOT, bcp

from real.kitted import Kitted
from real.machine import AUTHORITY, DNS, SENDER, able

WHY = able()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(WHY), reason=WHY)]


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    made = Kitted.make(
        tmp_path_factory.mktemp("kit"),
        certificate={"challenge": "http", "server": "https://acme.out.test:14000/dir", "email": "ops@corp.test"},
    )
    try:
        made.install("--no-certificate")
        made.bcp("relay", "recipients", "sync")
        yield made
    finally:
        made.machine.stop()


@pytest.fixture(autouse=True)
def well(relay):
    """Every test begins with a healthy Exchange and an empty queue."""
    exchange = relay.machine.exchange
    exchange.up, exchange.rcpt = True, lambda _address: "250 2.1.5 ok"
    relay.machine.do("postsuper", "-d", "ALL")
    exchange.taken.clear()


def test_installing_again_changes_nothing(relay) -> None:
    """Also while the relay keeps mail: settings that move are its state, and stay."""
    assert "nothing to change" in relay.install("--no-certificate").stdout
    relay.ask("keep")
    assert "nothing to change" in relay.install("--no-certificate").stdout
    assert relay.machine.do("postconf", "-h", "defer_transports").stdout.strip() == "exchange"
    relay.ask("flow")


def test_check_names_what_differs_by_file_and_setting(relay) -> None:
    """And a repaired relay is as the kit has it."""
    assert relay.bcp("relay", "kit", "--check")["differences"] == []
    relay.machine.do("postconf", "-e", "maximal_queue_lifetime=1d")
    relay.machine.do("postconf", "-P", "exchange/unix/smtp_tls_security_level=none")
    (relay.machine.root / "etc/nftables.d/bcp-relay.nft").unlink()
    found = relay.bcp("relay", "kit", "--check", code=1)["differences"]
    named = {(d["file"], d["setting"], d["found"]) for d in found}
    assert named == {
        ("/etc/postfix/main.cf", "maximal_queue_lifetime", "1d"),
        ("/etc/postfix/master.cf", "exchange: smtp_tls_security_level", "none"),
        ("/etc/nftables.d/bcp-relay.nft", "", ""),
    }
    assert "changed:" in relay.install("--no-certificate").stdout
    drop_in = relay.machine.root / "etc/systemd/system/postfix.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nExecStart=\n")
    (relay.machine.root / "etc/postfix").chmod(0o777)
    relay.machine.do("postmap", "-d", "bob@corp.test", "hash:/etc/postfix/bcp_recipients")
    relay.machine.do("postmap", "-i", "hash:/etc/postfix/bcp_recipients", input="eve@corp.test OK\n")
    found = relay.bcp("relay", "kit", "--check", code=1)["differences"]
    assert {(d["file"], d["setting"]) for d in found} == {
        ("/etc/systemd/system/postfix.service.d/override.conf", ""),
        ("/etc/postfix", "rights"),
        ("/etc/postfix/bcp_recipients.db", "bob@corp.test"),
        ("/etc/postfix/bcp_recipients.db", "eve@corp.test"),
    }
    drop_in.unlink()
    relay.bcp("relay", "recipients", "sync")
    held = relay.machine.root / "etc/postfix/bcp_recipients"
    held.write_text(held.read_text().replace("bob@", "eve@"))
    relay.machine.do("postmap", "hash:/etc/postfix/bcp_recipients")
    found = relay.bcp("relay", "kit", "--check", code=1)["differences"]
    assert ("/etc/postfix/bcp_recipients", "as it was signed") in {(d["file"], d["wanted"]) for d in found}
    relay.bcp("relay", "recipients", "sync", "--accept-drop")
    assert "/etc/postfix" in relay.install("--no-certificate").stdout
    relay.machine.do("nft", "add", "rule", "inet", "bcp_relay", "input", "accept")
    (found,) = relay.bcp("relay", "kit", "--check", code=1)["differences"]
    assert (found["file"], found["setting"]) == ("/etc/nftables.d/bcp-relay.nft", "in the kernel")
    relay.install("--no-certificate")
    assert relay.bcp("relay", "kit", "--check")["differences"] == []
    assert relay.bcp("relay", "kit", "--check", "--root", str(relay.machine.root))["differences"] == []


def test_it_takes_mail_for_whom_it_knows_and_for_nobody_else(relay) -> None:
    """Known, known with a tag, unknown, a subdomain, another domain, and tricks to relay through it."""
    asked = (
        "alice@corp.test", "Alice+news@CORP.test", "nobody@corp.test", "alice@sub.corp.test", "x@other.test",
        "alice%other.test@corp.test", "@corp.test:x@other.test", '"x@other.test"@corp.test',
        "postmaster@relay.out.test",
    )  # fmt: skip
    answers = dict(zip(asked, relay.rcpt(*asked), strict=True))
    taken = {a for a, code in answers.items() if code == 250}
    assert taken == {"alice@corp.test", "Alice+news@CORP.test", "postmaster@relay.out.test"}, answers
    assert answers["nobody@corp.test"] == 550 and answers["x@other.test"] == 554


def test_an_old_list_turns_nobody_away_for_good(relay) -> None:
    """450 while nobody can know whether the list is still right; 550 again with a new one."""
    conf = relay.machine.root / "etc/bcp-relay/relay.conf"
    text = conf.read_text()
    conf.write_text(text.replace("MAX_AGE=259200", "MAX_AGE=-1"))
    relay.ask("age")
    assert relay.rcpt("alice@corp.test", "nobody@corp.test") == [250, 450]
    conf.write_text(text)
    relay.bcp("relay", "recipients", "sync")
    assert relay.rcpt("alice@corp.test", "nobody@corp.test") == [250, 550]


def test_what_postfix_finds_is_counted_whatever_the_list_says(relay) -> None:
    """Somebody emptied the map by hand; and services that do not start with the machine are told."""
    assert json.loads(relay.ask("facts"))["units_off"] == []
    systemctl, run = relay.machine.root / "usr/local/sbin/systemctl", relay.machine.root / "run/systemd/system"
    systemctl.write_text("#!/bin/sh\n[ $2 != postfix ] || { echo masked; exit 1; }\necho enabled\n")
    systemctl.chmod(0o755)
    run.mkdir(parents=True)
    relay.machine.do("postmap", "-i", "hash:/etc/postfix/bcp_recipients", input="alice@corp.test OK\n")
    relay.machine.do("postmap", "-d", "bob@corp.test", "hash:/etc/postfix/bcp_recipients")
    try:
        told = json.loads(relay.ask("facts"))
    finally:
        run.rmdir()
        systemctl.unlink()
    assert told["units_off"] == ["postfix is masked"] and told["list_count"] == told["list_says"] - 1 > 0
    relay.bcp("relay", "recipients", "sync")
    told = json.loads(relay.ask("facts"))
    assert told["list_count"] == told["list_says"] > 1


def test_a_list_that_is_not_ours_changes_nothing(relay) -> None:
    """Unsigned, altered, for another relay, older, cut: refused with a sentence, and the old list stays."""
    before = relay.ask("list")
    for data in ("nonsense\n", "QUJD\n" + before, "QUJD\n", ""):
        done = relay.machine.do("bcp-relay", "recipients", check=False, input=data)
        assert done.returncode in (2, 3) and done.stderr.strip().count("\n") == 0, done
    assert relay.ask("list") == before and relay.rcpt("alice@corp.test") == [250]


def test_who_left_and_who_came_is_told_and_a_great_drop_asks(relay) -> None:
    """More than a tenth needs a person's word; the relay knows nothing new before."""
    people = relay.site / "people.txt"
    text = people.read_text()
    people.write_text(text.replace("bob@", "carol@"))
    refused = relay.bcp("relay", "recipients", "sync", code=3)
    assert refused == {} or refused.get("rule", "recipients.drop") == "recipients.drop"
    assert relay.rcpt("bob@corp.test", "carol@corp.test") == [250, 550]
    told = relay.bcp("relay", "recipients", "sync", "--accept-drop")["hosts"][0]
    assert (told["added"], told["removed"], told["sent"]) == (["carol@corp.test"], ["bob@corp.test"], True)
    assert relay.rcpt("bob@corp.test", "carol@corp.test") == [550, 250]
    people.write_text("")
    relay.bcp("relay", "recipients", "sync", "--accept-drop", code=2)
    people.write_text(text)
    relay.bcp("relay", "recipients", "sync", "--accept-drop")
    assert relay.rcpt("bob@corp.test") == [250]


def test_what_a_sick_exchange_refuses_for_good_is_kept_and_sent_when_it_is_well(relay) -> None:
    """No bounce; ETRN is refused (it would pass over such mail); a flush lets all go."""
    exchange = relay.machine.exchange
    exchange.rcpt = lambda _address: "550 5.4.1 Recipient address rejected: Access denied"
    relay.machine.send("refused")
    relay.machine.await_(lambda: any("5.4.1" in str(m["recipients"]) for m in relay.queue()))
    exchange.up = False
    relay.machine.send("closed")
    relay.machine.await_(lambda: sum("delay_reason" in str(m) for m in relay.queue()) == 2)
    with relay.machine.talk() as client:
        client.ehlo()
        assert client.docmd("ETRN", "corp.test")[0] >= 500
    exchange.up, exchange.rcpt = True, lambda _address: "250 ok"
    relay.machine.await_(lambda: emptied(relay))
    assert sorted(exchange.subjects()) == ["closed", "refused"]


def test_kept_mail_goes_one_by_one_when_it_is_released(relay) -> None:
    """Exchange is well all the time: what is kept waits all the same. Ids that are none do no harm."""
    relay.ask("keep")
    for n in range(3):
        relay.machine.send(f"kept {n}")
    relay.machine.await_(lambda: sum("delay_reason" in str(m) for m in relay.queue()) == 3)
    first = min(relay.queue(), key=lambda m: m["queue_id"])["queue_id"]
    relay.machine.do("bcp-relay", "release", input=f"{first}\n-f\n../x; reboot\nNOTTHERE\n", check=False)
    relay.machine.await_(lambda: relay.machine.exchange.taken)
    assert [m["queue_id"] for m in relay.queue()] and len(relay.queue()) == 2
    relay.ask("flow")
    relay.machine.await_(lambda: emptied(relay))
    assert len(relay.machine.exchange.taken) == 3


def test_a_full_disk_accepts_nothing_and_loses_nothing(relay) -> None:
    """452 before MAIL; what was accepted before is delivered after."""
    machine = relay.machine
    spool = machine.root / "var/spool/postfix"
    machine.do("postfix", "stop")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", str(spool)], check=True)
    try:
        machine.do("postfix", "set-permissions", check=False)
        machine.do("postfix", "start")
        machine.exchange.up = False
        accepted = []
        with pytest.raises(smtplib.SMTPResponseException) as full:
            for n in range(60):
                machine.send(f"big {n}", size=900_000)
                accepted.append(f"big {n}")
        assert full.value.smtp_code == 452 and accepted
        machine.exchange.up = True
        machine.await_(lambda: emptied(relay))
        assert sorted(machine.exchange.subjects()) == sorted(accepted)
        machine.send("room again")
        machine.await_(lambda: "room again" in machine.exchange.subjects())
    finally:
        machine.do("postfix", "stop")
        subprocess.run(["umount", "-l", str(spool)], check=True)
        machine.do("postfix", "start")


def emptied(relay: Kitted) -> bool:
    """Asked to let everything go: a mail whose try has just ended is in no queue yet, and needs a second word."""
    relay.ask("flush")
    return not relay.queue()


def serial_of(relay: Kitted) -> str:
    """Of the certificate that it shows on port 25."""
    with relay.machine.talk() as client:
        context = ssl._create_unverified_context()
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        der = client.sock.getpeercert(binary_form=True)
    done = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-serial", "-ext", "subjectAltName"],
        input=der, capture_output=True, check=True,
    )  # fmt: skip
    assert "relay.out.test" in done.stdout.decode()
    return done.stdout.decode().splitlines()[0]


@pytest.mark.skipif(
    not (Path("/usr/bin/pebble").exists() and Path("/usr/bin/certbot").exists()), reason="no pebble or certbot"
)
def test_the_certificate_is_got_and_renewed_at_an_authority(relay) -> None:
    """A test authority (pebble) asks over HTTP; Postfix shows the new certificate without a restart."""
    machine, folder = relay.machine, relay.machine.folder
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=acme.out.test",
         "-addext", "subjectAltName=DNS:acme.out.test", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    shutil.copy(folder / "ca.pem", machine.root / "ca.pem")
    (folder / "pebble.json").write_text(
        f'{{"pebble": {{"listenAddress": "{AUTHORITY}:14000", "managementListenAddress": "{AUTHORITY}:15000",'
        f' "certificate": "{folder}/ca.pem", "privateKey": "{folder}/ca.key", "httpPort": 80, "tlsPort": 443}}}}'
    )
    machine.start_outside(
        "pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"{DNS}:53", log=folder / "pebble.log",
        env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
    )  # fmt: skip
    machine.await_(lambda: listens(machine, AUTHORITY, 14000))
    first = serial_of(relay)
    machine.do("env", "REQUESTS_CA_BUNDLE=/ca.pem", "bcp-relay", "certificate")
    second = serial_of(relay)
    machine.do("env", "REQUESTS_CA_BUNDLE=/ca.pem", "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    third = serial_of(relay)
    assert len({first, second, third}) == 3
    assert (machine.root / "etc/bcp-relay/tls.pem").stat().st_mode & 0o077 == 0


def listens(machine, address: str, port: int) -> bool:
    from real.machine import inside

    with inside(machine.world), socket.socket() as client:
        return client.connect_ex((address, port)) == 0


def test_the_orchestrators_key_runs_one_program_and_no_shell(relay) -> None:
    """What sshd's forced command gets; sudo lets that account run bcp-relay alone."""

    def ssh(command: str) -> subprocess.CompletedProcess[str]:
        return relay.machine.do(
            "su", "bcp-relay", "-c", f"SSH_ORIGINAL_COMMAND='{command}' /usr/local/sbin/bcp-relay-ssh", check=False
        )  # fmt: skip

    assert ssh("bcp-relay list").stdout == relay.ask("list")
    for command in ("id", "bcp-relay list; id", "bcp-relay $(id)", "sh -c id", ""):
        done = ssh(command)
        assert done.returncode != 0 or "uid=" not in done.stdout, (command, done)
        assert "uid=" not in done.stdout, command
    assert relay.machine.do("su", "bcp-relay", "-c", "sudo -n id", check=False).returncode != 0


def test_the_firewall_lets_mail_in_and_nothing_else(relay) -> None:
    """Port 25 for all; a port that it does not name is silent even where somebody listens."""
    ruled = relay.machine.do("nft", "list", "table", "inet", "bcp_relay").stdout
    assert "policy drop" in ruled and "tcp dport 25 accept" in ruled and "198.51.100.0/24" in ruled
    relay.rcpt("alice@corp.test")
    with relay.machine.talk(SENDER) as client:
        assert client.noop()[0] == 250


def test_it_refuses_what_it_cannot_do_with_one_sentence(relay) -> None:
    """A relay of another name, and a Postfix that has another task."""
    conf = relay.machine.root / "etc/bcp-relay/relay.conf"
    text = conf.read_text()
    conf.write_text(text.replace('HOST="relay.out.test"', 'HOST="other.out.test"'))
    done = relay.machine.do("/kit/install.sh", check=False)
    assert done.returncode == 3 and done.stderr == (
        "install.sh: this machine is the relay other.out.test, not relay.out.test\n"
    )
    conf.write_text(text)
    main = relay.machine.root / "etc/postfix/main.cf"
    ours = main.read_text()
    main.write_text("mydestination = corp.test\n")
    done = relay.machine.do("/kit/install.sh", check=False)
    assert done.returncode == 3 and "has another task" in done.stderr
    main.write_text(ours)


def test_the_how_tos_commands_run_in_their_order(relay) -> None:
    """Every command of the page, against this relay."""
    page = (ROOT / "docs" / "howto" / "relay-kit.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(lines) >= 9
    for line in lines:
        done = bcp("--output", "json", *line.split()[1:], cwd=relay.site)
        assert done.returncode == 0 or line == "bcp doctor", f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        if line == "bcp doctor":
            told = {c["subject"].split(" ")[0]: c["message"] for c in json.loads(done.stdout)["checks"]}
            assert "reaches Exchange at exchange.out.test:25" in told.get("relay-exchange", ""), told


def test_the_agent_comes_with_the_kit_and_accounts_for_every_mail(relay) -> None:
    """Its two files lie beside the script; the unit's own line starts it; the main node asks through ``bcp-relay``."""
    machine, agent = relay.machine, None
    (relay.site / "agent.key").write_text("k" * 40 + "\n")
    ask = [*machine.argv(), "bcp-relay", "agent"]
    try:
        relay.configure(agent=True, asked={"command": ask, "key": "file:agent.key"})
        assert machine.do("bcp-relay", "agent", check=False).returncode == 3
        done = relay.install("--no-certificate", beside=True)
        assert "no agent" not in done.stdout and "changed" in done.stdout
        assert relay.bcp("relay", "kit", "--check")["differences"] == []
        assert (machine.root / "etc/bcp-relay/agent.key").stat().st_mode & 0o077 == 0

        agent = subprocess.Popen(machine.argv(*unit_words(relay)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        machine.send("agent", "alice@corp.test", "bob@corp.test")
        machine.await_(lambda: emptied(relay) and "agent" in machine.exchange.subjects())
        machine.await_(lambda: told(relay))
        account = relay.bcp("relay", "account", "--since", "1h")
        assert account["accepted"] == account["delivered"] >= 2 and account["ends_meet"], account
    finally:
        if agent is not None:
            agent.terminate()
            _, said = agent.communicate(timeout=120)
            assert agent.returncode == 0 and not said, said
        relay.configure()
        relay.install("--no-certificate")


def unit_words(relay: Kitted) -> list[str]:
    """What systemd would run."""
    unit = (relay.machine.root / "etc/systemd/system/bcp-relay-agent.service").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    return line.replace("$AGENT_OPTIONS", "").split()


def told(relay: Kitted) -> bool:
    """The agent's ledger has both recipients as sent."""
    assert relay.bcp("relay", "pull")["relays"][0]["problem"] == ""
    return relay.bcp("relay", "mails", "--message-id", "agent@outside.test", "--status", "sent")["recipients"] == 2
