"""A send to everybody under kill -9 and a hostile vendor. More people and seeds by hand: `send.py`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest
import send


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_nobody_twice_nobody_forgotten(seed) -> None:
    """Two languages, four channels, 3 % invalid numbers, 1 % opted out, bursts of 429, 503 after acceptance, hangs,
    kill -9; the tally is the vendor's."""
    found = asyncio.run(asyncio.wait_for(send.trial(300, seed), 500))
    assert found["kills"] >= 1
    assert found["sms sent"] + found["sms failed"] + found.get("sms in_doubt", 0) == 300
    assert found["voice sent"] + found["voice failed"] + found.get("voice in_doubt", 0) == 300


def test_ctrl_c_says_what_it_waits_for_and_a_second_one_lets_go(tmp_path) -> None:
    """A send at a carrier's pace may take hours. What was under way is settled by `resume`,
    and nobody is told twice."""

    async def work() -> tuple[int, str, int, int, dict[str, int]]:
        vendors = send.Vendors()
        await vendors.start("127.0.0.1", send.free_port("127.0.0.1"))
        numbers = send.configure(tmp_path, 3_000, vendors)
        channels = [a for c in send.CHANNELS for a in ("--channel", c)]
        env = {**os.environ, "PYTHONPATH": str(send.ROOT), "BCP_CONFIG": str(tmp_path / "bcp.yaml"), "NONE": "eA=="}
        told = tmp_path / "told"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bcp", "comms", "send", "employees", "employees-investigating", "--class", "A",
            "--yes", *channels,
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told.open("wb"))  # fmt: skip

        async def until(what) -> None:
            async with asyncio.timeout(120):
                while not what():
                    await asyncio.sleep(0.02)

        await until(lambda: len(vendors.sms) > 50)
        process.send_signal(signal.SIGINT)
        await until(lambda: "a second Ctrl-C" in told.read_text())
        process.send_signal(signal.SIGINT)
        code, taken = await process.wait(), len(vendors.sms)
        again = await send.command(tmp_path, "resume", "-q", kill_after=None)
        result = send.check(tmp_path, numbers, vendors)
        await vendors.stop()
        return code, told.read_text(), taken, again, result

    code, text, taken, again, result = asyncio.run(work())
    assert code == 130 and "stopping when send is through" in text and "Traceback" not in text
    assert taken < 3_000 and again == 0
    assert result == {"sms sent": 3_000, "voice sent": 3_000}
