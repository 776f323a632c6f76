"""Google Cloud DNS over an emulator that enforces the documented conditions, signatures and permissions."""

from __future__ import annotations

import asyncio
import builtins
import functools
import json
import shlex
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pydantic import ValidationError
from unit.plugins.dns.clouds import Cloud, CloudPromises, certificate, without_suite

from bcp.contracts.dns import MxSet, Permission, Sent, SentState, Step, SwapOrder, SwapState, Trouble
from bcp.kit.http import Http, Reply
from bcp.lab.google import PROJECT, READ, GoogleLab, Robot
from bcp.lab.nameserver import Zone
from bcp.plugins.dns.google import PLUGIN, GoogleDns, GoogleSettings, _mx, policy
from bcp.plugins.vendors.google import needs, told
from bcp.plugins.vendors.google_token import Account, Tokens, fault_of
from bcp.plugins.vendors.hosted import Fault, read_token
from bcp.testing.clock import FakeClock
from bcp.testing.dns_stage import mx
from bcp.testing.vendor import SILENT, WRONG_ANSWERS, Answer, FakeVendor

GIVEN = {"kind": "google", "project": PROJECT}
PEOPLE = ("good", "reader", "ended", "unknown", "policy")


@functools.cache
def key():
    """The key of all service accounts of these tests: a text, and what checks its signatures."""
    from cryptography.hazmat.primitives import serialization

    text = certificate().read_bytes()
    private = serialization.load_pem_private_key(text, None)
    return text.decode().split("-----BEGIN CERT")[0], private.public_key()


def grants(text: str) -> list[tuple[list[str], str]]:
    """What the printed commands give: permissions and their condition."""
    made, found = {}, []
    for line in (shlex.split(ln) for ln in text.splitlines() if ln.startswith("gcloud ")):
        given = dict(a[2:].split("=", 1) for a in line if a.startswith("--"))
        if line[1:4] == ["iam", "roles", "create"]:
            made[f"projects/{given['project']}/roles/{line[4]}"] = given["permissions"].split(",")
        else:
            condition = given["condition"].partition("expression=")[2]
            found.append((made[given["role"]], condition))
    return found


class Google(Cloud):
    def emulator(self) -> GoogleLab:
        _, public = key()
        robots = {f"{w}@{PROJECT}.test": Robot(public if w != "unknown" else None) for w in PEOPLE}
        robots[f"reader@{PROJECT}.test"].grants = list(READ)
        robots[f"ended@{PROJECT}.test"].ended = True
        given = GoogleSettings.model_validate(GIVEN)
        zones = {"one.test": "one.test", "two.test": ""}
        robots[f"policy@{PROJECT}.test"].grants = grants(policy(given, zones))
        return GoogleLab(robots=robots)

    def account(self, who: str) -> str:
        """The key of a service account, as Google gives it."""
        account = {
            "type": "service_account",
            "client_email": f"{who}@{PROJECT}.test",
            "private_key_id": "k1",
            "private_key": key()[0],
            "token_uri": f"{self.lab.url}/token",
            "project_id": PROJECT,
        }
        return json.dumps(account)

    def settings(self, who: str, **more) -> GoogleSettings:
        credentials = self.secret(f"google-{who}", self.account(who))
        given = {**GIVEN, "credentials": credentials, "endpoint": self.lab.url, "timeout": "2s", **more}
        return GoogleSettings.model_validate({k: v for k, v in given.items() if v is not None})

    def writer(self, who: str = "good", **more) -> GoogleDns:
        import time

        return GoogleDns("main", self.settings(who, **more), FakeClock(time.time()), {})

    def write(self, zone, domain: str, mx: MxSet | None) -> None:
        if mx is None:
            zone.drop(domain, "MX")
        else:
            zone.put(domain, "MX", mx.ttl_s, [str(h) for h in mx.hosts])

    def put_other(self, zone, name: str, kind: str, value: str) -> None:
        zone.put(name, kind, 300, [value])

    def twin(self, domain: str, *, private: bool):
        return self.lab.add(Zone(domain, [("@", 60, "MX", ["1 twin.out.test."])]), private=private)

    def try_an_a_record(self, who: str) -> int:
        record = {"name": "www.two.test.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.1"]}
        path = f"/projects/{PROJECT}/managedZones/{self.zones['two.test'].id}/changes"
        try:
            self.run(self.writer(who)._api.call("POST", path, body={"additions": [record]}))
        except Fault as fault:
            assert fault.code == "permission", fault
            return 403
        return 200


class TestSuite(Google):
    """Every promise of a back end."""

    __test__ = True


