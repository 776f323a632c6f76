"""The same in fewer games with real processes: ``bcp serve`` and ``bcp run`` killed by the kernel, over real sockets.

``BCP_KILL_GAMES`` says how many games; ``BCP_SEED`` chooses others.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from server.world import World, alert

from bcp.testing.command import environment
from bcp.testing.lab import Lab
from bcp.wiring.shipped import SHIPPED

GAMES, SEED = int(os.environ.get("BCP_KILL_GAMES", "0")), int(os.environ.get("BCP_SEED", "0"))
OVER = {"done", "failed", "aborted"}


class Processes:
    """A world and what was said in it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance, self.story = chance, list[str]()
        self.lab = Lab(folder / "lab")
        (folder / "world").mkdir()
        self.world = World(folder / "world", lab=self.lab)
        text = (SHIPPED / "exchange-failback.yaml").read_text()
        for long, short in (("default: 10m, desc", "default: 1s, desc"), ("default: 30s, desc", "default: 1s, desc")):
            assert long in text
            text = text.replace(long, short)
        (folder / "world" / "playbooks" / "exchange-failback.yaml").write_text(text)
        self.world.start()
        self.tokens = {p: self.world.token(p, contact=p) for p in ("alice", "bob")}
        self.yes: set[str] = set()
        """Runs to which a yes was given, or may have been when the daemon died."""
        self.mx = self.place()
        self.kills = 0
        self.commands: list[subprocess.Popen[str]] = []

    def tell(self, text: str) -> None:
        self.story.append(f"{time.strftime('%H:%M:%S')} [{self.mx}] {text}")

    def place(self) -> str:
        """Where mail goes, as the lab's name server has it."""
        mx = str(json.loads((self.lab.folder / "count.json").read_text())["mx"])
        return "relay" if "mx.backup" in mx else "primary"

    def api(self, path: str, body: Any = None, who: str = "alice") -> tuple[int, Any]:
        """The API; (0, None) when nobody listens or it dies meanwhile."""
        try:
            return self.world.api(path, body, token=self.tokens[who])
        except (OSError, ValueError, HTTPException):
            return 0, None

    # -- deeds ---------------------------------------------------------------------------------------------------

    def breaks(self) -> None:
        how = self.chance.choice(["refuse", "451"])
        self.world.break_(how)
        self.tell(f"Exchange: {how}")

    def heals(self) -> None:
        self.world.heal()
        self.tell("Exchange works")

    def hook(self) -> None:
        try:
            said = self.world.hook(alert(self.chance.choice(["firing", "firing", "resolved"])))
        except OSError:
            said = (0, {})
        self.tell(f"hook: {said}")
        assert said[0] in {0, 202}, said

    def answer(self) -> None:
        status, asked = self.api("/questions")
        for q in asked if status == 200 else ():
            who = self.chance.choice(["alice", "bob"])
            self.yes.add(q["run"])
            said = self.api(f"/questions/{q['id']}/answer", {"yes": True, "checksum": q["checksum"]}, who)
            self.tell(f"{who} says yes to {q['run']}: {said}")
            assert said[0] < 500, said

    def kill(self) -> None:
        time.sleep(self.chance.random() * 0.4)
        process = self.world.process
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait(120)
        self.kills += 1
        self.tell("the daemon is killed")
        self.world.start()

    def command(self) -> None:
        words = self.chance.choice([("run", "exchange-inbound-outage", "--yes", "--no-hold"), ("failback", "--yes")])
        env = environment(BCP_CONFIG=str(self.world.config))
        made = subprocess.Popen([sys.executable, "-m", "bcp", *words], env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.commands.append(made)
        self.tell(f"bcp {' '.join(words)} begins")

    def kill_command(self) -> None:
        alive = [c for c in self.commands if c.poll() is None]
        if alive:
            self.chance.choice(alive).kill()
            self.kills += 1
            self.tell("a command is killed")

    def wait(self) -> None:
        time.sleep(self.chance.choice([0.3, 1.0, 3.0]))

    # -- judging -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """MX moves only once somebody said yes; nothing is a fault of ours."""
        now = self.place()
        if now != self.mx:
            self.tell(f"MX is at the {now}")
            assert self.yes, "MX moved and nobody had said yes"
            self.mx = now
        text = self.world.errors.read_text()
        assert "Traceback" not in text, text[-3000:]
        for done in [c for c in self.commands if c.poll() is not None]:
            self.commands.remove(done)
            said = "".join(done.communicate())
            assert done.returncode in {0, 1, 2, 3, 4, 5, -9}, said
            assert "Traceback" not in said and "fault in bcp" not in said, said

    def finish(self) -> None:
        """The world is well; one command each ends what is left."""
        self.heals()
        for c in self.commands:
            c.kill()
            c.communicate()
        self.commands.clear()
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            status, runs = self.api("/runs")
            left = [r for r in runs if r["status"] not in OVER] if status == 200 else []
            if status == 200 and not left:
                break
            for r in left:
                self.end(r)
            self.answer()
            time.sleep(0.4)
        else:
            raise AssertionError(f"these runs do not end: {left}")
        for found in self.api("/incidents")[1]:
            if found["state"] != "closed":
                said = self.api(f"/incidents/{found['id']}/close", {"reason": "the game is over"})
                assert said[0] == 200 or said[1]["rule"] == "closed", said
        assert self.world.run("incident", "verify").returncode == 0
        done = self.world.run("audit", "verify")
        assert done.returncode == 0, done.stdout + done.stderr
        self.check()

    def end(self, run: dict[str, Any]) -> None:
        """By what fits its state."""
        name = run["id"]
        if run["status"] == "in_doubt":
            full = self.api(f"/runs/{name}")[1]
            for step in [s["id"] for s in full["steps"] if s["status"] == "in_doubt"]:
                happened = step != "mx" or (self.place() == ("primary" if run["parent"] else "relay"))
                self.tell(f"settle {step}: {self.api(f'/runs/{name}/settle', {'what': step, 'happened': happened})}")
            self.api(f"/runs/{name}/resume", {})
            return
        if run["playbook"] == "exchange-failback" and run["live"]:
            return
        status, shown = self.api(f"/runs/{name}/abort")
        if status == 200:
            body = {"consequence": shown["consequence"], "anyway": shown["anyway"]}
            if shown["moves_mail"]:
                self.yes.add(name)
            self.tell(f"end {name} ({run['status']}): {self.api(f'/runs/{name}/abort', body)}")

    def close(self) -> None:
        for c in self.commands:
            c.kill()
            c.communicate()
        self.world.close()
        self.lab.stop()


DEEDS = (
    "breaks",
    "heals",
    "hook",
    "hook",
    "answer",
    "answer",
    "kill",
    "kill",
    "command",
    "kill_command",
    "wait",
    "wait",
)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("game", range(GAMES))
def test_processes_are_killed_by_the_kernel(tmp_path, game) -> None:
    chance = random.Random(f"{SEED}/{game}")
    house = Processes(tmp_path, chance)
    try:
        house.breaks()
        house.hook()
        for _ in range(14):
            getattr(house, chance.choice(DEEDS))()
            house.check()
        house.finish()
        print(f"{house.kills} kills")
    except BaseException:
        print("\n".join(house.story))
        raise
    finally:
        house.close()
