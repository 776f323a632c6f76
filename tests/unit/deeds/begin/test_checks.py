"""Each answer is checked when it is given: what is taken, in which form, and what is refused with a reason."""

from __future__ import annotations

import pytest

from bcp.deeds.begin import checks
from bcp.deeds.begin.hosts import back_end_of, host_of
from bcp.deeds.begin.questions import questions, taken, waiting

OURS = {"domains": ["corp.test", "b.test"]}
KINDS = ("cloudflare", "manual", "rfc2136")


@pytest.mark.parametrize(
    ("check", "given", "right"),
    [
        (checks.domains, "Corp.Test., b.test corp.test", ["corp.test", "b.test"]),
        (checks.zone, "Europe/Berlin", "Europe/Berlin"),
        (checks.phone, "+49 (0)170 123 45 67", "+491701234567"),
        (checks.host, "MX.Backup.test.", "mx.backup.test"),
        (checks.host, "", ""),
        (checks.endpoint, "192.0.2.53", "192.0.2.53"),
        (checks.endpoints, "192.0.2.53, [2001:db8::1]:5300", ["192.0.2.53", "[2001:db8::1]:5300"]),
        (checks.key_name, "bcp.key-1", "bcp.key-1"),
        (checks.class_path, "octodns_ns1.Ns1Provider", "octodns_ns1.Ns1Provider"),
        (checks.arguments, "host=h, api_key=env:X  n=5", {"host": "h", "api_key": "env:X", "n": "5"}),
        (checks.arguments, "", {}),
        (checks.secret, "env:TOKEN", "env:TOKEN"),
        (checks.secret, "file:secrets/x", "file:secrets/x"),
        (checks.secret, "keyring:bcp/me", "keyring:bcp/me"),
        (checks.mailbox, "canary@b.test", "canary@b.test"),
        (checks.mailbox, "", ""),
        (checks.mailboxes, "a@b.test b@corp.test", ["a@b.test", "b@corp.test"]),
        (checks.sender, "sos@else.test", "sos@else.test"),
        (checks.slack_channel, "C0123ABC", "C0123ABC"),
        (checks.url, "https://status.else.test/", "https://status.else.test"),
        (checks.url, "", ""),
        (checks.page, "https://status.else.test/", "https://status.else.test"),
        (checks.page, "", ""),
        (checks.port, "2525", 2525),
        (checks.one_of("a", "b"), " B", "b"),
        (checks.some_of("a", "b"), "b, a, b", ["b", "a"]),
        (checks.person, "Ana Ü", {"name": "Ana Ü", "phone": "", "email": ""}),
        (
            checks.person,
            "Ana, a@private.test, +491701234567",
            {"name": "Ana", "phone": "+491701234567", "email": "a@private.test"},
        ),
    ],
)
def test_what_is_taken(check, given, right) -> None:
    assert check(given, OURS) == right


@pytest.mark.parametrize(
    ("check", "given", "words"),
    [
        (checks.domains, "", "at least one"),
        (checks.page, "https://corp.azurestaticapps.net/", "azurestaticapps.net is at Microsoft"),
        (checks.domains, "corp", "only one label"),
        (checks.domains, "münchen.test", "ASCII"),
        (checks.zone, "Berlin", "Berlin"),
        (checks.phone, "0170 1234567", "country code"),
        (checks.host, "192.0.2.1", "address"),
        (checks.host, "corp.test", "mail domain itself"),
        (checks.endpoint, "ns1.corp.test", "not an address"),
        (checks.key_name, "a b", "letters"),
        (checks.class_path, "PowerDnsProvider", "octoDNS file"),
        (checks.arguments, "host: h", "pairs are wanted"),
        (checks.arguments, "host=", "pairs are wanted"),
        (checks.arguments, "api_key=abc123", "not the secret"),
        (checks.secret, "abc123", "not the secret"),
        (checks.secret, "env:", "not the secret"),
        (checks.mailbox, "a@else.test", "no address in corp.test, b.test"),
        (checks.mailbox, "corp.test", "no address"),
        (checks.sender, "me", "no e-mail"),
        (checks.slack_channel, "#general", "id"),
        (checks.url, "status.test", "https://"),
        (checks.port, "0", "1 to 65535"),
        (checks.port, "x", "1 to 65535"),
        (checks.port, "٣", "1 to 65535"),
        (checks.one_of("a", "b"), "c", "one of a, b"),
        (checks.some_of("a"), "", "at least one"),
        (checks.text, "a\x1b[31m", "control"),
        (checks.person, "+491701234567, Ana", "name comes first"),
        (checks.person, "Ana, 0170, a@b.example", "country code"),
        (checks.person, "Ana, 0170", "Ana: the number '0170' is"),
        (checks.person, "Ana+12025550102", "a comma is missing"),
        (checks.person, "Ana, a@corp.test", "down when Exchange is"),
        (checks.person, "Ana, a@x.test, b@x.test", "one email"),
        (checks.person, "Ana, @x", "no e-mail"),
    ],
)
def test_what_is_refused_and_why(check, given, words) -> None:
    with pytest.raises(ValueError) as caught:
        check(given, OURS)
    assert words in str(caught.value)