@without_suite
class TestPromises(Google, CloudPromises):
    """Every promise of a cloud provider's back end."""

    __test__ = True


@without_suite
class TestGoogle(Google):
    """What is Google's own."""

    __test__ = True

    def test_a_set_that_is_gone_is_stale_too(self) -> None:
        """404 for the deletion, where another set is 412."""
        writer = self.make()
        order = self.run(self.fresh(writer, "two.test"))
        self.write(self.zones["two.test"], "two.test", None)
        assert self.send_one(writer, order=order).state is SentState.STALE

    def test_an_addition_that_exists_is_stale(self) -> None:
        order = SwapOrder("two.test", self.before, self.after, wildcard="*.test")
        assert self.send_one(self.make(), order=order).state is SentState.STALE

    def test_a_token_that_is_none_of_ours_or_of_another_set_changes_nothing(self) -> None:
        for token in ("", "x", "null", json.dumps({"ttl": 3600, "rrdatas": ["10 other.test."]})):
            order = SwapOrder("two.test", mx("not.there.test."), self.after, token)
            assert self.send_one(self.make(), order=order).state is SentState.STALE, token

    def test_a_routing_policy_is_refused_in_words(self) -> None:
        zone = self.zones["two.test"]
        zone.put("two.test", "MX", 300, [], routingPolicy={"wrr": {"items": []}})
        reading = self.read(self.make())
        assert reading.mx is None and "routing policy" in reading.problem and reading.trouble is Trouble.ERROR
        (proof,) = self.run(self.make().prove([self.order("two.test")]))
        assert proof.permission is Permission.NOT_ALLOWED

    def test_zones_and_sets_are_read_over_pages(self) -> None:
        self.lab.page = 1
        for kind in ("TXT", "A", "AAAA"):
            self.put_other(self.zones["two.test"], "two.test", kind, "x")
        assert self.before.equal(self.read(self.make()).mx)
        self.twin("two.test", private=False)
        assert self.read(self.make()).trouble is Trouble.TWO_ZONES

    def test_a_pinned_zone_is_compared_with_what_it_should_be(self) -> None:
        for ident in (self.zones["one.test"].id, self.twin("two.test", private=True).id, "gone"):
            reading = self.read(self.writer(zone_ids={"two.test": ident}))
            assert reading.trouble is Trouble.NO_ZONE and "zone_ids" in reading.problem
        good = self.read(self.writer(zone_ids={"two.test": self.zones["two.test"].id}))
        assert good.name_servers[0].startswith("ns-cloud-")

    def test_another_project_and_an_api_that_is_off_are_named(self) -> None:
        sent = self.send_one(self.writer(project="typo-dns"), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "permission") and "project:" in sent.hint
        self.lab.switched_on = False
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert sent.code == "permission" and "switch the Cloud DNS API on" in sent.hint

    @pytest.mark.parametrize("offset", [600, -600])
    def test_a_clock_that_is_off_is_named(self, offset) -> None:
        self.lab.offset_s = offset * 7
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "clock") and "NTP" in sent.hint

    def test_the_metadata_server_gives_tokens(self) -> None:
        self.lab.own = f"good@{PROJECT}.test"
        host = self.lab.url.removeprefix("http://")
        writer = self.writer(credentials=None, metadata_host=host)
        assert self.before.equal(self.read(writer).mx) and self.lab.signins == 1

    def test_a_metadata_server_without_an_account_or_away_is_one_sentence(self) -> None:
        writer = self.writer(credentials=None, metadata_host=self.lab.url.removeprefix("http://"))
        sent = self.send_one(writer, order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential") and "credentials:" in sent.hint
        writer = self.writer(credentials=None, metadata_host="127.0.0.1:1")
        assert self.send_one(writer, order=self.order("two.test")).state is SentState.NOT_SENT

    def test_workload_identity_federation_signs_in(self) -> None:
        (self.folder / "subject").write_text("from elsewhere")
        self.lab.federated["from elsewhere"] = f"good@{PROJECT}.test"
        given = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.lab.url}/v1/token",
            "credential_source": {"file": str(self.folder / "subject")},
        }
        writer = self.writer(credentials=self.secret("wif", json.dumps(given)))
        reading = self.read(writer)
        assert self.before.equal(reading.mx), reading.problem

    @pytest.mark.parametrize("text", ["{", '{"type": "service_account"}', '{"type": "nothing"}', "[]"])
    def test_a_credential_that_is_none_is_told_without_showing_it(self, text) -> None:
        writer = self.writer(credentials=self.secret("odd", text + " s3cret-never-shown" * (text == "{")))
        sent = self.send_one(writer, order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential"), sent
        self.hides(sent)

    def test_no_credential_at_all_is_one_sentence(self, monkeypatch, tmp_path) -> None:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
        sent = self.send_one(self.writer(credentials=None), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential") and "credentials:" in sent.hint

    def test_the_chain_of_google_is_used_where_nothing_is_configured(self, monkeypatch) -> None:
        self.settings("good")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(self.folder / "google-good"))
        assert self.before.equal(self.read(self.writer(credentials=None)).mx)

    def test_where_the_library_is_missing_the_extra_is_named(self, monkeypatch) -> None:
        real = builtins.__import__

        def missing(name, *rest):
            if name.startswith("google"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", missing)
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "extra") and "bcp-mail[google]" in sent.hint

    def test_a_token_is_held_renewed_in_time_and_forgotten_when_refused(self) -> None:
        writer = self.make()
        assert self.run(writer.warm(["two.test"])).credential_ends is None, "nobody need renew what renews itself"
        assert 3_000 < writer._tokens.ends - writer._clock.now() < 3_700 and self.lab.signins == 1
        writer._clock.wall += 3_200
        self.run(writer.warm(["two.test"]))
        assert self.lab.signins == 2
        writer._clock.wall -= 3_200
        self.lab.tokens.clear()
        assert self.before.equal(self.read(writer).mx) and self.lab.signins == 3

    def test_a_token_that_is_taken_back_in_mid_run_is_replaced_and_the_change_made_once(self) -> None:
        """A 401 says that nothing was done."""
        writer = self.make()
        order = self.run(self.fresh(writer, "two.test"))
        self.lab.tokens.clear()
        assert self.send_one(writer, order=order).state is SentState.ACCEPTED
        assert self.lab.changes == 1 and self.lab.signins == 2

    def test_a_token_that_is_held_works_on_while_sign_in_refuses(self) -> None:
        writer = self.make()
        self.run(writer.warm(["two.test"]))
        self.lab.offset_s = 9_000
        writer._clock.wall += 3_200
        assert self.send_one(writer).state is SentState.ACCEPTED

    def test_progress_that_nobody_knows_is_unknown(self) -> None:
        asked = [Sent("two.test", SentState.ACCEPTED), Sent("two.test", SentState.ACCEPTED, change="77")]
        assert [p.step for p in self.run(self.make().progress(asked))] == [Step.UNKNOWN] * 2

    def test_a_switch_and_a_failback_end_where_they_began(self) -> None:
        async def work():
            host = self.host(self.make())
            (there,) = await host.swap([self.order("two.test")])
            (back,) = await host.swap([SwapOrder("two.test", self.after, self.before)])
            return there, back

        there, back = self.run(work())
        assert (there.state, back.state) == (SwapState.APPLIED, SwapState.APPLIED) and there.change and back.change


def test_the_policy_is_the_least() -> None:
    text = policy(GoogleSettings.model_validate(GIVEN), {"two.test": "two.test", "mail.two.test": "two.test"})
    (reads, always), (writes, condition) = grants(text)
    assert always == "" and not [p for p in reads if p.endswith((".delete", ".update")) or "Zones.create" in p]
    assert all(p.startswith("dns.resourceRecordSets.") for p in writes)
    wanted = ('"/rrsets/mail.two.test./MX"', '"/rrsets/two.test./MX"')
    assert condition == " || ".join(f"resource.name.endsWith({w})" for w in wanted) and PLUGIN.policy is policy


@pytest.mark.parametrize(("count", "bindings"), [(13, 1), (14, 2), (260, 20), (261, 1)])
def test_conditions_are_no_longer_than_iam_takes_them(count: int, bindings: int) -> None:
    """12 operators each, 20 of them for one role and account; beyond that the type alone is asked for."""
    names = [f"d{i}.test" for i in range(count)]
    _, *found = grants(policy(GoogleSettings.model_validate(GIVEN), dict.fromkeys(names, "")))
    conditions = [c for _, c in found]
    assert len(conditions) == bindings and max(c.count("||") for c in conditions) <= 12
    named = [n for n in names if any(f'"/rrsets/{n}./MX"' in c for c in conditions)]
    assert named == (names if count <= 260 else []) and all('/MX")' in c for c in conditions)


@pytest.mark.parametrize(
    ("status", "message", "more", "state", "code"),
    [
        (412, "Precondition not met for 'entity.change.deletions[0]'", {}, "stale", "stale"),
        (409, "already exists", {}, "stale", "stale"),
        (404, "The 'entity.change.deletions[0]' resource named 'x' does not exist.", {}, "stale", "stale"),
        (404, "The 'parameters.managedZone' resource named 'x' does not exist.", {}, "refused", "zone"),
        (400, "Invalid value for 'parameters.project': 'x'", {}, "refused", "zone"),
        (403, "x", {"errors": [{"reason": "forbidden"}]}, "refused", "permission"),
        (403, "x", {"errors": [{"reason": "userRateLimitExceeded"}]}, "throttled", "throttled"),
        (403, "x", {"details": [{"reason": "SERVICE_DISABLED"}], "errors": 7}, "refused", "permission"),
        (429, "x", {"status": "RESOURCE_EXHAUSTED"}, "throttled", "throttled"),
        (401, "x", {}, "refused", "credential"),
        (400, "x", {"errors": [{"reason": "cnameResourceRecordSetConflict"}]}, "refused", "cname"),
        (400, "x", {"errors": ["x"]}, "refused", "server"),
        (503, "x", {}, "lost", "server"),
    ],
)
def test_every_error_has_its_meaning(status, message, more, state, code) -> None:
    with pytest.raises(Fault) as caught:
        told(Reply(status, {}, json.dumps({"error": {"message": message, **more}})))
    assert (str(caught.value.state), caught.value.code) == (state, code)


ZONES = "/projects/p/managedZones"


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", ZONES, "dns.managedZones.list"),
        ("GET", f"{ZONES}/z", "dns.managedZones.get"),
        ("GET", f"{ZONES}/z/rrsets", "dns.resourceRecordSets.list"),
        ("GET", f"{ZONES}/z/changes/7", "dns.changes.get"),
        ("POST", f"{ZONES}/z/changes", "dns.changes.create, and dns.resourceRecordSets.create and .delete"),
    ],
)
def test_a_forbidden_that_names_no_right_is_told_with_the_one_that_the_call_needs(method, path, right) -> None:
    with pytest.raises(Fault) as caught:
        told(Reply(403, {}, json.dumps({"error": {"message": "Forbidden"}})), needs(method, path))
    assert f"does not allow it: Forbidden (this needs {right}" in caught.value.message
    named = "Permission 'dns.changes.get' denied on resource (or it may not exist)."
    with pytest.raises(Fault) as caught:
        told(Reply(403, {}, json.dumps({"error": {"message": named}})), needs(method, path))
    assert "this needs" not in caught.value.message, "Google says it itself"


