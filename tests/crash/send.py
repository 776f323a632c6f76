"""A send to many people, with a hostile vendor and kill -9 in the middle:
nobody twice, nobody forgotten, everybody in one state.

By hand, twenty seeds and 10,000 people: python tests/crash/send.py 10000 20
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from bcp.lab.net import free_port  # noqa: E402
from bcp.lab.vendors import Vendors  # noqa: E402
from bcp.plugins.engines.embedded import EmbeddedStore  # noqa: E402

CHANNELS = ("sms", "voice", "slack", "status-page")


def configure(folder: Path, people: int, vendors: Vendors) -> list[str]:
    """A configuration and its contacts; returns the numbers, in order."""
    for name, value in {"sid": vendors.twilio_sid, "token": vendors.twilio_token, "slack": vendors.slack_token}.items():
        (folder / name).write_text(value)
        (folder / name).chmod(0o600)
    numbers = [f"+49151{10_000_000 + i}" for i in range(people)]
    rows = [f"p{i},Person {i},{n},{'de' if i % 2 else 'en'},staff" for i, n in enumerate(numbers)]
    (folder / "contacts.csv").write_text("id,name,phone,language,groups\n" + "\n".join(rows) + "\n")
    end = "1s" if vendors.chaos else "60s"  # only a hostile vendor hangs; a busy machine is late
    keys = "account_sid: file:sid, auth_token: file:token"
    base = f"{keys}, api_url: '{vendors.url}', timeout: {end}, concurrency: 40"
    (folder / "bcp.yaml").write_text(
        f"version: 1\norganisation: {{name: Corp, languages: [en, de]}}\ndomains: [{{name: corp.test, dns: main}}]\n"
        "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
        f"channels:\n  sms: {{kind: twilio-sms, from: '+15005550006', {base}}}\n"
        f"  voice: {{kind: twilio-voice, from: '+15005550006', {base}}}\n"
        f"  slack: {{kind: slack, token: file:slack, channel: C0LAB000001, api_url: '{vendors.url}', timeout: {end}}}\n"
        f"  status-page: {{kind: status-page, folder: public}}\n"
        "contacts: {file: contacts.csv}\naudiences: {employees: {groups: [staff]}}\n"
    )
    return numbers


async def command(folder: Path, *arguments: str, kill_after: float | None) -> int:
    """The command, as its own process; perhaps killed."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(folder / "bcp.yaml"), "NONE": "eA=="}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bcp",
        *arguments,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=(folder / "out").open("ab"),
        stderr=(folder / "err").open("ab"),
    )
    begun = time.monotonic()
    while (
        kill_after is not None
        and process.returncode is None
        and not list((folder / ".bcp" / "runs").glob("*.db"))
        and time.monotonic() < begun + 60
    ):
        await asyncio.sleep(0.02)  # a busy machine takes its time to begin; there is nothing to kill before
    try:
        return await asyncio.wait_for(process.wait(), kill_after) if kill_after is not None else await process.wait()
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        return await process.wait()


