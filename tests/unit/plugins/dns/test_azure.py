"""Azure DNS over an emulator of Resource Manager and of Entra's sign-in that enforces the documented conditions."""

from __future__ import annotations

import asyncio
import builtins
import json
import shlex
import ssl
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from unit.plugins.dns.clouds import Cloud, CloudPromises, certificate, without_suite

from bcp.contracts.dns import MxSet, Permission, SentState, SwapOrder, SwapState, Trouble
from bcp.kernel.errors import Invalid
from bcp.kit.http import Http, Reply
from bcp.lab.azure import GROUP, READ, SUBSCRIPTION, TENANT, AzureLab, Principal
from bcp.lab.nameserver import Zone
from bcp.plugins.dns.azure import PLUGIN, AzureDns, AzureSettings, _mx, policy
from bcp.plugins.vendors.azure import told
from bcp.plugins.vendors.azure_token import Identity, Tokens, fault_of
from bcp.plugins.vendors.hosted import Fault
from bcp.testing.clock import FakeClock
from bcp.testing.dns_stage import mx
from bcp.testing.vendor import SILENT, WRONG_ANSWERS, Answer, FakeVendor

SECRETS = {w: f"az-{w}-never-shown-0123456789" for w in ("good", "reader", "ended", "unknown", "policy", "managed")}
GIVEN = {"kind": "azure", "subscription_id": SUBSCRIPTION}


class NowClock(FakeClock):
    """Tokens are dated by the real clock."""

    def __init__(self) -> None:
        import time

        super().__init__(time.time())


def roles(text: str) -> list[tuple[str, list[str]]]:
    """What the printed commands give: scope and actions."""
    made, found = {}, []
    for line in (shlex.split(ln) for ln in text.splitlines() if ln.startswith("az ")):
        given = dict(zip(line[4::2], line[5::2], strict=True))
        if line[1:3] == ["role", "definition"]:
            role = json.loads(given["--role-definition"])
            made[role["Name"]] = role["Actions"]
        else:
            found.append((given["--scope"], made[given["--role"]]))
    return found


class Azure(Cloud):
    def emulator(self) -> AzureLab:
        people = {w: Principal(s) for w, s in SECRETS.items() if w != "unknown"}
        people["unknown"] = Principal("another secret")
        people["reader"].roles, people["ended"].ended = list(READ), True
        given = AzureSettings.model_validate({**GIVEN, "resource_group": GROUP})
        people["policy"].roles = roles(policy(given, {"one.test": "one.test", "two.test": ""}))
        return AzureLab(principals=people)

    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
        return context

    def settings(self, who: str, **more) -> AzureSettings:
        given = {
            **GIVEN,
            "tenant_id": TENANT,
            "client_id": who,
            "client_secret": self.secret(f"az-{who}", SECRETS[who]),
            "authority_url": self.lab.url,
            "api_url": self.lab.url,
            "api_ca_file": certificate(),
            "timeout": "2s",
            "resource_group": "" if who != "policy" else GROUP,
            **more,
        }
        return AzureSettings.model_validate({k: v for k, v in given.items() if v is not None})

    def writer(self, who: str = "good", **more) -> AzureDns:
        return AzureDns("main", self.settings(who, **more), NowClock(), {})

    def write(self, zone, domain: str, mx: MxSet | None) -> None:
        if mx is None:
            zone.drop(domain, "MX")
        else:
            rows = [{"preference": h.preference, "exchange": h.host.rstrip(".")} for h in mx.hosts]
            zone.put(domain, "MX", {"TTL": mx.ttl_s, "MXRecords": rows, "metadata": {"owner": "dns team"}})

    def put_other(self, zone, name: str, kind: str, value: str) -> None:
        given = {"CNAMERecord": {"cname": value}} if kind == "CNAME" else {f"{kind}Records": [value]}
        zone.put(name, kind, {"TTL": 300, **given})

    def twin(self, domain: str, *, private: bool):
        zone = Zone(domain, [("@", 60, "MX", ["1 twin.out.test."])])
        return self.lab.add(zone, private=private, group="other-rg")

    def try_an_a_record(self, who: str) -> int:
        path = f"{self.zones['two.test'].id}/A/www"
        try:
            self.run(self.writer(who)._api.call("PUT", path, body={"properties": {"TTL": 60, "ARecords": []}}))
        except Fault as fault:
            assert fault.code == "permission", fault
            return 403
        return 200