@pytest.mark.parametrize("body", ["[]", "{}", '{"error": 1}', '{"error": {}}', "<html>"])
def test_an_error_that_is_none_of_google_is_said(body) -> None:
    with pytest.raises(Fault, match="is not Cloud DNS"):
        told(Reply(400, {}, body))


@pytest.mark.parametrize(
    "error", [TypeError("'NoneType' object is not subscriptable"), KeyError("x"), AttributeError(), RecursionError()]
)
def test_an_answer_of_sign_in_that_is_none_is_away_and_no_missing_credential(monkeypatch, error) -> None:
    """A page with status 200: google-auth takes it for its answer, and stumbles."""

    class Stumbles:
        def refresh(self, request):
            raise error

    tokens = Tokens(Account(), FakeClock(), 1.0)
    monkeypatch.setattr(tokens, "_make", lambda lib: Stumbles())
    with pytest.raises(Fault) as caught:
        asyncio.run(tokens.bearer(Http()))
    assert (caught.value.state, caught.value.code) == (SentState.NOT_SENT, "unreachable")
    assert "proxy" in caught.value.message and caught.value.trouble.passing


def test_who_sends_sign_in_elsewhere_does_not_get_the_signed_assertion(monkeypatch) -> None:
    """A 307 would repeat the request, body and all, at whatever address a portal names."""
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/portal")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *given):
            """Said to nobody."""

    class Signs:
        expiry = None

        def refresh(self, request):
            request(f"http://127.0.0.1:{server.server_port}/token", method="POST", body=b"assertion=signed")

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        tokens = Tokens(Account(), FakeClock(), 1.0)
        monkeypatch.setattr(tokens, "_make", lambda lib: Signs())
        with pytest.raises(Fault) as caught:
            asyncio.run(tokens.bearer(Http()))
        server.shutdown()
        thread.join()
    assert seen == [("/token", b"assertion=signed")]
    assert "it sends us elsewhere; is a proxy" in caught.value.said and caught.value.trouble.passing


