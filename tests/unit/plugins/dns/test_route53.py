"""Route 53 over an emulator that enforces the documented conditions, signatures and policies."""

from __future__ import annotations

import asyncio
import builtins
import json
import re

import pytest
from pydantic import ValidationError
from unit.plugins.dns.clouds import Cloud, CloudPromises, without_suite

from bcp.contracts.dns import MxSet, Permission, SentState, Step, SwapOrder, SwapState, Trouble
from bcp.kernel.secret import Secret
from bcp.lab.nameserver import Zone
from bcp.lab.route53 import READ, Key, Route53Lab
from bcp.plugins.dns.route53 import PLUGIN, Route53Dns, Route53Settings, policy
from bcp.plugins.vendors.hosted import Fault, read_token
from bcp.plugins.vendors.route53 import _told
from bcp.plugins.vendors.route53_records import plain, set_of, there_of
from bcp.testing.clock import FakeClock
from bcp.testing.dns_stage import mx
from bcp.testing.vendor import SILENT, WRONG_ANSWERS, Answer, FakeVendor

SECRETS = {w: f"aws-{w}-never-shown-0123456789" for w in ("good", "reader", "ended", "unknown", "policy")}


class Route53(Cloud):
    def emulator(self) -> Route53Lab:
        keys = {f"AKIA{w.upper()}": Key(s) for w, s in SECRETS.items() if w != "unknown"}
        keys["AKIAREADER"].policy, keys["AKIAENDED"].ended = READ, True
        given = Route53Settings.model_validate({"kind": "route53"})
        keys["AKIAPOLICY"].policy = json.loads(policy(given, {"one.test": "one.test", "two.test": ""}))
        return Route53Lab(keys=keys)

    def settings(self, who: str, **more) -> Route53Settings:
        given = {
            "kind": "route53",
            "access_key_id": self.secret(f"id-{who}", f"AKIA{who.upper()}"),
            "secret_access_key": self.secret(f"key-{who}", SECRETS[who]),
            "endpoint_url": self.lab.url,
            "timeout": "2s",
            **more,
        }
        return Route53Settings.model_validate(given)

    def writer(self, who: str = "good", **more) -> Route53Dns:
        return Route53Dns("main", self.settings(who, **more), FakeClock(), {})

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
        record = {"Name": "www.two.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        api = self.writer(who)._api
        try:
            ident = self.zones["two.test"].id
            self.run(api.call("change_resource_record_sets", HostedZoneId=ident, ChangeBatch=change))
        except Fault as fault:
            assert fault.code == "permission", fault
            return 403
        return 200


class TestSuite(Route53):
    """Every promise of a back end."""

    __test__ = True


@without_suite
class TestPromises(Route53, CloudPromises):
    """Every promise of a cloud provider's back end."""

    __test__ = True


@without_suite
class TestRoute53(Route53):
    """What is Route 53's own."""

    __test__ = True

    def test_both_forms_of_a_batch_that_was_refused_are_stale(self) -> None:
        """botocore gives the older document no code."""
        for self.lab.old_form in (False, True):
            writer = self.make()
            order = self.run(self.fresh(writer, "two.test"))
            wrong = SwapOrder("two.test", mx("x.test."), self.after, "")
            assert self.send_one(writer, order=wrong).state is SentState.STALE
            (proof,) = self.run(writer.prove([order]))
            assert proof.permission is Permission.ALLOWED

    def test_a_refusal_in_other_words_is_decided_by_reading(self, monkeypatch) -> None:
        """Nothing depends on AWS keeping its sentences."""
        for name in ("MISMATCH", "EXISTS"):
            monkeypatch.setattr(f"bcp.lab.route53.{name}", "Sorry, {}")
        writer = self.make()
        order = self.run(self.fresh(writer, "two.test"))
        self.write(self.zones["two.test"], "two.test", mx("late.out.test."))
        assert self.send_one(writer, order=order).state is SentState.STALE
        (proof,) = self.run(writer.prove([order]))
        assert proof.permission is Permission.CANNOT_SAY and "Sorry" in proof.message

    def test_a_token_that_is_none_of_ours_or_of_another_set_changes_nothing(self) -> None:
        for token in ("", "x", "null", json.dumps({"TTL": 3600, "ResourceRecords": [{"Value": "10 other.test."}]})):
            order = SwapOrder("two.test", mx("not.there.test."), self.after, token)
            assert self.send_one(self.make(), order=order).state is SentState.STALE, token

    def test_a_change_before_that_is_not_complete_is_waited_for(self) -> None:
        self.lab.faults["prior"] = 1
        sent = self.send_one(self.make())
        assert (sent.state, sent.retry_after_s) == (SentState.THROTTLED, 2.0) and "before" in sent.message
        self.lab.faults["prior"] = 1
        (swap,) = self.run(self.host(self.make()).swap([self.order("two.test")]))
        assert swap.state is SwapState.APPLIED

    def test_zones_of_one_name_over_several_pages_are_all_counted(self) -> None:
        self.lab.page = 1
        for _ in range(2):
            self.twin("two.test", private=False)
        reading = self.read(self.writer())
        assert reading.trouble is Trouble.TWO_ZONES and "3 public zones" in reading.problem

    def test_the_listing_starts_at_a_name_and_is_no_filter(self) -> None:
        """``missing.test`` would begin at the zone that follows it."""
        assert self.read(self.writer(), "a.missing.test").trouble is Trouble.NO_ZONE

    @pytest.mark.parametrize("what", ["another zone", "private", "gone"])
    def test_a_pinned_id_is_compared_with_what_it_should_be(self, what) -> None:
        ident = {"another zone": self.zones["one.test"].id, "gone": "Z0"}.get(what) or self.twin(
            "two.test", private=True
        ).id
        reading = self.read(self.writer(zone_ids={"two.test": ident}))
        assert reading.trouble is Trouble.NO_ZONE and "zone_ids" in reading.problem

    def test_a_pinned_zone_names_its_servers(self) -> None:
        zone = self.zones["two.test"]
        assert self.read(self.writer(zone_ids={"two.test": zone.id})).name_servers == (
            "ns-1.awsdns-01.test",
            "ns-2.awsdns-02.test",
        )

    @pytest.mark.parametrize(
        "more",
        [
            {"SetIdentifier": "a", "Weight": 10},
            {"SetIdentifier": "b", "Region": "eu-west-1"},
            {"AliasTarget": "x.test."},
        ],
    )
    def test_a_set_with_a_routing_policy_is_refused_in_words(self, more) -> None:
        zone = self.zones["two.test"]
        zone.drop("two.test", "MX")
        zone.put("two.test", "MX", 300, ["10 a.test."], **more)
        reading = self.read(self.make())
        assert reading.mx is None and reading.trouble is Trouble.ERROR and "simple record set" in reading.problem
        (proof,) = self.run(self.make().prove([self.order("two.test")]))
        assert proof.permission is Permission.NOT_ALLOWED
        assert self.send_one(self.make(), order=self.order("two.test")).state is SentState.STALE

    def test_many_sets_at_one_name_are_read_over_pages(self) -> None:
        for n in range(45):
            self.zones["two.test"].put("two.test", "A", 60, ["192.0.2.1"], SetIdentifier=f"s{n:02}", Weight=1)
        assert self.before.equal(self.read(self.make()).mx)

    def test_no_wildcard_answers_for_a_name_that_has_names_below_it(self) -> None:
        self.zones["one.test"].put("x.b.shops.one.test", "A", 60, ["192.0.2.1"])
        reading = self.read(self.make(), "b.shops.one.test")
        assert reading.mx is None and reading.wildcard is None
        assert self.read(self.make(), "c.shops.one.test").wildcard.owner == "*.shops.one.test"

    def test_an_mx_beside_a_cname_is_refused_with_its_reason(self) -> None:
        zone = self.zones["two.test"]
        zone.put("www.two.test", "CNAME", 60, ["other.test."])
        order = SwapOrder("www.two.test", self.before, self.after, wildcard="*.two.test")
        assert self.send_one(self.make(), order=order).code == "cname"

    @pytest.mark.parametrize("offset", [600, -600])
    def test_a_clock_that_is_ten_minutes_off_is_named(self, offset) -> None:
        self.lab.offset_s = offset
        reading = self.read(self.make())
        assert "clock" in reading.problem and "NTP" in reading.problem
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "clock")

    def test_another_region_is_named(self) -> None:
        sent = self.send_one(self.writer(region="eu-west-1"), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "credential") and "region:" in sent.hint

    def test_a_wrong_secret_key_is_told_without_showing_it(self) -> None:
        self.lab.keys["AKIAGOOD"].secret = "another"
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert sent.code == "credential" and "secret access key" in sent.hint
        self.hides(sent)

    @pytest.mark.parametrize("value", ["two words", "schl\u00fcssel", "a\nb"])
    @pytest.mark.parametrize("name", ["access_key_id", "secret_access_key", "session_token"])
    def test_what_can_be_no_key_is_told_before_anything_is_sent(self, name, value) -> None:
        reading = self.read(self.writer(**{name: self.secret("odd", value)}))
        assert reading.trouble is Trouble.NOT_ALLOWED and "no key has" in reading.problem.replace("token", "key")
        assert value not in reading.problem and "/odd" in reading.problem

    def test_a_temporary_key_needs_its_token(self) -> None:
        self.lab.keys["AKIAGOOD"].token = "session"
        assert self.read(self.make()).trouble is Trouble.NOT_ALLOWED
        writer = self.writer(session_token=self.secret("st", "session"))
        assert self.before.equal(self.read(writer).mx)

    def test_no_credential_at_all_is_one_sentence(self, monkeypatch, tmp_path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        for more in ({}, {"profile": "nobody"}):
            given = {"kind": "route53", "endpoint_url": self.lab.url, **more}
            writer = Route53Dns("main", Route53Settings.model_validate(given), FakeClock(), {})
            sent = self.send_one(writer, order=self.order("two.test"))
            assert (sent.state, sent.code) == (SentState.REFUSED, "credential") and "profile:" in sent.hint
        assert self.lab.calls == []

    def test_the_chain_of_aws_is_used_where_nothing_is_configured(self, monkeypatch, tmp_path) -> None:
        (tmp_path / "config").write_text(
            f"[profile ops]\naws_access_key_id = AKIAGOOD\naws_secret_access_key = {SECRETS['good']}\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        given = {"kind": "route53", "endpoint_url": self.lab.url, "profile": "ops"}
        writer = Route53Dns("main", Route53Settings.model_validate(given), FakeClock(), {})
        assert self.before.equal(self.read(writer).mx)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAGOOD")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["good"])
        writer = Route53Dns("main", Route53Settings.model_validate({**given, "profile": ""}), FakeClock(), {})
        assert self.before.equal(self.read(writer).mx)

    def test_where_the_library_is_missing_the_extra_is_named(self, monkeypatch) -> None:
        real = builtins.__import__

        def missing(name, *rest):
            if name.startswith("botocore"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", missing)
        sent = self.send_one(self.make(), order=self.order("two.test"))
        assert (sent.state, sent.code) == (SentState.REFUSED, "extra") and "bcp-mail[route53]" in sent.hint

    def test_calls_keep_to_the_rate_of_the_account(self) -> None:
        """Five a second: 40 readings of one known zone take seven seconds by the clock."""
        clock = FakeClock()
        writer = Route53Dns("main", self.settings("good"), clock, {})

        async def work():
            await writer.warm(["two.test"])
            await writer.read(["two.test"] * 40)

        self.run(work())
        assert 7.0 <= clock.steady <= 7.4
        assert writer.capabilities.calls_per_s == 5.0 and writer.capabilities.burst == 5

    def test_progress_that_nobody_knows_is_unknown(self) -> None:
        from bcp.contracts.dns import Sent

        asked = [Sent("two.test", SentState.ACCEPTED), Sent("two.test", SentState.ACCEPTED, change="CNONE")]
        found = self.run(self.make().progress(asked))
        assert [p.step for p in found] == [Step.UNKNOWN, Step.UNKNOWN]

    def test_the_end_of_a_role_is_known_and_a_key_has_none(self, monkeypatch) -> None:
        from datetime import UTC, datetime

        writer = self.make()
        warmth = self.run(writer.warm(["two.test"]))
        assert warmth.credential_ends is None and warmth.zones == {"two.test": self.zones["two.test"].id}
        writer._api._credentials = type("C", (), {"_expiry_time": datetime(2030, 1, 1, tzinfo=UTC)})()
        assert self.run(writer.warm(["two.test"])).credential_ends == 1893456000.0


def test_the_policy_is_the_least() -> None:
    given = Route53Settings.model_validate({"kind": "route53", "zone_ids": {"two.test": "Z2"}})
    found = json.loads(policy(given, {"two.test": "two.test", "mail.two.test": "two.test"}))
    assert [s["Sid"] for s in found["Statement"]] == ["ReadZones", "MoveMx", "Progress"]
    move = found["Statement"][1]
    assert move["Resource"] == ["arn:aws:route53:::hostedzone/Z2"]
    assert move["Condition"]["ForAllValues:StringEquals"] == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["mail.two.test", "two.test"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["MX"],
        "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
    }
    assert "FindZones" in policy(given, {"one.test": ""}) and PLUGIN.policy is policy


@pytest.mark.parametrize(("region", "partition"), [("cn-northwest-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_the_policy_names_what_is_in_the_partition_of_its_region(region: str, partition: str) -> None:
    """An ARN of another partition allows nothing there."""
    text = policy(Route53Settings.model_validate({"kind": "route53", "region": region}), {"one.test": ""})
    assert set(re.findall(r"arn:[\w-]+", text)) == {f"arn:{partition}"}


def test_more_names_than_one_policy_takes_are_several_policies_that_each_fit() -> None:
    """6,144 characters are what AWS takes of a managed policy."""
    names = {f"a-rather-long-name-{i}.example.test": "" for i in range(1000)}
    made = policy(Route53Settings.model_validate({"kind": "route53"}), names).split("\n\n")
    moved: list[str] = []
    for text in made:
        assert len(re.sub(r"\s", "", text)) <= 6_144
        (move,) = (s for s in json.loads(text)["Statement"] if s["Sid"] == "MoveMx")
        condition = move["Condition"]["ForAllValues:StringEquals"]
        moved += condition["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
        assert condition["route53:ChangeResourceRecordSetsRecordTypes"] == ["MX"]
    assert moved == sorted(names) and 1 < len(made) < 12


@pytest.mark.parametrize(
    ("code", "message", "status", "state", "ours"),
    [
        ("Throttling", "Rate exceeded", 400, "throttled", "throttled"),
        ("", "", 429, "throttled", "throttled"),
        ("SlowDown", "x", 503, "throttled", "throttled"),
        ("ThrottledException", "x", 400, "throttled", "throttled"),
        ("502", "Bad Gateway", 502, "lost", "server"),
        ("InternalFailure", "x", 500, "lost", "server"),
        ("AccessDenied", "no", 403, "refused", "permission"),
        ("RequestExpired", "x", 400, "refused", "clock"),
        ("ExpiredToken", "x", 403, "refused", "credential"),
        ("UnrecognizedClientException", "x", 403, "refused", "credential"),
        ("NoSuchHostedZone", "x", 404, "refused", "zone"),
        ("InvalidInput", "x", 400, "refused", "server"),
    ],
)
def test_every_error_has_its_meaning(code, message, status, state, ours) -> None:
    fault = _told({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}})
    assert (str(fault.state), fault.code) == (state, ours)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({"retry-after": "7"}, 7.0), ({"Retry-After": "0"}, 0.0), ({"retry-after": "soon"}, 2.0), (None, 2.0)],
)
def test_the_pause_is_the_one_that_is_asked_for(headers, wait_s) -> None:
    meta = {"HTTPStatusCode": 400, "HTTPHeaders": headers}
    assert _told({"Error": {"Code": "Throttling"}, "ResponseMetadata": meta}).wait_s == wait_s


@pytest.mark.parametrize("messages", ["m", ["m", "n"], {"Message": "m"}, {"Message": ["m", "n"]}])
def test_every_shape_of_the_older_document_is_read(messages) -> None:
    fault = _told({"Error": {"Code": "", "Message": ""}, "Messages": messages})
    assert fault.code == "InvalidChangeBatch" and "m" in fault.message


@pytest.mark.parametrize(
    "one",
    [
        {},
        {"TTL": 5, "ResourceRecords": []},
        {"TTL": "5", "ResourceRecords": [{"Value": "10 a.test."}]},
        {"TTL": 5, "ResourceRecords": [{"Value": "a.test."}]},
        {"TTL": 5, "ResourceRecords": [{"Value": "x a.test."}]},
        {"TTL": 5, "ResourceRecords": [{"Value": "10 192.0.2.1"}]},
        {"TTL": 5, "ResourceRecords": [{}]},
    ],
)
def test_a_set_that_is_none_is_never_taken_for_one(one) -> None:
    with pytest.raises(Fault):
        set_of(one)


def test_names_and_tokens_are_read_as_route_53_writes_them() -> None:
    assert plain("\\052.Shops.One.test.") == "*.shops.one.test"
    assert read_token("[]") is None and read_token("{") is None
    assert there_of([{"Type": "CNAME", "AliasTarget": {"DNSName": "x."}}], "a.test", below=False).cname == "x."
    assert there_of([{"Type": "CNAME"}], "a.test", below=False).cname == "?"


def test_half_a_credential_and_odd_settings_are_refused() -> None:
    for bad in (
        {"access_key_id": "env:X"},
        {"secret_access_key": "env:X"},
        {"session_token": "env:X"},
        {"access_key_id": "literal", "secret_access_key": "env:X"},
        {"zone_ids": {"a.test": "/hostedzone/Z1"}},
        {"region": "EU West"},
        {"endpoint_url": "ftp://x"},
        {"calls_per_s": 0},
    ):
        with pytest.raises((ValidationError, ValueError)):
            Route53Settings.model_validate({"kind": "route53", **bad})


ORDER = SwapOrder("two.test", mx("old.out.test."), mx("relay.out.test.", 300))
ZONE = (
    b'<?xml version="1.0"?><R xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones><HostedZone>'
    b"<Id>/hostedzone/Z1</Id><Name>two.test.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones>"
    b"<IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></R>"
)
SETS = (
    b'<?xml version="1.0"?><R xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>'
    b"<ResourceRecordSet><Name>two.test.</Name><Type>MX</Type><TTL>3600</TTL><ResourceRecords><ResourceRecord>"
    b"<Value>10 old.out.test.</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets>"
    b"<IsTruncated>false</IsTruncated><MaxItems>20</MaxItems></R>"
)


@pytest.mark.parametrize("part", ["zones", "sets", "change"])
@pytest.mark.parametrize("wrong", sorted(WRONG_ANSWERS))
def test_whatever_answers_is_an_outcome_and_never_a_yes(tmp_path, part, wrong) -> None:
    """At every point of a swap: never accepted, never an exception, and after a change never said to be unsent."""
    (tmp_path / "key").write_text("k3y-never-shown")

    def respond(asked):
        which = "change" if asked.method == "POST" else ("zones" if "byname" in asked.path else "sets")
        if which == part:
            return WRONG_ANSWERS[wrong]
        return Answer(200, {"zones": ZONE, "sets": SETS, "change": b""}[which], {"Content-Type": "text/xml"})

    async def work() -> None:
        vendor = FakeVendor(respond)
        await vendor.start()
        key = Secret("file:key", tmp_path)
        patience = "1s" if wrong in SILENT else "10s"  # a busy machine is no answer that is missing
        settings = Route53Settings(
            kind="route53", access_key_id=key, secret_access_key=key, endpoint_url=vendor.url, timeout=patience
        )
        writer = Route53Dns("main", settings, FakeClock(), {})
        try:
            (sent,) = await writer.swap([ORDER])
            posts = sum(a.method == "POST" for a in vendor.asked)
            assert sent.state is not SentState.ACCEPTED, sent
            if part == "change":
                assert sent.state in {SentState.LOST, SentState.THROTTLED, SentState.REFUSED}, sent
                assert posts == 1, "it was sent again"
            elif part == "zones":
                assert posts == 0, "it was written blindly"
            (reading,) = await writer.read(["two.test"])
            assert part == "change" or reading.problem, reading
            await writer.prove([ORDER])
            await writer.warm(["two.test"])
        finally:
            await writer.close()
            await vendor.stop()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "Signature expired: 20261128T031000Z is now earlier than 20261128T031500Z (20261128T032000Z - 5 min.)",
            "is 10m behind",
        ),
        (
            "Signature not yet current: 20261128T033000Z is still later than 20261128T032500Z "
            "(20261128T032000Z + 5 min.)",
            "is 10m ahead of",
        ),
        ("the time is wrong", "is not AWS's"),
    ],
)
def test_a_clock_is_named_with_how_far_it_is_off(message, words) -> None:
    fault = _told(
        {"Error": {"Code": "RequestTimeTooSkewed", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    )
    assert fault.code == "clock" and words in fault.message


def test_where_no_time_is_named_the_date_of_the_answer_is_said() -> None:
    meta = {"HTTPStatusCode": 403, "HTTPHeaders": {"date": "Sat, 28 Nov 2026 14:20:00 GMT"}}
    fault = _told({"Error": {"Code": "RequestTimeTooSkewed", "Message": "too large"}, "ResponseMetadata": meta})
    assert fault.said == (
        "this machine's clock is not AWS's (Sat, 28 Nov 2026 14:20:00 GMT there): too large: "
        "set this machine's clock (NTP)."
    )
