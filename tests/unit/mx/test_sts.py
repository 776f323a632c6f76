"""MTA-STS: reading a policy, matching hosts, and fetching it as a sender does."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.dns import HostFacts, Trouble
from bcp.kernel.errors import Transient
from bcp.mx.sts import policy_matches, read_policy, record_of
from bcp.mx.sts_fetch import fetch_policy

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: relay.out.test\r\nmx: *.Mail.Test.\r\nmax_age: 86400\r\n"


def test_a_policy_is_read_whatever_its_line_ends_and_order() -> None:
    for text in (
        POLICY,
        POLICY.replace("\r\n", "\n"),
        "max_age:86400\nmx:relay.out.test\nmx: *.mail.test\nmode: ENFORCE\nversion:STSv1\nextension: x\n\n",
    ):
        found = read_policy(text)
        assert (found.mode, found.patterns, found.max_age_s, found.problem) == (
            "enforce",
            ("relay.out.test", "*.mail.test"),
            86400,
            "",
        )


def test_the_first_of_a_repeated_key_counts() -> None:
    assert read_policy(POLICY + "mode: none\r\n").mode == "enforce"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it does not begin with version: STSv1"),
        ("<html>captive portal: log in</html>", "it does not begin with version: STSv1"),
        (POLICY.replace("STSv1", "STSv2"), "it does not begin with version: STSv1"),
        (POLICY.replace("enforce", "maybe"), "its mode is 'maybe'"),
        (POLICY.replace("mode: enforce\r\n", ""), "it has no mode"),
        (POLICY.replace("86400", "a day"), "it has no max_age in seconds"),
        (POLICY.replace("86400", "٣"), "it has no max_age in seconds"),
        ("version: STSv1\nmode: testing\nmax_age: 1\n", "it names no mx"),
    ],
)
def test_a_body_that_is_no_policy_says_what_is_wrong(text, problem) -> None:
    """A portal's page, another version, a missing line."""
    assert read_policy(text).problem == problem


def test_a_policy_that_is_switched_off_needs_no_hosts() -> None:
    assert read_policy("version: STSv1\nmode: none\nmax_age: 0\n").problem == ""


@given(st.text(max_size=200))
def test_no_body_makes_it_fall_over(text) -> None:
    found = read_policy(text)
    assert found.problem or found.mode in {"enforce", "testing", "none"}


@pytest.mark.parametrize(
    ("pattern", "host", "right"),
    [
        ("relay.out.test", "relay.out.test.", True),
        ("RELAY.out.test.", "relay.OUT.test", True),
        ("*.out.test", "relay.out.test.", True),
        ("*.out.test", "a.relay.out.test.", False),
        ("*.out.test", "out.test.", False),
        ("*.out.test", ".out.test", False),
        ("out.test", "relay.out.test.", False),
        ("", "relay.out.test.", False),
        ("*.", "relay.", False),
    ],
)
def test_a_pattern_covers_one_label_at_most(pattern, host, right) -> None:
    assert policy_matches(pattern, host) is right


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ((), ""),
        (("v=STSv1; id=1",), "v=STSv1; id=1"),
        (("v = STSv1 ;id=1", "other"), "v = STSv1 ;id=1"),
        (("v=STSv1; id=1", "v=STSv1; id=2"), ""),
        (("v=STSv10; id=1",), ""),
        (("v=spf1 -all",), ""),
    ],
)
def test_a_policy_is_announced_by_exactly_one_record(texts, found) -> None:
    assert record_of(texts) == found


# -- fetching --------------------------------------------------------------------------------------------------------


