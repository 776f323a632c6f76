"""RFC 5782: how a DNS blocklist is asked, and what its answers mean."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import HostFacts, Trouble
from bcp.kit import blocklists
from bcp.kit.blocklists import listed, meaning, question


def test_the_octets_are_reversed() -> None:
    assert question("192.0.2.99", "bl.test") == "99.2.0.192.bl.test"
    assert question("2001:db8::1", "bl.test").startswith("1.0.0.0.") and question("2001:db8::1", "x").endswith(".2.x")


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [((), False), (("127.0.0.2",), True), (("127.255.255.254",), None), (("192.0.2.1",), False)],
)
def test_an_answer_means_listed_not_listed_or_not_asked(answers, wanted) -> None:
    assert meaning(answers) is wanted


def test_each_list_says_which_address_stands_there(monkeypatch) -> None:
    told = {
        "1.2.0.192.a.test": HostFacts("", (), "", "", Trouble.NONE),
        "2.2.0.192.a.test": HostFacts("", ("127.0.0.4",), "", "", Trouble.NONE),
        "1.2.0.192.b.test": HostFacts("", (), "", "no answer", Trouble.SILENT),
        "2.2.0.192.b.test": HostFacts("", (), "", "", Trouble.NONE),
        "1.2.0.192.c.test": HostFacts("", (), "", "", Trouble.NONE),
        "2.2.0.192.c.test": HostFacts("", (), "", "", Trouble.NONE),
    }

    class Fake:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def look_up(self, name: str) -> HostFacts:
            return told[name]

    monkeypatch.setattr(blocklists, "Resolver", Fake)
    found = asyncio.run(listed(["192.0.2.1", "192.0.2.2"], ["a.test", "b.test", "c.test"], [], 1.0))
    assert found == {"a.test": "192.0.2.2", "b.test": "?", "c.test": ""}
