"""What an operator does, as functions: plan, run, resume, go back. The command line and later the daemon call these."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bcp import registry
from bcp.contracts.dns import MxSet
from bcp.contracts.journal import Journal
from bcp.contracts.services import RunInfo
from bcp.contracts.store import Lease, Lock
from bcp.engine.events import Listener, nobody
from bcp.engine.runner import Ending, Runner, interrupt_handler, nodes_of
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.ids import new_id
from bcp.plan.build import Request, base_scope, build
from bcp.plan.model import Plan, check_runnable, differences, from_data
from bcp.playbook.lint import lint
from bcp.playbook.load import Loaded, input_values, loads
from bcp.wiring import App


def request_for(
    app: App,
    loaded: Loaded,
    *,
    inputs: Mapping[str, str],
    kind: str = "real",
    initiator: str = "",
    automatic: bool = False,
    overrides: Mapping[str, str] | None = None,
    domains: Sequence[str] = (),
    parent: str = "",
) -> Request:
    """What is to be planned. Raises ``Invalid``: lint errors, unknown domains, wrong inputs."""
    facts = app.facts() if loaded.book.name == "comms-send" else frozenset[str]()
    problems = [p for p in lint(loaded, app.catalogue(facts=facts)) if p.severity == "error"]
    if problems:
        raise Invalid.of(problems)
    unknown = [d for d in domains if d not in app.domains]
    if unknown:
        from bcp.kernel.document import did_you_mean  # noqa: PLC0415

        raise Invalid(f"the domain {unknown[0]!r} is not in bcp.yaml", hint=did_you_mean(unknown[0], app.domains))
    recorded = recorded_mx(app.runs.view(parent)) if parent else {}
    return Request(
        loaded,
        input_values(loaded.book, dict(inputs)),
        tuple(domains) or tuple(app.domains),
        app.settings.service,
        app.configuration.fingerprint(),
        kind,
        initiator or app.whoami(),
        automatic,
        dict(overrides or {}),
        parent,
        recorded,
        new_id("plan", app.clock.now()),
        app.settings.plan.valid_for,
        app.peace_data(),
    )


async def make_plan(app: App, request: Request) -> Plan:
    """Read the facts and say what would be done. Writes nothing."""
    placeholder = "run-" + request.plan_id.removeprefix("plan-")  # as long as the real one: texts are counted with it
    run = RunInfo(
        placeholder, request.loaded.book.name, request.kind, request.initiator, "", request.parent, app.clock.now()
    )
    return await build(request, registry.actions(), app.services(request, run, journal=None, dry=True))


def request_of_plan(plan: Plan, loaded: Loaded, valid_for_s: float = 3600.0) -> Request:
    """The request that gave this plan."""
    return Request(
        loaded,
        plan.inputs,
        plan.domains,
        "",
        plan.configuration,
        plan.kind,
        plan.initiator,
        plan.automatic,
        plan.overrides,
        plan.parent,
        plan.recorded,
        plan.id,
        valid_for_s,
    )


async def start(
    app: App,
    plan: Plan,
    *,
    listener: Listener = nobody,
    hold: bool = True,
    started: Callable[[str], None] | None = None,
    signals: bool = True,
    control: Callable[[Runner], None] | None = None,
    incident: str = "",
) -> tuple[str, Ending]:
    """Run a plan, if it may still be run.

    Raises:
        Refused: stale, changed, expired, used, somebody is on the target, it must rest.
        StorageError: nothing was begun, or the run is paused.
    """
    loaded = loads(plan.playbook_text, plan.playbook_file)
    current = _text_of(plan)
    check_runnable(plan, app.clock.now(), configuration=app.configuration.fingerprint(), playbook_text=current)
    request = replace(request_of_plan(plan, loaded), service=app.settings.service, snapshot=app.peace_data())

    async def check() -> None:
        fresh = await make_plan(app, request)
        if fresh.fingerprint() != plan.fingerprint():
            moved = "; ".join(differences(plan, fresh)[:3])
            raise Refused(
                f"the world has moved since the plan was made: {moved}", rule="plan-stale", hint="Make a new plan."
            )

    data = plan.to_data()
    run_id, lease, lock = await app.runs.begin(
        data,
        nodes_of(loaded),
        app.rest(loaded),
        check,
        parent=plan.parent,
        about={"objectives": loaded.book.objectives.model_dump(mode="json"), "incident": incident},
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
    view = app.runs.view(run_id)
    if view.state.status in FINAL:
        raise Refused(f"run {run_id} is over ({view.state.status})", rule="run-over", hint="Start a new one.")
    plan = from_data(view.plan)
    loaded = loads(plan.playbook_text, plan.playbook_file)
    with run_lock(app, run_id):
        lease = app.runs.lease(view.plan, run_id, plan.parent)
        try:
            request = replace(request_of_plan(plan, loaded), service=app.settings.service, snapshot=app.peace_data())
            return await _work(
                app, run_id, request, plan, loaded, listener, lease, hold=hold, signals=signals, control=control
            )
        finally:
            _let_go(lease)


@contextlib.contextmanager
def run_lock(app: App, run_id: str) -> Iterator[Lock]:
    """The lock of whoever works on the run. Raises ``Refused`` while another process does."""
    lock = app.runs.lock(run_id)
    for _ in range(10):
        if lock.take():
            break
        import time  # noqa: PLC0415

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
) -> Runner:
    """The runner of a plan; real and dry runs differ in the services alone."""
    services = app.services(request, run, journal=journal, dry=dry, listener=listener)
    planned = {s.id: s.outputs for s in plan.steps}
    scope = base_scope(request, run)
    return Runner(loaded, registry.actions(), services, journal, scope, planned, listener=listener, hold=hold)


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
    journal = app.runs.open(run_id, lease)
    try:
        run = RunInfo(run_id, plan.playbook, plan.kind, plan.initiator, plan.checksum, plan.parent, app.clock.now())
        runner = _runner(app, request, plan, loaded, journal, run, dry=False, listener=listener, hold=hold)
        if control is not None:
            control(runner)
        with _signals(runner) if signals else contextlib.nullcontext():
            ending = await runner.work()
    finally:
        journal.close()
        await app.close()
    app.runs.anchor(run_id, app.runs.card(run_id).head, ending.status)
    if ending.status in FINAL:
        _final_report(app, run_id)
    return ending


def _final_report(app: App, run_id: str) -> None:
    """The report that a step of the run wrote could not know how the run ended: write it once more."""
    folder = app.configuration.state / "reports"
    if (folder / run_id).is_dir():
        with contextlib.suppress(StorageError):
            app.reporter().write_now(run_id)


@contextlib.contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """TERM, INT and HUP stop the run before its next step; the handler cannot be swallowed by a plug-in."""
    loop, handle = asyncio.get_running_loop(), interrupt_handler(runner)
    mine = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(number, handle, int(number))
            mine.append(number)
    try:
        yield
    finally:
        for number in mine:
            loop.remove_signal_handler(number)


async def dry_run(app: App, plan: Plan, *, listener: Listener = nobody) -> tuple[Ending, list[dict[str, Any]]]:
    """The same path with services that write nothing; the journal is thrown away."""
    loaded = loads(plan.playbook_text, plan.playbook_file)
    request = replace(
        request_of_plan(plan, loaded), service=app.settings.service, snapshot=app.peace_data(), kind="dry"
    )
    with tempfile.TemporaryDirectory(prefix="bcp-dry-") as folder:
        path = Path(folder) / "dry-run.db"
        app.runs.store.create(path, {"plan": {}, "nodes": []})
        journal = app.runs.store.open(path, app.clock)
        try:
            run = RunInfo("dry-run", plan.playbook, "dry", plan.initiator, plan.checksum, plan.parent, app.clock.now())
            runner = _runner(app, request, plan, loaded, journal, run, dry=True, listener=listener, hold=True)
            with _signals(runner):
                ending = await runner.work()
            rows = [
                {"id": s.id, "phase": s.phase, "status": s.status, "summary": s.summary, "error": s.error}
                for s in runner.state.steps.values()
            ]
        finally:
            journal.close()
            await app.close()
    return ending, rows


def recorded_mx(view: RunView) -> dict[str, Any]:
    """The MX each domain had before a run, from what its switch steps recorded."""
    out: dict[str, Any] = {}
    for step in view.state.steps.values():
        for one in step.outputs.get("items", [step.outputs]):
            before = one.get("before") if isinstance(one, Mapping) else None
            if isinstance(before, Mapping):
                for domain, mx in before.items():
                    if isinstance(mx, Mapping) and "hosts" in mx:
                        MxSet.from_data(mx)
                        out.setdefault(domain, mx)
    return out


def failback_source(app: App, text: str) -> RunView:
    """The run to go back from: the one named, else the newest that holds, else the newest that moved MX."""
    if text:
        return app.runs.view(app.runs.find(text))
    forward = app.runs.cards(parent="")
    holding = next((c for c in forward if c.status == "holding" and not c.drill), None)
    moved = next((c for c in forward if c.moved_at and c.status in {"stopped", "done"}), None)
    if found := holding or next((c for c in forward if c.status == "holding"), None) or moved:
        return app.runs.view(found.id)
    raise Invalid("there is no run to go back from", hint="Name one: bcp failback RUN")


async def end_parent(app: App, parent: str, child: str, actor: str, *, listener: Listener = nobody) -> Ending | None:
    """After a failback: tell the run that holds; when nobody works on it, finish it here."""
    view = app.runs.view(parent, effects=False)
    if view.state.status in FINAL:
        return None
    app.runs.tell(parent, "recovered", actor, run=child)
    if view.live:
        return None
    return await resume(app, parent, listener=listener)