class TestSuite(Azure):
    """Every promise of a back end."""

    __test__ = True


@without_suite
class TestPromises(Azure, CloudPromises):
    """Every promise of a cloud provider's back end."""

    __test__ = True


@without_suite
class TestAzure(Azure):
    """What is Azure's own."""

    __test__ = True

    def test_metadata_of_the_set_outlives_a_switch_and_a_failback(self) -> None:
        """PATCH leaves it alone; PUT would drop it."""

        async def work():
            host = self.host(self.make())
            (there,) = await host.swap([self.order("two.test")])
            (back,) = await host.swap([SwapOrder("two.test", self.after, self.before)])
            return there, back

        there, back = self.run(work())
        assert (there.state, back.state) == (SwapState.APPLIED, SwapState.APPLIED)
        assert self.zones["two.test"].sets["@", "MX"]["properties"]["metadata"] == {"owner": "dns team"}

    def test_a_lock_is_refused_and_named_before_the_day(self) -> None:
        self.zones["two.test"].locked = True
        sent = self.send_one(self.make())
        assert (sent.state, sent.code) == (SentState.REFUSED, "locked") and "lock" in sent.hint
        (proof,) = self.run(self.make().prove([self.order("two.test")]))
        assert proof.permission is Permission.NOT_ALLOWED and "lock" in proof.message

    def test_retry_after_is_what_azure_says(self) -> None:
        self.lab.faults["throttle"] = 1
        assert self.send_one(self.make()).retry_after_s == 3.0

    def test_without_a_reading_nothing_is_written(self) -> None:
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert sent.state is SentState.STALE and self.lab.changes == 0

    @pytest.mark.parametrize(
        ("more", "code", "words"),
        [
            ({"subscription_id": "33333333-3333-3333-3333-333333333333"}, "zone", "subscription_id"),
            ({"tenant_id": "44444444-4444-4444-4444-444444444444"}, "credential", "tenant_id"),
            ({"client_id": "nobody"}, "credential", "client_id"),
            ({"resource_group": "typo-rg"}, "zone", "resource_group"),
        ],
    )
    def test_a_wrong_subscription_tenant_client_or_group_is_named(self, more, code, words) -> None:
        sent = self.send_one(self.writer(**more), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, code), sent
        assert words in sent.message + sent.hint

    def test_a_group_that_is_named_saves_the_search_and_ends_doubt(self) -> None:
        self.twin("two.test", private=False)
        assert self.read(self.writer()).trouble is Trouble.TWO_ZONES
        assert self.before.equal(self.read(self.writer(resource_group=GROUP)).mx)
        assert self.read(self.writer(resource_group=GROUP), "nowhere.example").trouble is Trouble.NO_ZONE

    def test_a_pinned_id_is_compared_with_what_it_should_be(self) -> None:
        for wrong in (self.zones["one.test"].id, self.twin("two.test", private=True).id):
            reading = self.read(self.writer(zone_ids={"two.test": wrong}))
            assert reading.trouble is Trouble.NO_ZONE and "zone_ids" in reading.problem
        gone = self.zones["two.test"].id.replace("two.test", "gone.test")
        assert self.read(self.writer(zone_ids={"two.test": gone})).trouble is Trouble.NO_ZONE

    def test_zones_are_found_over_pages_and_only_at_the_same_host(self) -> None:
        self.lab.page = 1
        assert self.before.equal(self.read(self.make(), "three.test").mx)
        real, self.lab.url = self.lab.url, "https://elsewhere.test"  # links lead there now
        given = self.settings("good", api_url=real, authority_url=real)
        self.lab.url = real
        writer = AzureDns("main", given, NowClock(), {})
        self.run(writer.warm(["one.test"]))
        with pytest.raises(Fault, match="another host"):
            writer._api._url("https://elsewhere.test/x?api-version=1")
        assert writer._api._url(f"{real}/x?api-version=1") == f"{real}/x?api-version=1"

    def test_a_role_on_one_zone_finds_a_name_below_it(self) -> None:
        """Asked for the zone of the longer name, Azure says *not allowed* there, not *not found*."""
        self.write(self.zones["two.test"], "mail.two.test", self.before)
        assert self.read(self.writer("policy"), "mail.two.test").zone == "two.test"
        assert self.read(self.writer("policy"), "three.test").trouble is Trouble.NOT_ALLOWED

    def test_a_token_is_renewed_in_time_and_nobody_is_told_to_renew_it(self) -> None:
        writer = self.make()
        warmth = self.run(writer.warm(["two.test"]))
        assert warmth.credential_ends is None and self.lab.signins == 1
        writer._clock.wall += 2_000
        self.run(writer.warm(["two.test"]))
        assert self.lab.signins == 1
        writer._clock.wall += 1_000
        assert self.run(writer.warm(["two.test"])).problems == {}

    def test_a_token_that_is_held_works_on_while_sign_in_is_down(self) -> None:
        """The shared fate with Microsoft, softened: only a running daemon has one."""
        writer = self.make()
        self.run(writer.warm(["two.test"]))
        self.lab.signin_down = True
        writer._clock.wall += 3_000
        assert self.send_one(writer).state is SentState.ACCEPTED
        sent = self.send_one(self.writer(), order=self.order("two.test"))
        assert sent.state is SentState.NOT_SENT and "daemon" in sent.hint and "sign-in" in sent.message

    def test_a_token_that_was_refused_is_not_held(self) -> None:
        writer = self.make()
        self.run(writer.warm(["two.test"]))
        self.lab.tokens.clear()
        assert self.before.equal(self.read(writer).mx) and self.lab.signins == 2

    def test_a_token_that_is_taken_back_in_mid_run_is_replaced_and_the_change_made_once(self) -> None:
        """A 401 says that nothing was done."""
        writer = self.make()
        order = self.run(self.fresh(writer, "two.test"))
        self.lab.tokens.clear()
        assert self.send_one(writer, order=order).state is SentState.ACCEPTED
        assert self.lab.changes == 1 and self.lab.signins == 2

    def test_a_page_in_place_of_the_sign_in_is_not_told_as_a_wrong_secret(self) -> None:
        """A proxy, or a log-in page: the secret is good."""
        self.lab.faults["html"] = 2  # it is asked once more
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert "Entra refuses our credential" not in sent.message and self.lab.changes == 0
        assert "proxy" in sent.hint and "secret" not in sent.hint

    def test_a_resource_id_is_the_same_in_any_case(self) -> None:
        """``az`` prints ``resourcegroups`` and ``dnszones``."""
        shown = self.zones["two.test"].id.replace("resourceGroups", "resourcegroups").replace("dnsZones", "dnszones")
        assert AzureSettings.model_validate({**GIVEN, "zone_ids": {"two.test": shown}}).zone_ids

    def test_the_usual_port_in_a_link_is_the_same_host(self) -> None:
        """Resource Manager writes it out: ``https://management.azure.com:443/...``."""
        api = self.writer(api_url="https://management.azure.com")._api
        link = "https://management.azure.com:443/x?api-version=1"
        assert api._url(link) == link
        for wrong in ("https://management.azure.com:444/x", "http://management.azure.com/x", "https://x:99999/"):
            with pytest.raises(Fault, match="another host"):
                api._url(wrong)

    def test_a_certificate_signs_in_and_a_clock_that_is_off_is_named(self) -> None:
        more = {"client_secret": None, "client_certificate": certificate()}
        assert self.before.equal(self.read(self.writer(**more)).mx)
        for self.lab.offset_s in (1_200, -1_200):
            sent = self.send_one(self.writer(**more), order=self.order("two.test"))
            assert (sent.state, sent.code) == (SentState.REFUSED, "clock") and "NTP" in sent.hint

    def test_a_managed_identity_signs_in(self, monkeypatch) -> None:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{self.lab.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate()))
        for kind in ("managed", ""):
            more = {"identity": kind, "client_secret": None, "client_id": None, "tenant_id": None}
            assert self.before.equal(self.read(self.writer(**more)).mx), kind

    def test_a_workload_identity_signs_in(self) -> None:
        path = self.folder / "token"
        path.write_text(SECRETS["good"])
        more = {"identity": "workload", "client_secret": None, "token_file": path}
        assert self.before.equal(self.read(self.writer(**more)).mx)

    def test_no_credential_at_all_is_one_sentence(self) -> None:
        more = {"identity": "workload", "client_secret": None, "tenant_id": None, "client_id": None}
        sent = self.send_one(self.writer(**more), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential") and "tenant_id" in sent.hint
        more = {"client_secret": None, "client_certificate": self.folder / "none.pem"}
        sent = self.send_one(self.writer(**more), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential")

    def test_where_the_library_is_missing_it_is_named(self, monkeypatch) -> None:
        real = builtins.__import__

        def missing(name, *rest):
            if name.startswith("azure"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", missing)
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "extra") and "pip install" in sent.hint

    def test_a_proof_where_there_is_no_record_yet_cannot_be_made(self) -> None:
        order = SwapOrder("a.shops.one.test", self.before, self.after, wildcard="*.shops.one.test")
        (proof,) = self.run(self.make().prove([order]))
        assert proof.permission is Permission.CANNOT_SAY
        assert "in peacetime" in proof.hint  # to try again in a moment would help nobody

    def test_a_wildcard_is_ended_by_any_record_at_the_name(self) -> None:
        self.put_other(self.zones["one.test"], "b.shops.one.test", "A", "192.0.2.1")
        self.put_other(self.zones["one.test"], "*.shops.one.test", "TXT", "x")
        assert self.read(self.make(), "b.shops.one.test").wildcard is None
        assert self.read(self.make(), "c.shops.one.test").wildcard.shadows == ("TXT",)

    def test_certificates_that_cannot_be_read_are_told(self) -> None:
        sent = self.send_one(self.writer(api_ca_file=self.folder / "none"), order=self.order("two.test"))
        assert sent.state in {SentState.REFUSED, SentState.NOT_SENT} and self.lab.changes == 0
        with pytest.raises(Invalid, match="cannot be read"):
            self.run(Http(ca_file=self.folder / "none").request("GET", "https://127.0.0.1:9/"))


def test_the_policy_is_the_least() -> None:
    given = AzureSettings.model_validate({**GIVEN, "resource_group": "g", "client_id": "me"})
    text = policy(given, {"two.test": "two.test", "mail.two.test": "two.test"})
    zone = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/dnsZones/two.test"
    found = roles(text)
    assert [s for s, a in found if "Microsoft.Network/dnsZones/MX/write" in a] == [f"{zone}/MX/mail", f"{zone}/MX/@"]
    assert not [a for _, actions in found for a in actions if "*" in a or ("write" in a and "MX" not in a)]
    assert "--assignee me" in text and PLUGIN.policy is policy
    wide = policy(AzureSettings.model_validate(GIVEN), {"two.test": ""})
    assert "CLIENT_ID" in wide and {s for s, _ in roles(wide)} == {f"/subscriptions/{SUBSCRIPTION}"}


def test_it_leans_on_microsoft_by_itself() -> None:
    assert AzureSettings.model_validate(GIVEN).leans() == ("microsoft",)
    said = AzureSettings.model_validate({**GIVEN, "depends_on": ["microsoft"]})
    assert said.leans() == () and said.fate() == ("microsoft",)


@pytest.mark.parametrize(
    ("status", "body", "state", "code"),
    [
        (412, {"code": "PreconditionFailed", "message": "x"}, "stale", "stale"),
        (409, {"error": {"code": "ScopeLocked", "message": "x"}}, "refused", "locked"),
        (409, {"code": "Conflict", "message": "x"}, "refused", "server"),
        (403, {"error": {"code": "AuthorizationFailed", "message": "x"}}, "refused", "permission"),
        (401, {"error": {"code": "ExpiredAuthenticationToken", "message": "x"}}, "refused", "credential"),
        (
            401,
            {
                "error": {
                    "code": "InvalidAuthenticationToken",
                    "message": "Lifetime validation failed. The token is not yet valid.",
                }
            },
            "refused",
            "clock",
        ),
        (
            401,
            {"error": {"code": "InvalidAuthenticationToken", "message": "The access token is invalid."}},
            "refused",
            "credential",
        ),
        (401, {"error": {"code": "InvalidAuthenticationTokenTenant", "message": "x"}}, "refused", "credential"),
        (404, {"code": "NotFound", "message": "x"}, "refused", "absent"),
        (404, {"error": {"code": "ResourceGroupNotFound", "message": "x"}}, "refused", "zone"),
        (500, {"code": "InternalServerError"}, "lost", "server"),
        (429, {}, "throttled", "throttled"),
        (400, {"error": {"code": 7}}, "lost", "server"),
        (400, {"error": "x"}, "lost", "server"),
        (400, [], "lost", "server"),
    ],
)
def test_every_error_has_its_meaning(status, body, state, code) -> None:
    """With an envelope (Resource Manager) and without (the DNS provider)."""
    with pytest.raises(Fault) as caught:
        told(Reply(status, {}, json.dumps(body)))
    assert (str(caught.value.state), caught.value.code) == (state, code)


@pytest.mark.parametrize(
    ("status", "headers", "body", "tag"),
    [
        (200, {}, '{"etag": "a"}', "a"),
        (200, {"etag": 'W/"b"'}, '{"etag": "a"}', "a"),
        (200, {"etag": 'W/"b"'}, '{"etag": null}', 'W/"b"'),
        (201, {"etag": "b"}, "{}", "b"),
        (202, {"azure-asyncoperation": "https://x.test/1"}, "", ""),
        (202, {}, '{"status": "InProgress"}', ""),
    ],
)
def test_a_good_answer_has_its_tag_wherever_it_stands_and_one_that_is_still_carried_out_is_good(
    status, headers, body, tag
) -> None:
    assert told(Reply(status, headers, body))["etag"] == tag


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (RuntimeError("AADSTS700024: x"), "refused", "clock"),
        (RuntimeError("AADSTS7000222: x"), "refused", "credential"),
        (ValueError("no tenant"), "refused", "credential"),
        (FileNotFoundError("x.pem"), "refused", "credential"),
        (RuntimeError("503"), "not-sent", "unreachable"),
    ],
)
def test_every_error_of_sign_in_has_its_meaning(error, state, code) -> None:
    fault = fault_of(error)
    assert (str(fault.state), fault.code) == (state, code)


