"""Kill a run at any instant, resume it, kill it again, and count:
nothing done twice, nothing lost, everything in flight in doubt.

Each process is forked from one that has imported everything, so that a trial costs a few hundredths of a second.
Run more by hand: python tests/crash/harness.py 1000
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import services

from bcp import registry
from bcp.engine.approvals import JournalApprovals
from bcp.engine.events import Progress
from bcp.engine.runner import Runner, nodes_of
from bcp.engine.state import replay
from bcp.kernel.clock import SystemClock
from bcp.playbook.load import loads
from bcp.plugins.engines.embedded import EmbeddedStore, send_signal
from bcp.store.sqlite.state import SqliteState
from bcp.testing.effects import Effect, Recorder

PLAYBOOK = """
version: 1
name: crash
title: Twenty steps, all kinds of action, four wide, a gate
ready:
  - {id: relay-ok, uses: relay.check, with: {relay: mx-backup}}
  - {id: mx-ok, uses: dns.mx.check, with: {domains: "{{ domains }}"}}
steady_state:
  before: [{id: really, uses: verdict, expect: "outputs.state == 'down'"}]
activation:
  - {id: gate, uses: approval, with: {from: [oncall], min: 1, timeout: 30s}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}, needs: [gate], undo: automatic}
  - {id: e1, uses: test.effect, with: {ms: 4}, needs: [gate], undo: automatic}
  - {id: e2, uses: test.effect, with: {ms: 2, fail: 1}, needs: [gate], retry: {count: 2, delay: 5ms}, undo: automatic}
  - {id: e3, uses: test.effect, with: {ms: 6, probe: PROBE}, needs: [gate], undo: automatic}
  - {id: each, uses: test.effect, for_each: [a, b, c], with: {ms: 2}, needs: [mx], undo: automatic}
  - {id: tell, uses: notify, with: {audience: staff, template: hello, channels: [sms]}, needs: [mx]}
  - {id: page, uses: status_page.publish, with: {template: hello}, needs: [e1], undo: automatic}
  - {id: tool, uses: shell, with: {run: [tool, once], probe: [seen, once]}, needs: [e1], irreversible: a test}
  - {id: hook, uses: http.call, with: {url: "http://x.test/", idempotency_header: Idempotency-Key}, needs: [e2], \
irreversible: a test}
  - {id: canary, uses: mail.canary, with: {to: a@corp.test}, needs: [e2]}
  - {id: nap, uses: wait, with: {for: 5ms}, needs: [e3]}
  - {id: sure, uses: verify, with: {that: "{{ steps.mx.outputs.everywhere }}"}, needs: [mx]}
  - {id: e4, uses: test.effect, with: {ms: 3}, needs: [each, tell, page, tool], undo: automatic}
  - {id: e5, uses: test.effect, with: {ms: 3}, needs: [hook, canary, nap, sure], undo: automatic}
  - {id: last, uses: test.effect, with: {ms: 1, dies: DIES}, needs: [e4, e5], undo: automatic}
always:
  - {id: report, uses: report.write}
"""
CHECKSUM = "c" * 64
RUN = "run-crash"


def text(*, probe: bool, dies: bool) -> str:
    """The playbook of a trial."""
    return PLAYBOOK.replace("PROBE", str(probe).lower()).replace("DIES", str(dies).lower())


def file_of(folder: Path) -> Path:
    """The run's file in the state folder of a trial."""
    return folder / "runs" / f"{RUN}.db"


def prepare(folder: Path, book: str) -> None:
    """The run's file, before its first process."""
    loaded = loads(book)
    from dataclasses import asdict

    EmbeddedStore().create(file_of(folder), {"plan": {}, "nodes": [asdict(n) for n in nodes_of(loaded)]})


