"""Our clock by the dates of vendors who are asked anyway, in a whole look over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from unit.kit.dated import Dated

from bcp.contracts.readiness import Check
from bcp.deeds.circumstances import clock_source
from bcp.deeds.readiness.look import kept, look
from bcp.settings import load
from bcp.wiring import App, make_app

from .house import CONFIG, House

CHANNEL = "  {}: {{kind: ntfy, url: '{}', topic: t}}\n"
HOUR = 3600.0


async def one(app: App) -> Check | None:
    found = kept(app.running.readiness, await look(app, limit_s=10))
    return next((c for c in found.checks if c.code == "clock-vendors"), None)


def configured(folder: Path, servers: list[Dated]) -> App:
    """An organisation whose channels are these servers."""
    rows = "".join(CHANNEL.format(f"c{i}", s.url) for i, s in enumerate(servers))
    (folder / "bcp.yaml").write_text(CONFIG + "readiness: {playbooks: [out]}\nchannels:\n" + rows)
    return make_app(load(folder / "bcp.yaml"))


@pytest.mark.parametrize("hour", [HOUR, -HOUR])
def test_it_turns_red_when_two_say_so_and_green_at_the_next_look(house: House, hour: float) -> None:
    async def work() -> tuple[list[Check | None], str, list[int]]:
        async with Dated("127.0.25.31") as a, Dated("127.0.25.32") as b:
            app = configured(house.folder, [a, b])
            looks = [await one(app)]
            a.shift = hour
            looks.append(await one(app))  # one that lies
            b.shift = hour
            looks.append(await one(app))
            said = clock_source(app)
            a.shift = b.shift = 0.0
            looks.append(await one(app))
            await app.close()
            return looks, said, [a.asked, b.asked]

    looks, said, asked = asyncio.run(work())
    assert [c and c.state for c in looks] == ["ok", "ok", "fail", "ok"]
    way = "behind" if hour > 0 else "ahead"
    lie = looks[1]
    assert lie is not None
    assert f"127.0.25.32 says; 127.0.25.31 alone says that it is 1h {way}" in lie.says
    red = looks[2]
    assert red is not None
    assert red.says == f"this machine's clock is 1h {way}, as 127.0.25.31 and 127.0.25.32 say"
    assert red.hint.startswith("Set it right")
    assert red.playbooks == ()
    assert red.says in said, "a report of something that is run now says it, too"
    assert asked == [4, 4], "nobody is asked once more for it"


def test_one_alone_is_a_doubt_and_what_somebody_kept_is_nothing(house: House) -> None:
    async def work() -> list[Check | None]:
        async with Dated("127.0.25.33", shift=-HOUR) as a:
            app = configured(house.folder, [a])
            looks = [await one(app)]
            a.more = "Age: 3600\r\n"
            looks.append(await one(app))
            await app.close()
            return looks

    doubt, nothing = asyncio.run(work())
    assert doubt is not None
    assert doubt.state == "risk"
    assert "may be wrong" in doubt.says
    assert nothing is None