def test_every_error_of_sign_in_has_its_meaning() -> None:
    from google.auth import exceptions as lib

    found = [
        fault_of(lib.TransportError("no route")),
        fault_of(lib.RefreshError("invalid_grant: Invalid JWT Signature.")),
        fault_of(lib.RefreshError("503")),
        fault_of(lib.RefreshError("Invalid JWT: Token must be a short-lived token")),
        fault_of(lib.DefaultCredentialsError("none")),
        fault_of(OSError("x")),
    ]
    assert [f.code for f in found] == ["unreachable", "credential", "unreachable", "clock", "credential", "credential"]
    whole = fault_of(lib.RefreshError("invalid_grant: account not found", {"error": "invalid_grant"}))
    assert whole.message == "Google refuses our credential: invalid_grant: account not found"
    assert "web page" in fault_of(lib.RefreshError("<html>502</html>", "<html>502</html>")).message
    missing = lib.DefaultCredentialsError("Failed to load from dict object", lib.MalformedError("missing fields x."))
    assert fault_of(missing).message == "there is no credential for Google: missing fields x."
    broken = fault_of(lib.TransportError("HTTPSConnectionPool: [SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1)"))
    assert broken.message.endswith("no token: its certificate is not trusted") and "proxy" in broken.hint


@pytest.mark.parametrize(
    "one",
    [
        {},
        {"ttl": 5, "rrdatas": []},
        {"ttl": "5s", "rrdatas": ["10 a.test."]},
        {"ttl": 5, "rrdatas": ["a.test."]},
        {"ttl": 5, "rrdatas": ["x a.test."]},
        {"ttl": 5, "rrdatas": ["10 192.0.2.1"]},
        {"ttl": 5, "rrdatas": "10 a.test."},
    ],
)
def test_a_set_that_is_none_is_never_taken_for_one(one) -> None:
    with pytest.raises(Fault):
        _mx(one, "a.test")
    assert read_token("[]") is None and read_token("{") is None