def work(folder: Path, book: str) -> int:
    """What one process does."""
    loaded, recorder = loads(book), Recorder(folder / "effects")
    path, clock = file_of(folder), SystemClock()

    async def run() -> int:
        state = SqliteState(folder)
        lock = state.runs.lock(RUN)
        assert lock.take(), "the kernel did not free the lock of the dead process"
        lease = state.leases.take(RUN, {"mx:corp.test"})
        journal = state.runs.open(RUN, clock, lease)

        def listen(progress: Progress) -> None:
            if progress.kind == "gate":
                send_signal(path, "approve", "p1", {"checksum": CHECKSUM, "step": progress.step}, clock.now())

        approvals = JournalApprovals(
            journal,
            clock,
            lambda refs: frozenset({"p1", "p2"}),
            initiator="nobody",
            checksum=CHECKSUM,
            standing=dict,
            listener=listen,
            poll_s=0.005,
        )
        given = services(folder, recorder, journal, approvals, RUN, CHECKSUM)
        actions = {**registry.actions(), "test.effect": Effect(recorder)}
        scope = {"domains": ["corp.test"], "inputs": {}, "vars": {}, "run": {"id": RUN}, "service": {"name": "x"}}
        runner = Runner(loaded, actions, given, journal, scope, {}, listener=listen)
        ending = await runner.work()
        journal.close()
        lease.release()
        lock.release()
        return ending.code

    import bcp.engine.perform as perform
    import bcp.engine.runner as runner_module

    runner_module.POLL_S = 0.005
    perform.DOUBT_PAUSES_S = (0.0,)
    return asyncio.run(run())


def child(folder: Path, book: str, kill_after_s: float | None) -> int | None:
    """Fork, perhaps kill -9 after a while. The exit code, or ``None`` when it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            code = work(folder, book)
        except BaseException as error:
            (folder / "fault").write_text(repr(error))
        finally:
            os._exit(code)
    if kill_after_s is not None:
        deadline = time.monotonic() + kill_after_s
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
    else:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise AssertionError(f"{folder}: a process did not end in 180 s")
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return None if code == -signal.SIGKILL else code


@dataclass
class Outcome:
    """What all trials together found."""

    trials: int = 0
    kills: int = 0
    in_doubt: int = 0
    happened: int = 0
    asked_people: int = 0
    repeated: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unreported: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def keys_done(lines: list[str]) -> set[str]:
    """Keys of effects that really happened, from the record."""
    return {line.removeprefix("do ").removeprefix("sms ") for line in lines if line.startswith(("do run-", "do sms "))}


def look(folder: Path, outcome: Outcome, seed: int) -> None:
    """After a kill: whatever happened must be claimed; whatever is not settled counts as in doubt."""
    record = EmbeddedStore().view(file_of(folder))
    if damage := SqliteState(folder).runs.damage(RUN):
        outcome.wrong.append(f"{seed}: after a kill: {damage}")
    states = {e.key: e.state for e in record.effects}
    done = keys_done(Recorder(folder / "effects").lines())
    outcome.unreported += [f"{seed}: {k} happened without a claim" for k in done if k not in states]
    doubtful = [k for k, s in states.items() if s != "settled"]
    outcome.in_doubt += len(doubtful)
    outcome.happened += sum(1 for k in doubtful if k in done)


def settle_by_hand(folder: Path) -> int:
    """What a person does who looked into the other system's log."""
    record = EmbeddedStore().view(file_of(folder))
    done = keys_done(Recorder(folder / "effects").lines())
    doubtful = [e for e in record.effects if e.state == "in_doubt"]

    async def write() -> None:
        journal = EmbeddedStore().open(file_of(folder), SystemClock())
        for effect in doubtful:
            state = (
                {"state": "done", "summary": "by hand", "outputs": {"line": effect.key}, "changed": True}
                if effect.key in done
                else {"state": "void"}
            )
            await journal.settle(effect.key, state, event="doubt_settled", step=effect.step, actor="harness")
        journal.close()

    asyncio.run(write())
    return len(doubtful)


def trial(seed: int, outcome: Outcome, length_s: float) -> None:
    """One run, killed up to four times, then finished and counted."""
    rng = random.Random(seed)
    dies, probe = rng.random() < 0.3, rng.random() < 0.6
    with tempfile.TemporaryDirectory(prefix="bcp-crash-") as name:
        folder, book = Path(name), text(probe=probe, dies=dies)
        prepare(folder, book)
        code: int | None = None
        for number in range(rng.randint(1, 4)):
            code = child(folder, book, rng.uniform(0.0, length_s if number == 0 else length_s / 3))
            if code is None:
                outcome.kills += 1
                look(folder, outcome, seed)
            elif code != 4:
                break
        for _ in range(6):
            if code not in (None, 4):
                break
            code = child(folder, book, None)
            if code == 4:
                outcome.asked_people += settle_by_hand(folder)
        count(folder, book, outcome, seed, code, dies)
    outcome.trials += 1


