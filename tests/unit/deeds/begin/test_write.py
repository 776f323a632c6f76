"""Every mixture of answers gives a configuration that is valid as it stands, holds no secret and no invented value."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bcp.contacts.load import load_contacts
from bcp.contracts.mx import MxHost, MxSet
from bcp.deeds.begin import memory, write
from bcp.deeds.begin.hosts import back_end_of, back_ends_of, host_of, hosts_of
from bcp.deeds.begin.questions import CHANNELS, questions
from bcp.kernel.errors import Invalid
from bcp.settings import load
from bcp.wiring import make_app

KINDS = ("azure", "cloudflare", "google", "manual", "octodns", "rfc2136", "route53")
UUID = "22222222-2222-2222-2222-222222222222"
MX = MxSet((MxHost(0, "corp-test.mail.protection.outlook.test."),), 3600)
FULL = {
    "domains": ["corp.test", "b.test"], "name": 'Corp "of" {{ x }} # & Söhne', "timezone": "Europe/Berlin",
    "hotline": "+493012345678", "dns_server": "192.0.2.53", "registrar": "IONOS", "canary": "canary@corp.test",
    "known": "second@corp.test", "twilio_from": "+12025550123", "slack_channel": "C0123", "email_from": "sos@corp.test",
    "email_host": "smtp.out.test", "page_url": "https://status.out.test",
    "azure_subscription": UUID.upper().replace("2", "A"), "azure_tenant": UUID, "azure_client": UUID,
    "google_project": "mail-dns", "octodns_class": "octodns_powerdns.PowerDnsProvider",
    "people": ["Änne O'Neill, +491701234567, a@private.test", 'Änne "B"', "=cmd()"],
}  # fmt: skip


def answered(**more) -> dict:
    """As ``bcp init --answers`` would have them."""
    answers: dict = {}
    wrong = memory.settle(questions(KINDS), {**FULL, **more}, answers, defaults=True)
    assert wrong == []
    return answers


def written(folder, answers, mx=MX):
    texts = write.files(answers, {"corp.test": mx, "b.test": None}, "me", lambda: "0123456789ab")
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return texts


def test_an_octodns_provider_is_written_with_its_section(tmp_path) -> None:
    """Numbers as numbers, secrets as references."""
    told = {"octodns_class": "octodns_powerdns.PowerDnsProvider"}
    told["octodns_arguments"] = "host=192.0.2.53 port=8081 api_key=env:POWERDNS_API_KEY"
    written(tmp_path, answered(channels=["status-page"], relay="mx.backup.test", dns="octodns", **told))
    found = load(tmp_path / "bcp.yaml").plugins["dns"]["main"]
    assert found.path == told["octodns_class"]
    assert {k: getattr(v, "reference", v) for k, v in found.arguments.items()} == {
        "host": "192.0.2.53", "port": 8081, "api_key": "env:POWERDNS_API_KEY",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "right"),
    [
        (
            {"dns": "route53"},
            {"access_key_id": "env:AWS_ACCESS_KEY_ID", "secret_access_key": "env:AWS_SECRET_ACCESS_KEY"},
        ),
        ({"dns": "route53", "aws_by": "profile", "aws_profile": "ops"}, {"profile": "ops", "access_key_id": None}),
        (
            {"dns": "route53", "aws_by": "machine", "aws_api": "http://127.0.0.1:9"},
            {"endpoint_url": "http://127.0.0.1:9"},
        ),
        ({"dns": "azure", "azure_group": "dns"}, {"client_secret": "env:AZURE_CLIENT_SECRET", "resource_group": "dns"}),
        ({"dns": "azure", "azure_by": "managed"}, {"identity": "managed", "client_secret": None, "tenant_id": ""}),
        ({"dns": "azure", "azure_by": "workload"}, {"identity": "workload"}),
        ({"dns": "azure", "azure_by": "certificate", "azure_certificate": "/x.pem"}, {"who": "certificate"}),
        ({"dns": "google"}, {"project": "mail-dns", "credentials": "file:secrets/google.json"}),
        ({"dns": "google", "google_by": "machine", "google_api": "http://127.0.0.1:9"}, {"credentials": None}),
    ],
)
def test_each_provider_is_written_as_it_was_answered(tmp_path, more, right) -> None:
    """Checked as ``bcp config check`` does; secrets stand there as references."""
    written(tmp_path, answered(channels=["status-page"], relay="mx.backup.test", **more))
    found = load(tmp_path / "bcp.yaml").plugins["dns"]["main"]
    shown = {k: getattr(getattr(found, k), "reference", getattr(found, k)) for k in right}
    assert found.kind == more["dns"] and shown == right


@pytest.mark.parametrize(
    ("servers", "kind"),
    [
        (["ns-1.awsdns-01.com.", "ns-2.awsdns-02.net."], "route53"),
        (["ns1-01.azure-dns.com.", "ns2-01.azure-dns.net."], "azure"),
        (["ns-cloud-a1.googledomains.com.", "ns-cloud-a2.googledomains.com."], "google"),
        (["ana.ns.cloudflare.com.", "bob.ns.cloudflare.com."], "cloudflare"),
        (["ns1.awsdns-01.com.", "ns-cloud-a1.googledomains.com."], "manual"),
        (["ns37.domaincontrol.com."], "manual"),
    ],
)
def test_the_back_end_is_proposed_from_the_name_servers(servers, kind) -> None:
    """Servers of two hosts: nobody can say, so a person."""
    assert back_end_of(host_of(servers), KINDS) == kind
    asked = {q.key: q for q in questions(KINDS)}
    assert asked["dns"].default({"found_dns": kind}) == kind


@pytest.mark.parametrize(
    ("key", "given"), [("azure_subscription", "mine"), ("azure_group", "a b"), ("google_project", "Mail DNS")]
)
def test_ids_that_cannot_be_are_said_when_they_are_given(key, given) -> None:
    answers = {"relay": "r.test", "dns": key.partition("_")[0]}
    wrong = memory.settle(tuple(q for q in questions(KINDS) if q.key == key), {key: given}, answers, defaults=False)
    assert len(wrong) == 1 and key not in answers


SOME = st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True)


@given(SOME, st.sampled_from(KINDS), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_the_configuration_is_valid(tmp_path, channels, kind, moves) -> None:
    """And people are read back as they were given."""
    answers = answered(channels=channels, dns=kind, relay="mx.backup.test" if moves else "")
    texts = written(tmp_path, answers)
    found = load(tmp_path / "bcp.yaml")
    assert found.settings.organisation.name == FULL["name"]
    assert [d.name for d in found.settings.domains] == FULL["domains"]
    assert (found.settings.domains[0].dns, set(found.settings.dns)) == (("main", {"main"}) if moves else (None, set()))
    people = load_contacts(tmp_path / "contacts.csv")
    assert [p.id for p in people] == ["anne", "anne-2", "cmd"] and people[0].phone == "+491701234567"
    assert all("secrets/code-" + p.id in texts for p in people)
    if not moves:
        chosen = make_app(found).playbooks.chosen()
        assert {chosen[c] for c in "BEF"} == {("", "exchange-tell-inbound")}
    shown = texts["bcp.yaml"]
    assert not re.search(r"0123456789ab|\+15005550006|C0000000000|192\.0\.2\.53(?!\")", shown)


@pytest.mark.parametrize("channels", [["status-page"], ["teams", "email"], ["twilio"], ["email"], ["slack"]])
def test_shipped_playbooks_fit_the_channels_that_are_there(tmp_path, channels) -> None:
    """No error of lint, and the daemon could start each that it would choose."""
    written(tmp_path, answered(channels=channels, dns="manual", relay="mx.backup.test"))
    assert make_app(load(tmp_path / "bcp.yaml")).playbooks.unready() == {}


def test_teams_alone_is_said_to_fall_with_exchange(tmp_path) -> None:
    written(tmp_path, answered(channels=["teams"], relay=""))
    why = make_app(load(tmp_path / "bcp.yaml")).playbooks.unready()
    assert why and all("depends on what is down" in text for text in why.values())


def test_an_mx_that_could_not_be_read_is_left_open_and_a_null_mx_is_none(tmp_path) -> None:
    for mx in (None, MxSet((MxHost(0, "."),), 300)):
        texts = written(tmp_path, answered(channels=["status-page"], relay=""), mx)
        assert texts["bcp.yaml"].count("primary: [] ") == 2
        load(tmp_path / "bcp.yaml")


def test_answers_are_kept_read_back_and_forgotten(tmp_path) -> None:
    assert memory.recall(tmp_path) == {}
    memory.keep(tmp_path / "new", {"name": "Ü"})
    assert memory.recall(tmp_path / "new") == {"name": "Ü"}
    assert (tmp_path / "new" / memory.NAME).stat().st_mode & 0o077 == 0
    (tmp_path / "new" / memory.NAME).write_text("[broken")
    assert memory.recall(tmp_path / "new") == {}
    memory.forget(tmp_path / "new")
    memory.forget(tmp_path / "new")
    assert not (tmp_path / "new" / memory.NAME).exists()


@pytest.mark.parametrize(("text", "rule"), [("- a", "answers.shape"), ("domans: x", "answers.unknown")])
def test_a_file_of_answers_is_checked_with_its_place(tmp_path, text, rule) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        memory.from_file(path, questions(KINDS))
    assert [p.rule for p in caught.value.problems] == [rule] and caught.value.problems[0].line == 1


def test_all_that_is_wrong_with_answers_is_told_at_once() -> None:
    answers: dict = {}
    raw = {"domains": "corp.test", "timezone": "Nowhere", "canary": "x", "channels": "fax", "relay": "r.test"}
    wrong = memory.settle(questions(KINDS), raw, answers, defaults=True)
    assert [w.partition(":")[0] for w in wrong] == ["timezone", "canary", "channels"]
    assert "timezone" not in answers


BOTH = ["ns-1.awsdns-01.com.", "ana.ns.cloudflare.com.", "ns-2.awsdns-02.net."]


def test_a_zone_that_two_providers_serve_gets_a_list_of_back_ends() -> None:
    """All of them are changed, or none. One without an interface: a person enters the records at each."""
    assert hosts_of(BOTH) == ("cloudflare", "route53") and host_of(BOTH) == ""
    assert back_ends_of(hosts_of(BOTH), KINDS) == ("cloudflare", "route53")
    assert back_ends_of(("cloudflare", "godaddy"), KINDS) == ("manual",)
    assert hosts_of([*BOTH, "ns1.corp.test."]) == () and back_ends_of((), KINDS) == ()


@pytest.mark.parametrize(
    ("dns", "of", "lines"),
    [
        (
            "cloudflare, route53",
            {"corp.test": ["cloudflare", "route53"], "b.test": ["route53"]},
            {"corp.test": ("cloudflare", "route53"), "b.test": ("route53",)},
        ),
        (
            ["route53", "aws", "cloudflare"],
            {},
            {"corp.test": ("route53", "cloudflare"), "b.test": ("route53", "cloudflare")},
        ),
        (
            "cloudflare, manual",
            {"corp.test": ["cloudflare"], "b.test": ["manual"]},
            {"corp.test": ("cloudflare",), "b.test": ("manual",)},
        ),
        ("cloudflare", {"b.test": ["route53"]}, {"corp.test": ("main",), "b.test": ("main",)}),
    ],
)
def test_each_domain_names_its_own_and_the_configuration_is_valid(tmp_path, dns, of, lines) -> None:
    answers = answered(channels=["status-page"], relay="mx.backup.test", dns=dns) | {"found_of": of}
    written(tmp_path, answers)
    found = load(tmp_path / "bcp.yaml")
    assert {d.name: d.back_ends for d in found.settings.domains} == lines
    assert set(found.plugins["dns"]) == {n for names in lines.values() for n in names}
