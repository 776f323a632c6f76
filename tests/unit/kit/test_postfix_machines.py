"""Several machines of one relay: one queue, each mail where it lies, one dead."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from pathlib import Path

import pytest

from bcp.contracts.relay import MailFate
from bcp.kernel.errors import InDoubt, Invalid, Refused, Transient
from bcp.kit.postfix_machines import Machines
from bcp.kit.postfix_queue import parse_queue
from bcp.kit.process import run_program
from bcp.kit.relay_reach import Reach


def script(folder: Path, text: str) -> list[str]:
    """A stand-in for ssh: it gets the host, ``bcp-relay`` and the words."""
    path = folder / "ssh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [str(path), "{host}"]


def row(ident: str, to: str = "a@corp.test") -> str:
    return json.dumps({"queue_id": ident, "sender": "s@o", "arrival_time": 5, "queue_name": "hold",
                       "recipients": [{"address": to}]})  # fmt: skip


def machines(words: list[str], *hosts: str) -> Machines:
    return Machines({h: Reach(words, h) for h in hosts}, parse_queue)


def test_one_queue_of_all_with_the_host_in_each_id(tmp_path) -> None:
    words = script(tmp_path, f"echo '{row('AAA')}'")
    both = asyncio.run(machines(words, "r1.test", "r2.test").queue())
    assert [m.queue_id for m in both] == ["AAA@r1.test", "AAA@r2.test"] and both[0].queue == "hold"
    assert [m.queue_id for m in asyncio.run(machines(words, "r1.test").queue())] == ["AAA"]


def test_each_mail_is_released_where_it_lies(tmp_path) -> None:
    words = script(tmp_path, f'{{ echo "$@"; cat; }} >> {tmp_path}/$1.log')
    two = machines(words, "r1.test", "r2.test")
    asyncio.run(two.release(["A@r1.test", "B@r2.test", "C@r1.test", "D@gone.test", "E"]))
    assert (tmp_path / "r1.test.log").read_text() == "r1.test bcp-relay release\nA\nC\n"
    assert (tmp_path / "r2.test.log").read_text() == "r2.test bcp-relay release\nB\n"
    asyncio.run(machines(words, "r1.test").release([]))
    asyncio.run(two.keep(True))
    assert asyncio.run(two.flush()) == "asked: r1.test, r2.test"
    assert (tmp_path / "r2.test.log").read_text().splitlines()[-2:] == [
        "r2.test bcp-relay keep",
        "r2.test bcp-relay flush",
    ]


def test_a_dead_one_keeps_nobody_from_going_on_and_is_known(tmp_path) -> None:
    words = script(tmp_path, f"[ $1 = r1.test ] && {{ echo 'no route to host' >&2; exit 255; }}; echo '{row('B')}'")
    two = machines(words, "r1.test", "r2.test")
    assert [m.queue_id for m in asyncio.run(two.queue())] == ["B@r2.test"]
    assert "no route to host" in two.dead["r1.test"] and list(two.dead) == ["r1.test"]
    with pytest.raises(Transient, match="no route"):
        asyncio.run(machines(words, "r1.test").queue())
    with pytest.raises(Transient, match="no relay host answers"):
        asyncio.run(Machines({h: Reach(["false"], h) for h in ("a", "b")}, parse_queue).queue())


def test_a_long_listing_is_read_beside_what_there_is_to_do(tmp_path) -> None:
    """A drain that told the relay nothing while fifty thousand lines are read lost what Exchange takes meanwhile."""
    words = script(tmp_path, "head -c 300000 /dev/zero | tr '\\0' x")
    begun, done = threading.Event(), threading.Event()

    def read(text: str) -> list:
        begun.set()
        assert len(text) == 300_000 and done.wait(20), "nothing else was done meanwhile"
        return []

    async def both() -> None:
        listing = asyncio.create_task(Machines({"r": Reach(words, "r")}, read).queue())
        while not begun.is_set() and not listing.done():
            await asyncio.sleep(0.001)
        done.set()
        assert await listing == []

    asyncio.run(both())


def test_fates_carry_the_host_again(tmp_path) -> None:
    words = script(tmp_path, 'cat | sed "s/$/ on $1/"')

    def read(text: str, ids: set[str]) -> list[MailFate]:
        return [MailFate(i, "", "sent", text.strip()) for i in sorted(ids)]

    found = asyncio.run(machines(words, "r1.test", "r2.test").fates(["A@r1.test", "B@r2.test"], read))
    assert [(f.queue_id, f.detail) for f in found] == [("A@r1.test", "A on r1.test"), ("B@r2.test", "B on r2.test")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("echo no >&2; exit 3", Refused),
        ("exit 1", Transient),
        ("echo x; exit 255", Transient),
        ("exec sleep 9", InDoubt),
    ],
)
def test_how_a_relay_cannot_be_asked(tmp_path, text, error) -> None:
    with pytest.raises(error):
        asyncio.run(Reach(script(tmp_path, text), "r1.test").ask("list", timeout_s=0.3 if error is InDoubt else 9))


def test_without_a_way_nobody_is_asked() -> None:
    with pytest.raises(Invalid) as no:
        asyncio.run(Reach([], "r1.test").ask("list"))
    assert no.value.rule == "relay.no-reach"
    assert Reach(["ssh", "u@{host}"], "r1.test.").words == ("ssh", "u@r1.test")


def test_what_a_program_reads_and_one_that_does_not_read_it() -> None:
    """More than a pipe holds, both ways."""
    big = b"x" * 300_000

    async def work(*words: str) -> tuple[int, int]:
        done = await run_program(words, timeout_s=20, environment={}, cap=10**6, stdin=big)
        return done.code, len(done.stdout)

    assert asyncio.run(work("cat")) == (0, len(big)) and asyncio.run(work("true")) == (0, 0)


def test_what_lay_at_a_dead_host_has_no_fate_and_fails_nothing(tmp_path) -> None:
    """Not even where all that was seen lay there."""
    words = script(tmp_path, "[ $1 = r1.test ] && { echo 'no route' >&2; exit 255; }; cat")
    two = machines(words, "r1.test", "r2.test")
    read = lambda text, ids: [MailFate(i, "a@corp.test", "sent") for i in ids if i in text]  # noqa: E731
    assert asyncio.run(two.fates(["A@r1.test"], read)) == [] and list(two.dead) == ["r1.test"]
    both = asyncio.run(two.fates(["A@r1.test", "B@r2.test"], read))
    assert [f.queue_id for f in both] == ["B@r2.test"]
    with pytest.raises(Transient):
        asyncio.run(machines(words, "r1.test").fates(["A"], read))


def test_another_way_to_look_and_to_ask(tmp_path) -> None:
    two = machines([], "r1.test", "r2.test")

    async def look(host: str) -> str:
        if host == "r1.test":
            raise Transient("away")
        return row("B")

    assert [m.queue_id for m in asyncio.run(two.queue(look))] == ["B@r2.test"] and two.dead == {"r1.test": "away"}
    assert asyncio.run(two.each(look)) == f"r2.test: {row('B')}"
