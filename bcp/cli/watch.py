"""``bcp watch``, ``verdict``, ``explain``: what is wrong, how sure, why, and, when told to, act."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import until_told, wait_for
from bcp.cli.live import Timeline
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.detect.decide import Decision
    from bcp.playbook.load import Loaded
    from bcp.wiring import App

EXIT = {"healthy": 0, "suspect": 1, "down": 1, "unknown": 4}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="watch", help="Watch the service. With --run, start a playbook once an outage is confirmed.")(
        watch
    )
    app.command(
        name="verdict", help="Look once more carefully, and say what is wrong. Exit code 0 healthy, 1 not, 4 unknown."
    )(verdict)
    app.command(name="explain", help="Why the verdict is what it is, and what the rules imply, in words.")(explain)


def verdict() -> None:
    """Verdict."""
    app = make_app()
    need_probes(app)
    found = wait_for(_burst(app))
    show(found, app, kept=True)
    raise typer.Exit(EXIT.get(found.state, 4))


async def _burst(app: App) -> Decision:
    """Look now; what is proposed follows from where our runs have left MX."""
    try:
        try:
            app.follower().follow()
        except StorageError as error:  # what is wrong with the service can be said all the same
            render.warn(f"where MX was left is not known: {error.message}")
        return await app.watching.looker.burst(app.watching.watcher.detector.course)
    finally:
        await app.close()


def explain(
    rules: Annotated[
        bool, typer.Option("--rules", help="Only what the configured numbers imply; looks at nothing.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Look now, even if a watch is running.")] = False,
) -> None:
    """Explain."""
    from bcp.detect.rules import in_words

    app = make_app()
    words = in_words(app.watching.rules, len(app.watching.watcher.detector.vantages))
    if rules:
        render.emit("bcp.rules/1", {"rules": words}, "\n".join(render.wrap(w, "  ", "- ") for w in words))
        return
    need_probes(app)
    latest = None if fresh else app.watching.history.latest()
    if latest is not None and app.clock.now() - latest[0] <= 3 * app.watching.rules.interval_s + 5:
        _explain_latest(app, *latest, words)
        return
    found = wait_for(_burst(app))
    show(found, app, reasons=True, words=words)


def _explain_latest(app: App, at: float, data: dict[str, Any], words: list[str]) -> None:
    """What the watch that is running thinks: it knows more than a burst of looks."""
    from bcp.cli.verdict_view import ON_RELAY, aloud_lines, spark
    from bcp.detect.verdict import TITLES
    from bcp.detect.wording import ACTIONS, STAGES

    out = [f"As the watch saw it at {render.clock(at)}:"]
    classes = " and ".join(f"{c} ({TITLES.get(c, c)})" for c in data["classes"])
    out.append(
        f"{app.settings.service} is {render.status_word(data['state'])}"
        + (f", class {classes}, {data['confidence']} % sure" if classes else "")
        + (f" ({STAGES[data['stage']]})" if data["stage"] in STAGES else "")
    )
    out += aloud_lines(data.get("aloud") or ())
    out += [
        f"  {name:<9} {spark(line)} {line[-1]}"
        for name, line in data.get("lines", {}).items()
        if set(line) != {"unknown"}
    ]
    out.append(render.wrap(f"{ACTIONS.get(data['action'], data['action'])}: {data['why']}", "          ", "Proposal: "))
    if data["state"] != "healthy" and data.get("works") and not data.get("aloud"):
        out.append(render.wrap(f"Not broken: {'; '.join(data['works'])}.", "  ", ""))
    if data["state"] != "healthy" and data.get("unseen") and not data.get("aloud"):
        out.append(render.wrap(f"Nobody can see whether {', or whether '.join(data['unseen'])}.", "  ", ""))
    if data.get("domains"):
        out.append(render.wrap(f"It is of {', '.join(data['domains'])}.", "  ", ""))
    for title, key, mark in (
        ("On call has said:", "words", "!"),
        ("Evidence:", "evidence", "-"),
        ("For:", "for", "+"),
        ("Against:", "against", "-"),
        ("What would change it:", "changes", "*"),
        ("Notes:", "notes", "."),
    ):
        if data.get(key):
            out += [title, *(render.wrap(str(t), "    ", f"  {mark} ") for t in data[key])]
    if data["clock"] and data["stage"] not in ON_RELAY:
        out += ["Clock:", *(f"  {c['at']}  {c['what']}" for c in data["clock"])]
    out += ["Rules:", *(render.wrap(w, "    ", "  - ") for w in words)]
    shown = {k: v for k, v in data.items() if k != "memory"}  # what the next watch needs is for no reader
    render.emit("bcp.explain/1", {**shown, "rules": words}, "\n".join(out))


def need_probes(app: App) -> None:
    """Raises ``Invalid`` when nothing is configured to look."""
    if not app.watching.watcher.probes:
        raise Invalid(
            "there is nothing to look at",
            hint="Give domains: primary: and canary: to: in bcp.yaml, or detect: probes:.",
        )


def watch(
    playbook: Annotated[
        str,
        typer.Option(
            "--run", metavar="PLAYBOOK", help="Start this playbook when an outage of a class it covers is confirmed."
        ),
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Every probe once, then end.")] = False,
    until: Annotated[str, typer.Option("--until", help="End when this state is reached: healthy, down.")] = "",
    hold: Annotated[
        bool, typer.Option("--hold/--no-hold", help="After the activation: stay with the run, or leave it holding.")
    ] = True,
    metrics: Annotated[
        str,
        typer.Option("--metrics", metavar="FILE", help="Keep this file current for Prometheus' textfile collector."),
    ] = "",
) -> None:
    """Watch."""
    app = make_app()
    need_probes(app)
    if until not in {"", "healthy", "down"}:
        raise Invalid(f"--until {until!r}: healthy or down", hint="For example --until down")
    if once:
        app.remember()
        found = wait_for(_once(app))
        show(found, app)
        if app.watching.history.problem:
            render.warn(app.watching.history.problem)
        raise typer.Exit(EXIT.get(found.state, 4))
    code = wait_for(until_told(_watch(app, playbook, until, hold=hold, metrics=metrics)))
    if code:
        raise typer.Exit(code)


async def _once(app: App) -> Decision:
    try:
        return await app.watching.watcher.once()
    finally:
        app.watching.history.close()
        await app.close()


async def _watch(app: App, playbook: str, until: str, *, hold: bool, metrics: str) -> int:
    loaded = app.playbooks.load(playbook) if playbook else None
    app.remember()
    screen = _Screen(app, metrics)
    watcher, every = app.watching.watcher, app.settings.detect.interval
    render.say(
        f"Watching {app.settings.service}: {plural(len(watcher.mine), 'probe')} every {every:g} s, "
        f"from {plural(len(watcher.detector.vantages), 'vantage point')}. Ctrl-C ends."
    )
    act = _Starter(app, loaded, hold=hold)
    try:
        async for found in app.watching.watcher.run():
            screen.show(found)
            if until and found.state == until:
                return 0
            if loaded is not None and act.wants(found):
                screen.close()
                return await act.start()
    finally:
        screen.close()
        app.watching.history.close()
        await app.close()
    return 0


class _Screen:
    """A terminal gets a picture that is kept current; everything else a line when something changes."""

    def __init__(self, app: App, metrics: str) -> None:
        self.app, self.metrics = app, metrics
        self._last: tuple[Any, ...] = ()
        self._live: Any = None
        self._warned = ""
        if sys.stdout.isatty() and not render.OUT.json and render.OUT.colour:
            from rich.live import Live  # only for a person at a terminal

            self._live = Live(auto_refresh=False)
            self._live.start()

    def show(self, found: Decision) -> None:
        """The verdict of a round."""
        now = (found.state, found.classes, found.stage, found.action)
        if self._live is not None:
            from rich.text import Text

            from bcp.cli.verdict_view import full

            app = self.app
            text = full(
                found,
                app.settings.service,
                app.clock.now(),
                app.watching.watcher.detector.lines(),
                app.playbook_for(found),
            )
            self._live.update(Text.from_ansi(f"{render.clock(app.clock.now())}  {text}"), refresh=True)
        elif now != self._last:
            show(found, self.app, short=True)
        self._last = now
        self._problems()
        if self.metrics:
            self._write_metrics(found)

    def _write_metrics(self, found: Decision) -> None:
        from pathlib import Path

        from bcp.detect.history import prometheus
        from bcp.kernel.files import write_atomic

        write_atomic(
            Path(self.metrics), prometheus(found, self.app.watching.history.totals, self.app.clock.now()), mode=0o644
        )

    def _problems(self) -> None:
        refused = self.app.watching.spool.refused[-1:] if self.app.settings.detect.vantages else []
        problem = self.app.watching.history.problem or (
            f"an observation was put aside: {refused[0]}" if refused else ""
        )
        if problem and problem != self._warned:
            render.warn(problem)
        self._warned = problem

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class _Starter:
    """When a watch with --run starts its playbook: confirmed, of a class it covers, not flapping, and, where nobody
    will be asked because somebody approved in advance, only when the decision time is over."""

    def __init__(self, app: App, loaded: Loaded | None, *, hold: bool) -> None:
        self.app, self.loaded, self.hold = app, loaded, hold
        self._said = ""

    def wants(self, found: Decision) -> bool:
        """Start now? Raises ``Refused`` for an outage of another class."""
        from bcp.wiring.catalogue import moves_mx

        assert self.loaded is not None
        book = self.loaded.book
        if found.state != "down":
            return False
        if not set(found.classes) & set(book.covers):
            raise Refused(
                f"this is class {', '.join(found.classes) or '?'}; {book.name} is for {', '.join(book.covers)}",
                rule="wrong-class",
                hint="See `bcp playbook list`.",
            )
        moves = moves_mx(book)
        if found.flapping:
            return self._not(
                f"the service is flapping ({found.flap:.0f} %): nothing is started by itself. A person decides: "
                f"bcp run {book.name}"
            )
        if moves and found.action not in {"switch", "wait"}:
            return self._not(f"{found.why}. bcp run {book.name}")
        if moves and found.action == "wait" and self._approved_in_advance(found):
            return self._not(
                f"confirmed; approved in advance, so it starts at {render.clock(found.decide_at or 0)}, or now "
                f"with: bcp run {book.name}"
            )
        return True

    def _approved_in_advance(self, found: Decision) -> bool:
        assert self.loaded is not None
        name = self.loaded.book.name
        return any(
            s.playbook == name and s.classes and found.outage_class in s.classes
            for s in self.app.settings.approvals.standing
        )

    def _not(self, text: str) -> bool:
        if text != self._said:
            render.warn(text)
        self._said = text
        return False

    async def start(self) -> int:
        """Plan and run, as an automatic run: a person still has to approve, unless one did so in advance."""
        from bcp.deeds.left import with_left
        from bcp.deeds.plan import make_plan, request_for
        from bcp.deeds.run import start

        app, loaded = self.app, self.loaded
        assert loaded is not None
        app.watching.looker.live = True  # our own watcher knows already; facts are still read again under the lock
        timeline = Timeline(app.clock.now())

        def started(run_id: str) -> None:
            timeline.run_id = run_id
            render.say(f"Run {run_id}")

        plan = await make_plan(app, request_for(app, loaded, inputs={}, automatic=True))
        run_id, ended = await start(app, plan, listener=timeline, hold=self.hold, started=started)
        ending = with_left(app.running.runs, run_id, ended)
        timeline.close()
        render.emit(
            "bcp.status/1",
            {"run": run_id, "status": ending.status, "exit_code": ending.code},
            f"{run_id} {render.outcome(ending.status, ending.reason)}",
        )
        return ending.code


def show(
    found: Decision, app: App, *, short: bool = False, reasons: bool = False, words: list[str] | None = None,
    kept: bool = False,
) -> None:  # fmt: skip
    """A verdict. ``short``: a line and its evidence; ``kept``: ``bcp status`` tells of it afterwards."""
    from bcp.cli.verdict_view import data_of, full, headline, proposal
    from bcp.detect.onset import since_onset
    from bcp.detect.watch import to_data

    now, playbook = app.clock.now(), app.playbook_for(found)
    onset = app.running.onset()
    if not short:  # what the watch itself shows is what it saw
        found = since_onset(found, onset, app.watching.rules, now)
    if short:
        lines = [render.wrap(f"{render.clock(now)} {headline(found, app.settings.service)}", "         ", "")]
        lines += [render.wrap(e, "             ", "           - ") for e in found.evidence[:6]]
        if found.action not in {"none", "watch"}:
            lines += [
                render.wrap(t, "             ", "           ") for t in proposal(found, now, playbook, fold=False)
            ]
        text = "\n".join(lines)
    else:
        text = full(found, app.settings.service, now, {}, playbook, reasons=reasons, exact=onset.exact)
    if words:
        text += "\nRules:\n" + "\n".join(render.wrap(w, "    ", "  - ") for w in words)
    data = {**data_of(found, to_data(found), now, playbook), "since_exact": onset.exact}
    if kept:
        from bcp.store.files.look import note_look

        note_look(app.configuration.state, now, {**to_data(found), "playbook": playbook})
    render.emit("bcp.verdict/2", {**data, "rules": words} if words else data, text)