def count(folder: Path, book: str, outcome: Outcome, seed: int, code: int | None, dies: bool) -> None:
    """At the end: every effect once, every undo once and in reverse, the state as it must be."""
    lines = Recorder(folder / "effects").lines()
    wanted_code = 1 if dies else 0
    if code != wanted_code:
        fault = (folder / "fault").read_text() if (folder / "fault").exists() else ""
        record = EmbeddedStore().view(file_of(folder))
        ended = [
            f"{e.step} {e.data.get('status')} {e.data.get('error')}"
            for e in record.events
            if e.kind == "step_finished" and e.data.get("status") not in {"ok", "unchanged"}
        ]
        outcome.wrong.append(f"{seed}: ended with {code}, not {wanted_code} {fault} {ended[:3]}")
        return
    once = Counter(
        _effect(line) for line in lines if line.startswith("do ") and not line.startswith(("do canary", "do http"))
    )
    outcome.repeated += [f"{seed}: {what} {n} times" for what, n in once.items() if n > 1]
    wanted = (
        {"e1", "e2", "e3", "each[0]", "each[1]", "each[2]", "e4", "e5", "mx relay.test.", "shell once", "page"}
        | {f"sms p{i}" for i in range(6)}
        | (set() if dies else {"last"})
    )
    view = EmbeddedStore().view(file_of(folder))
    state = replay(nodes_of(loads(book)), view.events)
    outcome.lost += [
        f"{seed}: {what}; the run failed at {state.failed_step}: {state.reason}" for what in wanted - set(once)
    ]
    if state.status != ("failed" if dies else "done"):
        outcome.wrong.append(f"{seed}: the run is {state.status}")
    room = SqliteState(folder)
    if damage := room.runs.damage(RUN):
        outcome.wrong.append(f"{seed}: {damage}")
    if room.runs.card(RUN).status != state.status or room.leases.holders():
        outcome.wrong.append(f"{seed}: the index says {room.runs.card(RUN)}; {room.leases.holders()}")
    fences = [e.data["fence"] for e in view.events if "fence" in e.data]
    if fences != sorted(fences):
        outcome.wrong.append(f"{seed}: numbers of leases go back: {fences}")
    if dies:
        undone = Counter(line for line in lines if line.startswith("undo "))
        outcome.repeated += [f"{seed}: {what} {n} times" for what, n in undone.items() if n > 1]
        missing = [s for s in ("e1", "e2", "e3", "each", "e4", "e5", "mx", "page") if state.steps[s].status != "undone"]
        outcome.lost += [
            f"{seed}: {s} was not undone but is {state.steps[s].status} {state.steps[s].error}" for s in missing
        ]


def _effect(line: str) -> str:
    """``do run-crash/e1#0`` is ``e1``; attempts of one step are one effect."""
    body = line.removeprefix("do ")
    if body.startswith("sms "):
        return "sms " + body.rsplit("/", 1)[1]
    if body.startswith("page "):
        return "page"
    return body.removeprefix(f"{RUN}/").split("#")[0]


def main(trials: int, first: int = 0) -> Outcome:
    """All trials."""
    with tempfile.TemporaryDirectory(prefix="bcp-crash-") as name:
        folder, book = Path(name), text(probe=True, dies=False)
        prepare(folder, book)
        began = time.monotonic()
        code = child(folder, book, None)
        length = time.monotonic() - began
        assert code == 0, ((folder / "fault").read_text() if (folder / "fault").exists() else "", code)
    outcome = Outcome()
    for seed in range(first, first + 3 * trials):
        if outcome.trials >= trials and outcome.kills >= trials:  # a slow machine ends more runs before the kill
            break
        trial(seed, outcome, length * 1.05)
    return outcome


if __name__ == "__main__":
    found = main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(
        f"{found.trials} trials, {found.kills} kills, {found.in_doubt} in doubt (of which {found.happened} had "
        f"happened), {found.asked_people} settled by a person"
    )
    print(
        f"repeated {len(found.repeated)}, lost {len(found.lost)}, unreported {len(found.unreported)}, wrong "
        f"{len(found.wrong)}"
    )
    for line in [*found.repeated, *found.lost, *found.unreported, *found.wrong][:20]:
        print("  ", line)
