"""The swap that is built as bytes says what dnspython's own message says."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import dns.message
import dns.rcode
import dns.tsig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.dns_writer import SentState, SwapOrder
from bcp.contracts.mx import MxHost, MxSet
from bcp.kernel.clock import SystemClock
from bcp.kernel.secret import Secret
from bcp.kit.dns_swap import ZoneSwap
from bcp.kit.dns_update import Rfc2136
from bcp.kit.dnswire import Endpoint, Lost, _parse

LABEL = st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,20}", fullmatch=True)
NAME = st.lists(LABEL, min_size=2, max_size=6).map(".".join)
SET = st.builds(
    lambda hosts, ttl: MxSet(tuple(sorted(MxHost(p, h + ".") for h, p in hosts.items())), ttl),
    st.dictionaries(NAME, st.integers(0, 65535), min_size=1, max_size=5),
    st.integers(0, 2**31 - 1),
)
OLD, NEW = MxSet((MxHost(0, "a.corp.test."),), 60), MxSet((MxHost(10, "relay.test."),), 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("key")
    (made / "tsig").write_text("MDEyMzQ1Njc4OWFiY2RlZg==")
    return made


def back_end(folder, zone: str, algorithm: str = "hmac-sha256") -> Rfc2136:
    key = SimpleNamespace(name="bcp.", algorithm=algorithm, secret=Secret("file:tsig", folder))
    known = SimpleNamespace(server="127.0.0.1:1", key=key, timeout=1.0, window=8)
    return Rfc2136("main", known, SystemClock(), {zone: zone})


def sections(wire: bytes, key: dns.tsig.Key) -> list[list[str]]:
    """What a server reads, record by record; the signature is checked and left out."""
    read = dns.message.from_wire(wire, keyring=key)
    assert read.had_tsig
    return [sorted(r.to_text() for r in section) for section in read.sections[:3]] + [[read.opcode().name]]


@settings(max_examples=60, deadline=None)
@given(NAME, SET, SET, st.sampled_from(["hmac-sha1", "hmac-sha256", "hmac-sha512"]))
def test_it_says_what_the_library_says(folder, zone, old, new, algorithm) -> None:
    made = back_end(folder, zone, algorithm)
    order = SwapOrder(zone, old, new)
    quick = made._swap(order)
    assert isinstance(quick, ZoneSwap)
    assert sections(quick.to_wire(), made._tsig()) == sections(made._update(order).to_wire(), made._tsig())


def test_names_that_are_no_zone_and_wildcards_are_left_to_the_library(folder) -> None:
    made = back_end(folder, "corp.test")
    made._zones["a.corp.test"] = made._zones["corp.test"]
    assert not isinstance(made._swap(SwapOrder("a.corp.test", OLD, NEW)), ZoneSwap)
    assert not isinstance(made._swap(SwapOrder("corp.test", OLD, NEW, wildcard="*.corp.test")), ZoneSwap)


def answer(wire: bytes, key: dns.tsig.Key, code: int = 0) -> bytes:
    """What a server with this key answers."""
    reply = dns.message.make_response(dns.message.from_wire(wire, keyring=key))
    reply.set_rcode(code)
    return reply.to_wire()


def test_an_answer_is_verified_against_the_signature_of_the_question(folder) -> None:
    """Signed with the right key over another question it is none."""
    made, at = back_end(folder, "corp.test"), Endpoint("192.0.2.1", 53)
    asked, other = (made._swap(SwapOrder("corp.test", OLD, NEW)) for _ in range(2))
    wire, elsewhere, key = asked.to_wire(), other.to_wire(), made._tsig()
    good = _parse(at, answer(wire, key, dns.rcode.NXRRSET), asked, key)
    assert not isinstance(good, Lost) and good.rcode() == dns.rcode.NXRRSET
    forged = _parse(at, answer(elsewhere, key), asked, key)
    assert isinstance(forged, Lost) and forged.code == "key"
    bare = dns.message.from_wire(answer(wire, key), keyring=key, request_mac=asked.mac)
    bare.tsig = None
    bare.want_tsig_sign = False
    unsigned = _parse(at, bare.to_wire(), asked, key)
    assert isinstance(unsigned, Lost) and unsigned.code == "unreadable" and not unsigned.definite


def test_two_of_one_number_on_one_connection_are_told_apart(folder, monkeypatch) -> None:
    """The number is changed before it is signed, and the signature is about the number that is sent."""
    monkeypatch.setattr("bcp.kit.dns_swap.secrets", SimpleNamespace(randbits=lambda _: 7))
    zones = {f"z{i}.test": f"z{i}.test" for i in range(3)}
    made = back_end(folder, "z0.test")
    made._zones.update({z: made._zones["z0.test"]._replace(zone=z) for z in zones})
    key, seen = made._tsig(), []

    async def serve(reader, writer):
        held = []
        for _ in zones:
            wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            seen.append(int.from_bytes(wire[:2], "big"))
            held.append(answer(wire, key))
        for wire in reversed(held):
            writer.write(len(wire).to_bytes(2, "big") + wire)

    async def inside():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        made._server = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        async with asyncio.timeout(20):
            found = await made.swap([SwapOrder(z, OLD, NEW) for z in zones])
        server.close()
        return found

    assert [s.state for s in asyncio.run(inside())] == [SentState.ACCEPTED] * 3
    assert seen == [7, 8, 9]