def test_odd_settings_are_refused() -> None:
    for bad in (
        {"project": ""},
        {"project": "Mail DNS"},
        {"credentials": "/path/key.json"},
        {"zone_ids": {"a.test": "projects/x"}},
        {"endpoint": "ftp://x"},
        {"metadata_host": "http://x/"},
    ):
        with pytest.raises((ValidationError, ValueError)):
            GoogleSettings.model_validate({**GIVEN, **bad})


ZONES = {"kind": "x", "managedZones": [{"name": "z1", "dnsName": "two.test.", "visibility": "public"}]}
SET = {"name": "two.test.", "type": "MX", "ttl": 3600, "rrdatas": ["10 old.out.test."]}
SETS = {"kind": "x", "rrsets": [SET]}
ORDER = SwapOrder("two.test", mx("old.out.test."), mx("relay.out.test.", 300))


@pytest.mark.parametrize("part", ["zones", "sets", "change"])
@pytest.mark.parametrize("wrong", sorted(WRONG_ANSWERS))
def test_whatever_answers_is_an_outcome_and_never_a_yes(part, wrong) -> None:
    """At every point of a swap: never accepted, never an exception, and after a change never said to be unsent."""

    def respond(asked):
        which = "change" if asked.method == "POST" else ("sets" if asked.path.endswith("rrsets") else "zones")
        good = {"zones": ZONES, "sets": SETS, "change": {"id": "1", "status": "pending"}}
        return WRONG_ANSWERS[wrong] if which == part else Answer(200, good[which])

    async def work() -> None:
        vendor = FakeVendor(respond)
        await vendor.start()
        patience = "1s" if wrong in SILENT else "10s"  # a busy machine is no answer that is missing
        settings = GoogleSettings.model_validate({**GIVEN, "endpoint": vendor.url, "timeout": patience})
        writer = GoogleDns("main", settings, FakeClock(), {})
        writer._tokens._held._token, writer._tokens._held.ends = "held", FakeClock().now() + 3_000
        try:
            (sent,) = await writer.swap([ORDER])
            writes = sum(a.method == "POST" for a in vendor.asked)
            if part == "change":
                assert sent.state in {SentState.LOST, SentState.THROTTLED, SentState.REFUSED, SentState.STALE}, sent
                assert writes == 1, "it was sent again"
            elif part == "zones":
                assert sent.state is not SentState.ACCEPTED and writes == 0, "it was written blindly"
            (reading,) = await writer.read(["two.test"])
            assert part == "change" or reading.problem, reading
            await writer.prove([ORDER])
            await writer.warm(["two.test"])
            await writer.progress([Sent("two.test", SentState.ACCEPTED, change="1")])
        finally:
            await writer.close()
            await vendor.stop()

    asyncio.run(work())