def test_a_literal_secret_is_not_repeated() -> None:
    """It would stand in a terminal's history and in logs."""
    with pytest.raises(ValueError) as caught:
        checks.secret("hunter2-the-password", OURS)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("servers", "host", "kind"),
    [
        (["ada.ns.cloudflare.com.", "bob.NS.cloudflare.com"], "cloudflare", "cloudflare"),
        (["ns-1.awsdns-01.org", "ns-2.awsdns-02.co.uk"], "route53", "manual"),
        (["ns1-01.azure-dns.com"], "azure", "manual"),
        (["ns01.domaincontrol.com"], "godaddy", "manual"),
        (["ns1.corp.test"], "", "manual"),
        (["ada.ns.cloudflare.com", "ns1.corp.test"], "", "manual"),
        ([], "", "manual"),
    ],
)
def test_the_back_end_is_proposed_from_the_name_servers(servers, host, kind) -> None:
    """A host for which there is no back end (yet) is a form that a person fills in; two hosts are none."""
    assert host_of(servers) == host
    assert back_end_of(host, KINDS) == kind


def follow(answers: dict) -> list[str]:
    """Keys that are asked, in order, when each question gets these answers, else its default."""
    kept: dict = {}
    asked = questions(KINDS)
    order = []
    while (q := next(waiting(asked, kept), None)) is not None:
        order.append(q.key)
        kept[q.key] = taken(q, answers.get(q.key, [] if q.many else ""), kept)
    return order


BASE = ["domains", "name", "timezone", "hotline", "relay"]
RELAY, SERVER = {"relay": "r.test"}, {"dns": "rfc2136", "dns_server": "192.0.2.1"}
TEXTS, BOTH = {"channels": "twilio", "twilio_from": "+12025550123"}, {"email_from": "a@x.test", "slack_channel": "C01"}


@pytest.mark.parametrize(
    ("answers", "more"),
    [
        ({}, "canary known channels page_folder page_url people"),
        (
            {**RELAY, "dns": "cloudflare", "channels": "teams"},
            "dns cloudflare_token canary known channels teams_url people",
        ),
        (
            {**RELAY, **SERVER, **TEXTS},
            "dns dns_server tsig_key tsig_secret canary known channels twilio_account twilio_token twilio_from people",
        ),
        (
            {**RELAY, **BOTH, "channels": "email, slack"},
            "dns registrar registrar_url canary known channels slack_token slack_channel email_host email_from people",
        ),
    ],
)
def test_only_what_the_answers_call_for_is_asked(answers, more) -> None:
    """Without a relay nothing about DNS is: MX is never moved then."""
    assert follow({"domains": "corp.test", **answers}) == [*BASE, *more.split()]


def test_what_is_needed_is_asked_again_and_files_may_hold_lists_and_mappings() -> None:
    by_key = {q.key: q for q in questions(KINDS)}
    with pytest.raises(ValueError, match="needed"):
        taken(by_key["domains"], "", {})
    assert taken(by_key["domains"], ["b.test", "a.test"], {}) == ["b.test", "a.test"]
    people = [{"name": "Ana", "email": "a@x.test"}, "Bob, +491701234567", ""]
    assert [p["name"] for p in taken(by_key["people"], people, OURS)] == ["Ana", "Bob"]
    with pytest.raises(ValueError, match="enough"):
        taken(by_key["people"], ["Ana"] * 21, OURS)


@pytest.mark.parametrize(
    "given", ["corp-example.mail.protection.outlook.com", "SMTP.office365.com.", "a.b.mx.microsoft"]
)
def test_what_falls_with_exchange_is_no_relay(given) -> None:
    """Nor a host that takes our e-mail when Exchange does not."""
    with pytest.raises(ValueError, match="falls with Exchange Online"):
        checks.host(given, {})
    assert checks.host(f"{given.rstrip('.')}.example", {}).endswith(".example")


def test_a_domain_counts_however_it_is_written() -> None:
    """``müller.example`` is ours: a canary there is one, and a private address there falls with Exchange."""
    ours = {"domains": ["xn--mller-kva.example"]}
    assert checks.mailbox("canary@Müller.example", ours) == "canary@xn--mller-kva.example"
    with pytest.raises(ValueError, match="down when Exchange is"):
        checks.person("Ana, anna@müller.example", ours)


@pytest.mark.parametrize(("given", "like"), [("berlin", "Europe/Berlin"), ("new york", "America/New_York")])
def test_a_city_alone_is_answered_with_its_zone(given, like) -> None:
    with pytest.raises(ValueError, match=f"{like}\\?"):
        checks.zone(given, {})


@pytest.mark.parametrize("second", ["Ben, +49 170 1234567", "Ben, A@x.test", "Ana, +491701234567, other@x.test"])
def test_two_people_are_two_people(second) -> None:
    """One human with two codes would say yes twice: in a file, and one after the other."""
    people = next(q for q in questions(KINDS) if q.key == "people")
    first = taken(people, "Ana, +491701234567, a@x.test", OURS)
    with pytest.raises(ValueError, match="is how Ana is reached already"):
        taken(people, second, {**OURS, "people_so_far": first})
    with pytest.raises(ValueError, match="is how Ana is reached already"):
        taken(people, ["Ana, +491701234567, a@x.test", second], OURS)
    assert taken(people, "Ben", {**OURS, "people_so_far": first})[0]["name"] == "Ben"