@pytest.mark.parametrize(
    ("said", "code", "words", "hint"),
    [
        ("ChainedTokenCredential failed. Attempted credentials: EnvironmentCredential: no", "credential",
         "there is no credential for Azure: neither the environment", "Set tenant_id:"),
        ("Could not find a suitable TLS CA certificate bundle, invalid path: /x", "invalid", "private authority",
         "Check api_ca_file:."),
        ("[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found (_ssl.c:4154)", "invalid",
         "private authority", "Check api_ca_file:."),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
         "unreachable", "its certificate is not trusted (self-signed certificate)", "Does a proxy in between open TLS"),
    ],
)  # fmt: skip
def test_what_is_set_wrong_is_no_outage_of_sign_in(said, code, words, hint) -> None:
    """To keep a daemon running would help with none of these."""
    fault = fault_of(RuntimeError(said))
    assert fault.code == code and words in fault.message and fault.hint.startswith(hint), fault.said
    assert "_ssl" not in fault.said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Authentication failed: AADSTS7000215: Invalid client secret provided. Trace ID: a Time: b"),
         "Entra refuses our credential: AADSTS7000215: Invalid client secret provided: renew the secret or "
         "certificate, and check tenant_id: and client_id:."),
        (ValueError("Unable to get authority configuration for https://login.test/t. Authority would typically be in"),
         "there is no such tenant, or what answers is not Microsoft's sign-in: check tenant_id:, and whether a proxy "
         "or a log-in page is in between."),
        (RuntimeError("Unable to complete OIDC Discovery: 302,"),
         "Microsoft's sign-in gives no token: it sends us elsewhere; is a proxy or a log-in page in between: nothing "
         "was sent."),
        (FileNotFoundError(2, "No such file or directory", "secrets/az.pem"),
         "the file secrets/az.pem cannot be read (No such file or directory): check client_certificate: and "
         "token_file:."),
    ],
)  # fmt: skip
def test_sign_in_is_told_in_one_sentence_of_ours(error, said) -> None:
    """No half of a library's sentence, and no advice that cannot help."""
    assert fault_of(error).said == said