async def trial(people: int, seed: int) -> dict[str, int]:
    """One send. Raises ``AssertionError`` with what is wrong."""
    rng = random.Random(seed)
    vendors = Vendors(chaos=random.Random(seed))
    await vendors.start("127.0.0.1", free_port("127.0.0.1"))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bcp-send-") as name:
        folder = Path(name)
        numbers = configure(folder, people, vendors)
        marked = rng.sample(numbers, max(2, people // 25))
        cut = len(marked) * 3 // 4
        vendors.invalid_numbers, vendors.opted_out = set(marked[:cut]), set(marked[cut:])
        kills = 0
        channels = [a for c in CHANNELS for a in ("--channel", c)]
        code = await command(
            folder,
            "comms",
            "send",
            "employees",
            "employees-investigating",
            "--class",
            "A",
            "--yes",
            "-q",
            *channels,
            kill_after=0.2 + rng.random() * (1 + people / 400),
        )
        while code in {-9, 4, 1} and kills < 12:
            kills += code == -9
            if (
                people >= 5_000 and rng.random() < 0.7
            ):  # by hand: the text names a time, and is another in the next minute
                await asyncio.sleep(60 - time.time() % 60)
            again = rng.random() * (1 + people / 400) + 0.8 if kills < 3 and code == -9 and rng.random() < 0.5 else None
            code = await command(folder, "resume", "-q", kill_after=again)
            if code == 4 and again is None:
                break
        result = check(folder, numbers, vendors)
        result |= {"kills": kills, "code": code, "seconds": round(time.monotonic() - start)}
        await vendors.stop()
        return result


def check(folder: Path, numbers: list[str], vendors: Vendors) -> dict[str, int]:
    """Ledger against the vendor's own books."""
    (path,) = (
        (folder / ".bcp" / "runs").glob("*.db")
        if list((folder / ".bcp" / "runs").glob("*.db"))
        else (folder / ".bcp" / "runs").glob("*" + EmbeddedStore().suffix)
    )
    record = EmbeddedStore().view(path)
    ledger = {e.key: e for e in record.effects if e.key.count("/") >= 2}
    books = {"sms": Counter(m["to"] for m in vendors.sms), "voice": Counter(c["to"] for c in vendors.calls)}
    states: Counter[str] = Counter()
    for channel, book in books.items():
        doubled = [n for n, c in book.items() if c > 1]
        assert not doubled, f"{channel}: {len(doubled)} people twice: {doubled[:3]}"
        for i, number in enumerate(numbers):
            effect = _find(ledger, channel, f"p{i}")

            assert effect is not None, f"{channel}: p{i} is forgotten"
            state = "in_doubt" if effect.state != "settled" else str((effect.outcome or {})["state"])
            states[f"{channel} {state}"] += 1
            taken = book[number]
            assert (state, taken) in {("sent", 1), ("failed", 0), ("in_doubt", 0), ("in_doubt", 1)}, (
                channel,
                number,
                state,
                taken,
                effect,
            )
            if number in vendors.invalid_numbers or (channel == "sms" and number in vendors.opted_out):
                assert state in {"failed", "in_doubt"}
    slack = Counter(json.dumps((p.get("metadata") or {}).get("event_payload")) for p in vendors.posts)
    assert all(c == 1 for c in slack.values()) and len(slack) <= 1, slack
    assert not vendors.complaints, vendors.complaints[:3]
    reported = [e for e in record.events if e.kind == "step_finished" and e.step == "send"]
    if reported:
        told = reported[-1].data.get("outputs", {}).get("channels", {})
        for channel in books:
            assert (
                told[channel]["sent"]
                == states[f"{channel} sent"]
                == sum(books[channel].values()) - states_taken_in_doubt(ledger, channel, numbers, books[channel])
            ), (channel, told[channel], states)
            assert told[channel]["failed"] == states[f"{channel} failed"]
    return dict(states)


def _find(ledger, channel: str, person: str):
    if not hasattr(_find, "index") or _find.index[0] is not ledger:
        _find.index = (ledger, {tuple(k.split("/")[-2:]): e for k, e in ledger.items()})
    return _find.index[1].get((channel, person))


def states_taken_in_doubt(ledger, channel: str, numbers: list[str], book: Counter) -> int:
    """Taken by the vendor and still in doubt with us."""
    return sum(1 for i, n in enumerate(numbers) if book[n] and _find(ledger, channel, f"p{i}").state != "settled")


def main() -> None:
    people, seeds = int(sys.argv[1]), int(sys.argv[2])
    total: Counter[str] = Counter()
    for seed in range(seeds):
        found = asyncio.run(trial(people, seed))
        print(seed, found, flush=True)
        total.update(found)
    print("all", dict(total))


if __name__ == "__main__":
    main()
