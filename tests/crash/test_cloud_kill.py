"""Kill -9 in the middle of a switch and a failback at each cloud provider: what stands is one of the two whole sets,
and whoever begins again repeats nothing.

More by hand: ``BCP_CLOUD_KILLS=70 python -m pytest -n 0 tests/crash/test_cloud_kill.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from unit.plugins.dns import test_azure, test_cloudflare, test_google, test_route53

from bcp.contracts.dns import SwapOrder, SwapState

KILLS = int(os.environ.get("BCP_CLOUD_KILLS", "8"))
DOMAIN = "two.test"


class Cloudflare(test_cloudflare.Cloud):
    """The same stage, spoken to as the others are."""

    __test__ = False

    def settings(self, who: str, **more):
        return super().settings(test_cloudflare.GOOD, settle="200ms", **more)

    def there(self, zone, domain):
        return self.run(self.served(domain))


STAGES = {
    "azure": test_azure.Azure,
    "cloudflare": Cloudflare,
    "google": test_google.Google,
    "route53": test_route53.Route53,
}
pytestmark = pytest.mark.slow


class Trial:
    """One provider's emulator, and the process that makes children."""

    def __init__(self, kind: str) -> None:
        self.kind, self.stage = kind, STAGES[kind]()
        self.stage.setup_method()
        folder = Path(__file__).parent
        self.nursery = subprocess.Popen(
            [sys.executable, str(folder / "nursery.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        settings = self.stage.settings("good").model_dump(mode="json")
        for key in ("timeout", "settle"):
            settings[key] = f"{settings[key]}s"
        job = {"kind": kind, "settings": settings, "domain": DOMAIN}
        self.job = {**job, "before": self.stage.before.to_data(), "after": self.stage.after.to_data()}

    def child(self, kill_s: float | None) -> tuple[int, float]:
        """Let one run, perhaps be killed after so many seconds; how it ended, and when."""
        assert self.nursery.stdin is not None and self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps({**self.job, "kill_s": kill_s}) + "\n")
        self.nursery.stdin.flush()
        status, seconds = self.nursery.stdout.readline().split()
        return int(status), float(seconds)

    def swap(self, old, new):
        """By a process that knows nothing of the child: this one."""

        async def work():
            host = self.stage.host()
            (swap,) = await host.swap([SwapOrder(DOMAIN, old, new)])
            await host.close()
            return swap

        return self.stage.run(work())

    def quiet(self) -> None:
        """What a child had sent before its end is worked on before this ends."""
        for _ in range(5):
            self.stage.call(asyncio.sleep(0.01))

    def there(self):
        return self.stage.there(self.stage.zones[DOMAIN], DOMAIN)

    def close(self) -> None:
        assert self.nursery.stdin is not None
        self.nursery.stdin.close()
        self.nursery.wait(120)
        self.stage.teardown_method()


@pytest.fixture(params=sorted(STAGES))
def trial(request):
    made = Trial(request.param)
    yield made
    made.close()


def test_whoever_is_killed_leaves_one_whole_set_and_nothing_is_repeated(trial) -> None:
    stage, chance = trial.stage, random.Random(7)
    assert trial.child(None)[0] == 0 and stage.before.equal(trial.there()) and stage.lab.changes == 2
    whole_s = max(trial.child(None)[1] for _ in range(2))
    ends: Counter[str] = Counter()
    for n in range(KILLS):
        stage.run(stage.reset())
        made = stage.lab.changes
        status, _ = trial.child(whole_s * (n + chance.random()) / KILLS)
        trial.quiet()
        there, moved = trial.there(), stage.lab.changes - made
        assert stage.before.equal(there) or stage.after.equal(there), f"there stands {there}"
        assert stage.after.equal(there) is (moved == 1), "a change was made twice"
        ends[f"{'killed' if status else 'ended'} after {moved}"] += 1
        again = trial.swap(stage.before, stage.after)
        assert again.state is (SwapState.ALREADY if moved == 1 else SwapState.APPLIED), again
        back = trial.swap(stage.after, stage.before)
        assert back.state is SwapState.APPLIED and stage.before.equal(trial.there()), back
        assert stage.lab.changes - made == 2 if moved < 2 else 4
    print(trial.kind, f"{whole_s:.2f} s,", dict(ends))
    assert sum(ends.values()) == KILLS