@pytest.mark.parametrize(("answers", "code"), [(1, ""), (2, "credential")])
def test_a_sign_in_that_stumbles_once_is_asked_once_more(answers, code) -> None:
    """A page of *not now* reads like a tenant that is not there, which it is only when it says so twice."""

    class Busy(Tokens):
        asked = 0

        def _ask(self):
            self.asked += 1
            if self.asked <= answers:
                raise ValueError("Unable to get authority configuration for https://login.test/t. Authority would ...")
            return SimpleNamespace(token="t", expires_on=4e9)

    clock = NowClock()
    tokens = Busy(Identity(), clock, 1.0)
    if code:
        with pytest.raises(Fault) as caught:
            asyncio.run(tokens.bearer())
        assert caught.value.code == code
    else:
        assert asyncio.run(tokens.bearer()) == "t"
    assert tokens.asked == 2 and clock.steady == 1.0


def test_what_sign_in_itself_says_is_not_asked_twice() -> None:
    class Wrong(Tokens):
        asked = 0

        def _ask(self):
            self.asked += 1
            raise ValueError("Unable to get authority configuration for x: AADSTS90002: Tenant not found.")

    tokens = Wrong(Identity(), NowClock(), 1.0)
    with pytest.raises(Fault):
        asyncio.run(tokens.bearer())
    assert tokens.asked == 1