def certificate(folder, name="mta-sts.corp.test"):
    """A private authority and a certificate of it: files for a server and for us."""
    now = datetime.now(UTC)

    def make(subject, issuer, key, signer, *, authority):
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
        )
        built = built.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        built = built.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return built.sign(signer, hashes.SHA256())

    def called(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = make(called("test root"), called("test root"), root, root, authority=True)
    leaf = make(called(name), called("test root"), own, root, authority=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def fetch(
    folder, answer: bytes, *, announced=("v=STSv1; id=1",), ca=True, name="mta-sts.corp.test", facts=None, asked=None
):
    """What ``fetch_policy`` makes of a server on loopback that says ``answer``."""

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(head.decode())
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def texts(_name):
        if isinstance(announced, Exception):
            raise announced
        return announced

    async def look_up(host):
        return facts or HostFacts(host, ("127.0.0.1",))

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate(folder, name))
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await fetch_policy(
                "corp.test", texts, look_up, ca_file=folder / "ca.pem" if ca else None, timeout_s=5, port=port
            )

    return asyncio.run(work())


def http(body: str, status: str = "200 OK", more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n"
        f"\r\n{body}"
    ).encode()


def test_a_policy_behind_a_private_authority_is_fetched(tmp_path) -> None:
    """The name in the request is the policy host's, wherever its address is."""
    asked: list[str] = []
    found = fetch(tmp_path, http(POLICY), asked=asked)
    assert (found.announced, found.mode, found.problem, found.record) == (True, "enforce", "", "v=STSv1; id=1")
    assert asked[0].startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.corp.test")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("x", "404 Not Found"), "the server answers 404"),
        (http("x", "500 Oh"), "the server answers 500"),
        (http("", "301 Moved", "Location: https://www.corp.test/\r\n"), "redirects (301)"),
        (http("<html>log in</html>"), "does not begin with version"),
        (b"", "the connection broke off"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
    ],
)
def test_what_is_no_usable_policy_is_a_problem_with_its_reason(tmp_path, answer, said) -> None:
    found = fetch(tmp_path, answer)
    assert found.announced and said in found.problem, found


def test_without_the_authority_the_certificate_is_not_valid(tmp_path) -> None:
    assert "its certificate is not valid" in fetch(tmp_path, http(POLICY), ca=False).problem


def test_a_certificate_of_another_name_is_not_valid(tmp_path) -> None:
    assert "its certificate is not valid" in fetch(tmp_path, http(POLICY), name="www.corp.test").problem


def test_a_policy_host_without_address_is_a_problem_and_a_silent_resolver_is_told_as_that(tmp_path) -> None:
    facts = HostFacts("mta-sts.corp.test", problem="no answer in time", trouble=Trouble.SILENT)
    assert fetch(tmp_path, b"", facts=facts).problem == "mta-sts.corp.test: no answer in time"


def test_nothing_announced_and_nobody_to_ask_are_two_things(tmp_path) -> None:
    none, unasked = fetch(tmp_path, b"", announced=()), fetch(tmp_path, b"", announced=Transient("no resolver answers"))
    assert not none.announced and none.unasked == "" and none.problem == ""
    assert not unasked.announced and unasked.unasked == "no resolver answers"


def test_a_file_of_certificates_that_cannot_be_read_is_said(tmp_path) -> None:
    async def texts(_name):
        return ("v=STSv1; id=1",)

    async def look_up(host):
        return HostFacts(host, ("127.0.0.1",))

    (tmp_path / "no.pem").write_text("no certificate")
    for name in ("missing.pem", "no.pem"):
        found = asyncio.run(fetch_policy("corp.test", texts, look_up, ca_file=tmp_path / name, timeout_s=5, port=1))
        assert name in found.problem and found.problem.startswith("its certificate is not valid")


def test_a_policy_that_is_read_was_announced() -> None:
    """Its patterns without the root's dot, and only up to the first colon is the key; without one it is no line."""
    found = read_policy("version: STSv1\nmode: testing\nmx: mx.a.test.\nmx: x.\nnote: a:b\nmx\nmax_age: 60\n")
    assert (found.announced, found.mode, found.patterns, found.max_age_s) == (True, "testing", ("mx.a.test", "x"), 60)
    wrong = read_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: a\nmax_age: x\n")
    assert (wrong.announced, wrong.max_age_s, wrong.mode) == (True, 0, "testing") and "max_age" in wrong.problem
    assert read_policy("version: STSv1: 2\nmode: none\nmax_age: 1\n").problem != ""


def test_a_record_may_say_more_after_its_version() -> None:
    """An id, and what comes later."""
    assert record_of(["v=STSv1; id=1; x=2;"]) == "v=STSv1; id=1; x=2;"


def test_only_the_first_colon_ends_a_key_and_only_dots_end_a_name() -> None:
    """A value may hold colons; capital letters are letters."""
    assert read_policy("version: STSv1\nmode: enforce:x\nmx: a\nmax_age: 1\n").problem == "its mode is 'enforce:x'"
    assert policy_matches("mx", "MX.") and policy_matches("MX.", "mx")
