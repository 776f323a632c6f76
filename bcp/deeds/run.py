"""Run a plan: start it, go on with it, try it dry."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bcp import registry
from bcp.contracts.journal import Journal
from bcp.contracts.services import RunInfo
from bcp.contracts.store import Lease, LeaseLost, Lock
from bcp.deeds.bind import bind
from bcp.deeds.circumstances import clock_source
from bcp.deeds.plan import make_plan, request_of_plan, run_info
from bcp.deeds.volunteers import as_exercised
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, nobody
from bcp.engine.judge import PlanJudge
from bcp.engine.runner import Runner, interrupt_handler, nodes_of
from bcp.engine.state import FINAL
from bcp.kernel.errors import Refused, StorageError
from bcp.kernel.hashing import digest
from bcp.kernel.signals import enders
from bcp.plan.build import Request, base_scope
from bcp.plan.model import Plan, check_runnable, differences, from_data, refuse, unread
from bcp.playbook.load import Loaded, loads
from bcp.wiring import App


async def start(
    app: App,
    plan: Plan,
    *,
    listener: Listener = nobody,
    hold: bool = True,
    started: Callable[[str], None] | None = None,
    signals: bool = True,
    control: Callable[[Runner], None] | None = None,
    starter: str = "",
    incident: str = "",
) -> tuple[str, Ending]:
    """Run a plan, if it may still be run.

    ``starter``: the person who starts it, who may be another than the one who made the plan. Neither may approve it.

    Raises:
        Refused: stale, changed, expired, used, somebody is on the target, it must rest.
        StorageError: nothing was begun, or the run is paused.
    """
    loaded = loads(plan.playbook_text, plan.playbook_file)
    current = _text_of(plan)
    check_runnable(plan, app.clock.now(), configuration=app.configuration.fingerprint(), playbook_text=current)
    request = request_of_plan(app, plan, loaded)

    async def check() -> None:
        fresh = await make_plan(app, request)
        if fresh.fingerprint() != plan.fingerprint():
            refuse(unread(fresh))
            moved = "; ".join(differences(plan, fresh)[:3])
            raise Refused(
                f"the world has moved since the plan was made: {moved}", rule="plan-stale", hint="Make a new plan."
            )

    data = plan.to_data()
    if plan.kind == "drill" and plan.parent:
        as_exercised(app, plan.parent)
    run_id, lease, lock = await app.running.runs.begin(
        data,
        nodes_of(loaded),
        app.running.rest(loaded),
        check,
        parent=plan.parent,
        about={
            "objectives": loaded.book.objectives.model_dump(mode="json"),
            "starter": starter,
            "incident": incident,
            "clock": clock_source(app),
            "shared_fate": app.playbooks.shared_fate([loaded], app.clock.now()),
        },
    )
    try:
        if started is not None:
            started(run_id)
        return run_id, await _work(
            app, run_id, request, plan, loaded, listener, lease, hold=hold, signals=signals, control=control
        )
    finally:
        _let_go(lease)
        lock.release()


def _let_go(lease: Lease) -> None:
    """A lease that cannot be given back is no reason to lose how the run ended: its lock says that nobody works."""
    with contextlib.suppress(StorageError):
        lease.release()


def _ours(lease: Lease) -> Callable[[], bool]:
    """Is the target still ours? Asked before a write that follows a wait; a store that cannot say says no."""

    def ours() -> bool:
        try:
            lease.check()
        except (LeaseLost, StorageError):
            return False
        return True

    return ours


def _text_of(plan: Plan) -> str | None:
    """The playbook's text today; ``None`` when the file is gone (the plan holds its own copy)."""
    try:
        return Path(plan.playbook_file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


async def resume(
    app: App,
    run_id: str,
    *,
    listener: Listener = nobody,
    hold: bool = True,
    signals: bool = True,
    control: Callable[[Runner], None] | None = None,
) -> Ending:
    """Go on with a run that was stopped, killed, paused or left in doubt."""
    view = app.running.runs.view(run_id)
    if view.state.status in FINAL:
        raise Refused(f"run {run_id} is over ({view.state.status})", rule="run-over", hint="Start a new one.")
    plan = from_data(view.plan)
    loaded = loads(plan.playbook_text, plan.playbook_file)
    if plan.kind == "drill":
        as_exercised(app, run_id)
    with run_lock(app, run_id):
        lease = app.running.runs.lease(app.running.runs.card(run_id), run_id)
        try:
            request = request_of_plan(app, plan, loaded)
            return await _work(
                app, run_id, request, plan, loaded, listener, lease, hold=hold, signals=signals, control=control
            )
        finally:
            _let_go(lease)


@contextlib.contextmanager
def run_lock(app: App, run_id: str) -> Iterator[Lock]:
    """The lock of whoever works on the run. Raises ``Refused`` while another process does."""
    lock = app.running.runs.lock(run_id)
    for _ in range(10):
        if lock.take():
            break
        import time

        time.sleep(0.03)  # noqa: TID251 - a reader may hold it for an instant
    else:
        raise Refused(f"a process is working on {run_id}", rule="run-live", hint=f"bcp status {run_id}")
    with lock:
        yield lock


def _runner(
    app: App,
    request: Request,
    plan: Plan,
    loaded: Loaded,
    journal: Journal,
    run: RunInfo,
    *,
    dry: bool,
    listener: Listener,
    hold: bool,
    lease: Callable[[], bool] = lambda: True,
) -> Runner:
    """The runner of a plan; real and dry runs differ in the services alone."""
    starter = str(journal.meta().get("starter", ""))
    services = bind(app, app.running.services(request, run, journal=journal, dry=dry, listener=listener), {starter})
    reading = app.running.services(request, run, journal=None, dry=True)
    ask = app.settings.serve.ask
    judge = PlanJudge(plan, request, registry.actions(), reading, app.people.approvers, lease, (ask.groups, ask.min))
    planned = {s.id: s.outputs for s in plan.steps}
    scope = base_scope(request, run)
    return Runner(
        loaded,
        registry.actions(),
        services,
        journal,
        scope,
        planned,
        listener=listener,
        hold=hold,
        judge=judge,
        goes_back=lambda: any(c.status not in {"failed", "aborted"} for c in app.running.runs.children(run.id)),
    )


async def _work(
    app: App,
    run_id: str,
    request: Request,
    plan: Plan,
    loaded: Loaded,
    listener: Listener,
    lease: Lease,
    *,
    hold: bool,
    signals: bool = True,
    control: Callable[[Runner], None] | None = None,
) -> Ending:
    try:
        journal = app.running.runs.open(run_id, lease)
        try:
            run = run_info(app, plan, run_id)
            runner = _runner(
                app, request, plan, loaded, journal, run, dry=False, listener=listener, hold=hold, lease=_ours(lease)
            )
            if control is not None:
                control(runner)
            with _signals(runner) if signals else contextlib.nullcontext():
                ending = await runner.work()
        finally:
            journal.close()
        app.running.runs.anchor(run_id, app.running.runs.card(run_id).head, ending.status)
    finally:
        await app.close()
    if ending.status in FINAL:
        _final_report(app, run_id)
    return ending


def _final_report(app: App, run_id: str) -> None:
    """The report that a step of the run wrote could not know how the run ended: write it once more."""
    folder = app.configuration.state / "reports"
    if (folder / run_id).is_dir():
        with contextlib.suppress(StorageError):
            app.running.reporter().write_now(run_id)


@contextlib.contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """TERM, INT and HUP stop the run before its next step; the handler cannot be swallowed by a plug-in."""
    loop, handle = asyncio.get_running_loop(), interrupt_handler(runner)
    mine = []
    for number in enders():
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(number, handle, number)
            mine.append(number)
    try:
        yield
    finally:
        for number in mine:
            loop.remove_signal_handler(number)


async def dry_run(app: App, plan: Plan, *, listener: Listener = nobody) -> tuple[Ending, list[dict[str, Any]]]:
    """The same path with services that write nothing; the journal is thrown away."""
    loaded = loads(plan.playbook_text, plan.playbook_file)
    request = request_of_plan(app, plan, loaded, kind="dry")
    with tempfile.TemporaryDirectory(prefix="bcp-dry-") as folder:
        path = Path(folder) / "dry-run.db"
        app.running.runs.store.create(path, {"plan": {}, "nodes": []})
        journal = app.running.runs.store.open(path, app.clock)
        try:
            run = run_info(app, plan, "dry-run", kind="dry")
            runner = _runner(app, request, plan, loaded, journal, run, dry=True, listener=listener, hold=True)
            with _signals(runner):
                ending = await runner.work()
            rows = [
                {
                    "id": s.id,
                    "phase": s.phase,
                    "status": s.status,
                    "summary": s.summary,
                    "error": s.error,
                    "output_digest": digest(dict(s.outputs)) if s.outputs else "",
                }
                for s in runner.state.steps.values()
            ]
        finally:
            journal.close()
            await app.close()
    return ending, rows