def test_sign_in_that_never_answers_is_away() -> None:
    class Slow(Tokens):
        def _ask(self):
            import threading

            threading.Event().wait(2)

    tokens = Slow(Identity(), FakeClock(), -19.9)
    with pytest.raises(Fault, match="in time"):
        asyncio.run(tokens.bearer())


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"TTL": 5, "MXRecords": []},
        {"TTL": "5s", "MXRecords": [{"preference": 1, "exchange": "a.test"}]},
        {"TTL": 5, "MXRecords": [{"preference": "one", "exchange": "a.test"}]},
        {"TTL": 5, "MXRecords": [{"preference": 1, "exchange": "192.0.2.1"}]},
        {"TTL": 5, "MXRecords": ["x"]},
    ],
)
def test_a_set_that_is_none_is_never_taken_for_one(properties) -> None:
    with pytest.raises(Fault):
        _mx({"properties": properties}, "a.test")


def test_half_a_credential_and_odd_settings_are_refused() -> None:
    for bad in (
        {"client_secret": "env:X"},
        {"identity": "secret"},
        {"identity": "certificate", "tenant_id": "t", "client_id": "c"},
        {"client_secret": "literal", "tenant_id": "t", "client_id": "c"},
        {"zone_ids": {"a.test": "a.test"}},
        {"authority_url": "http://x"},
        {"subscription_id": "mine"},
    ):
        with pytest.raises((ValidationError, ValueError)):
            AzureSettings.model_validate({**GIVEN, **bad})


