"""Route 53's calls without botocore's client: when they are made so, where they go, and that both ways are one."""

from __future__ import annotations

import pytest
from botocore.loaders import create_loader
from unit.plugins.dns.clouds import without_suite
from unit.plugins.dns.test_route53 import Route53

from bcp.contracts.dns import SentState
from bcp.plugins.vendors.route53_wire import Wire, _endpoint, told_otherwise, trust, with_words


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """Nothing of AWS's own in the environment or at home."""
    import os

    for name in [n for n in os.environ if n.startswith("AWS_") or n == "REQUESTS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("region", "url", "signed"),
    [
        ("us-east-1", "https://route53.amazonaws.com", "us-east-1"),
        ("eu-west-1", "https://route53.amazonaws.com", "us-east-1"),
        ("cn-northwest-1", "https://route53.amazonaws.com.cn", "cn-northwest-1"),
        ("us-gov-east-1", "https://route53.us-gov.amazonaws.com", "us-gov-west-1"),
    ],
)
def test_each_part_of_the_world_has_its_endpoint_and_its_region(region, url, signed) -> None:
    assert _endpoint(create_loader(), region) == (url, signed)


def test_the_certificates_are_those_of_aws_tools(monkeypatch) -> None:
    assert trust() is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/all.pem")
    assert trust() == "/all.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", "/aws.pem")
    assert trust() == "/aws.pem" and not told_otherwise()


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ROUTE_53", "AWS_PROFILE", "AWS_CONFIG_FILE",
                                  "AWS_USE_FIPS_ENDPOINT"])  # fmt: skip
def test_what_aws_own_variables_say_is_left_to_its_client(monkeypatch, name) -> None:
    assert not told_otherwise()
    monkeypatch.setenv(name, "")
    assert not told_otherwise()
    monkeypatch.setenv(name, "x")
    assert told_otherwise()


def test_what_aws_own_file_says_is_left_to_its_client(plain) -> None:
    (plain / ".aws").mkdir()
    (plain / ".aws" / "config").write_text("")
    assert told_otherwise()


@without_suite
class TestBothWays(Route53):
    """The same account by botocore's parts and by its client."""

    __test__ = True

    def test_keys_in_hand_need_no_client(self) -> None:
        writer = self.make()
        assert self.before.equal(self.read(writer).mx) and isinstance(writer._api._client, Wire)
        self.run(writer.close())
        assert writer._api._client is None

    def test_an_endpoint_of_the_environment_is_where_the_client_goes(self, monkeypatch) -> None:
        """Somebody who tests must not end at the real Route 53."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", self.lab.url)
        writer = self.writer(endpoint_url="")
        assert self.before.equal(self.read(writer).mx) and not isinstance(writer._api._client, Wire)

    @pytest.mark.parametrize("variable", ["", "AWS_USE_DUALSTACK_ENDPOINT"])
    def test_every_end_is_the_same_by_both(self, monkeypatch, variable) -> None:
        if variable:
            monkeypatch.setenv(variable, "false")
        order = self.order("two.test")
        said = [self.send_one(self.writer(who), order=order) for who in ("reader", "ended", "unknown", "good")]
        assert [s.code for s in said] == ["permission", "credential", "credential", ""]
        assert said[-1].state is SentState.ACCEPTED and said[-1].change
        for self.lab.old_form in (False, True):
            sent = self.send_one(self.writer(), order=order)
            assert (sent.state, sent.code) == (SentState.STALE, "stale") and "two.test" in sent.message
            (proof,) = self.run(self.writer().prove([self.order("one.test")]))
            assert proof.allowed, "what is deleted is not there, and what is made is: two messages in one document"
        self.lab.faults["throttle"] = 1
        assert self.send_one(self.writer(), order=order).state is SentState.THROTTLED


def test_of_several_messages_each_is_kept_whatever_stands_around_them() -> None:
    body = b"<a:Messages>\n <a:Message>it was &apos;not&apos; found</a:Message>\n<a:Message>it exists</a:Message>\n"
    told = with_words({"Error": {"Code": ""}, "Messages": {"Message": {}}}, body)
    assert told["Messages"] == {"Message": ["it was 'not' found", "it exists"]}
    assert with_words({"Error": {"Code": "Throttling"}}, body) == {"Error": {"Code": "Throttling"}}