ZONE = {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/dnsZones/two.test"}
ZONES = {"value": [{**ZONE, "name": "two.test", "properties": {"zoneType": "Public"}}]}
SET = {"etag": "e1", "properties": {"TTL": 3600, "MXRecords": [{"preference": 10, "exchange": "old.out.test"}]}}
ORDER = SwapOrder("two.test", mx("old.out.test."), mx("relay.out.test.", 300), "e1")


@pytest.mark.parametrize("part", ["zones", "set", "change"])
@pytest.mark.parametrize("wrong", sorted(WRONG_ANSWERS))
def test_whatever_answers_is_an_outcome_and_never_a_yes(part, wrong) -> None:
    """At every point of a swap: never accepted, never an exception, and after a change never said to be unsent."""

    def respond(asked):
        which = "change" if asked.method == "PATCH" else ("zones" if asked.path.endswith("dnszones") else "set")
        good = {"zones": ZONES, "set": SET, "change": SET}
        return WRONG_ANSWERS[wrong] if which == part else Answer(200, good[which])

    async def work() -> None:
        vendor = FakeVendor(respond)
        await vendor.start()
        patience = "1s" if wrong in SILENT else "10s"  # a busy machine is no answer that is missing
        settings = AzureSettings.model_validate({**GIVEN, "api_url": vendor.url, "timeout": patience})
        writer = AzureDns("main", settings, FakeClock(), {})
        writer._tokens._held._token, writer._tokens._held.ends = "held", FakeClock().now() + 3_000
        try:
            (sent,) = await writer.swap([ORDER])
            writes = sum(a.method == "PATCH" for a in vendor.asked)
            if part == "change":
                assert sent.state in {SentState.LOST, SentState.THROTTLED, SentState.REFUSED}, sent
                assert writes <= 1, "it was sent again"
            elif part == "zones":
                assert sent.state is not SentState.ACCEPTED and writes == 0, "it was written blindly"
            (reading,) = await writer.read(["two.test"])
            assert part == "change" or reading.problem, reading
            await writer.prove([ORDER])
            await writer.warm(["two.test"])
        finally:
            await writer.close()
            await vendor.stop()

    asyncio.run(work())
