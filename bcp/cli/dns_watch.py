"""``bcp dns watch``: who serves what, live, until all serve the target."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import duration, pairs, until_told, wait_for
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.contracts.dns import MxSet
    from bcp.mx.serving import Now, Served
    from bcp.wiring import App

ROWS = 40
"""A live picture of more addresses than that is no picture; all are in ``--output json``."""


def watch(
    domains: Annotated[list[str] | None, typer.Argument(help="Domains; without them all whose MX we move.")] = None,
    to: Annotated[str, typer.Option("--to", help="relay or primary; without it what the DNS host has now.")] = "",
    resolver: Annotated[
        list[str] | None,
        typer.Option("--resolver", metavar="NAME=ADDRESS", help="Ask these instead of resolvers: in bcp.yaml."),
    ] = None,
    every: Annotated[str, typer.Option("--every", help="Time between looks.")] = "2s",
    most: Annotated[str, typer.Option("--for", help="End after this time, with exit code 1.")] = "",
    once: Annotated[bool, typer.Option("--once", help="One look, then end: exit code 0 when all serve it.")] = False,
) -> None:
    """Watch."""
    pause, limit = duration(every, "every"), duration(most, "for") if most else None
    app = make_app()
    work = _watch(app, domains or [], to, pairs(resolver, "resolver"), pause, 0.0 if once else limit)
    done = wait_for(until_told(work))
    if not done:
        raise typer.Exit(1)


async def _watch(
    app: App, domains: list[str], to: str, given: dict[str, str], pause: float, limit: float | None
) -> bool:
    from bcp.deeds import dns as deed
    from bcp.kernel.endpoint import parse_endpoint
    from bcp.mx.serving import next_look

    names, resolvers = deed.chosen(app, domains), given or app.settings.resolvers
    for name, address in resolvers.items():
        try:
            parse_endpoint(address)
        except ValueError as error:
            raise Invalid(f"resolver {name}: {error}", hint="For example --resolver quad9=9.9.9.9") from error
    screen, began, now = _Screen(), app.clock.monotonic(), None
    try:
        wanted = await deed.wanted(app, names, to)
        while True:
            served = await deed.look(app, names, resolvers)
            now = next_look(now, served, wanted, app.clock.now())
            late = limit is not None and app.clock.monotonic() - began >= limit
            screen.show(now, app.clock.now(), last=now.done or late)
            if now.done or late:
                return now.done
            await app.clock.sleep(pause)
    finally:
        screen.close()
        await app.close()


class _Screen:
    """A terminal gets a picture that is kept current; everything else lines when something changes."""

    def __init__(self) -> None:
        self._live: Any = None
        self._before: dict[tuple[str, str, bool], str] = {}
        if sys.stdout.isatty() and not render.OUT.json and render.OUT.colour:
            from rich.live import Live  # only for a person at a terminal

            self._live = Live(auto_refresh=False)
            self._live.start()

    def show(self, now: Now, at: float, *, last: bool) -> None:
        """One look."""
        if render.OUT.json:
            states = {(s.domain, s.where, s.cached): now.state(s) for s in now.served}
            if last or states != self._before:
                render.emit("bcp.dns-watch/1", data(now, at), "")
            self._before = states
        elif self._live is not None:
            from rich.text import Text

            self._live.update(Text.from_ansi(picture(now, at)), refresh=True)
        elif not self._before:
            render.raw(picture(now, at))
            self._before = {(s.domain, s.where, s.cached): now.state(s) for s in now.served}
        else:
            self._changes(now, at, last=last)

    def _changes(self, now: Now, at: float, *, last: bool) -> None:
        fresh = {(s.domain, s.where, s.cached): now.state(s) for s in now.served}
        for one in now.served:
            key = (one.domain, one.where, one.cached)
            if self._before.get(key) != fresh[key]:
                render.raw(render.wrap(f"{render.clock(at)}  {one.where}: {one.domain} {_words(now, one)}", "    "))
        if fresh != self._before or last:
            render.raw(render.wrap(f"{render.clock(at)}  {summary(now, at)}", "    "))
        self._before = fresh

    def close(self) -> None:
        """Leave the picture as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def summary(now: Now, at: float) -> str:
    """The whole in one sentence."""
    (good, all_), (clean, caches) = now.count(cached=False), now.count(cached=True)
    said = f"{good} of {all_} servers, {clean} of {caches} resolvers"
    if now.done:
        return f"All serve the target: {said}."
    until = now.clean_at()
    if until is None:
        return f"Not everywhere: {said}; the servers themselves first."
    if until <= at:
        return f"Not everywhere: {said}; the old TTL is over, whoever still holds it keeps it longer than it may."
    return f"Not everywhere: {said}; caches are clean in {format_duration(until - at)}, at {render.clock(until)}."


def picture(now: Now, at: float) -> str:
    """The sentence, what is waited for, and a row for each address; the ones that are not there yet first."""
    order = {"old": 0, "silent": 1, "new": 2}
    served = sorted(now.served, key=lambda s: (order[now.state(s)], s.cached, s.domain, s.where))
    many = len(now.wanted) > 1
    out = [render.wrap(summary(now, at)), ""]
    out += [render.wrap(f"{d}: {_hosts(m)}", "    ", "  ") for d, m in list(now.wanted.items())[:5]]
    rows = [[_colour(now.state(s)), s.where, (f"{s.domain}: " if many else "") + _words(now, s)] for s in served]
    out += ["", *(f"  {line}" for line in render.table(rows[:ROWS], room=render.width() - 2).splitlines())]
    if len(rows) > ROWS:
        out.append(f"  ... and {len(rows) - ROWS} more")
    return "\n".join(out)


def _colour(state: str) -> str:
    return render.paint(state, {"new": "ok", "old": "warn"}.get(state, "soft"))


def _hosts(mx: MxSet) -> str:
    return ", ".join(str(h) for h in sorted(mx.hosts))


def _words(now: Now, one: Served) -> str:
    if one.problem:
        return one.problem
    if one.mx is None:
        return "no MX"
    left = f", {format_duration(one.mx.ttl_s)} left" if one.cached else f", TTL {one.mx.ttl_s}"
    return ("the target" if now.state(one) == "new" else _hosts(one.mx)) + left


def data(now: Now, at: float) -> dict[str, Any]:
    """The same for programs."""
    until = now.clean_at()
    return {
        "at": iso(at),
        "done": now.done,
        "clean_at": iso(until) if until is not None else None,
        "target": {d: m.to_data() for d, m in now.wanted.items()},
        "served": [
            {"domain": s.domain, "where": s.where, "cached": s.cached, "state": now.state(s),
             "mx": s.mx.to_data() if s.mx is not None else None, "problem": s.problem}
            for s in now.served
        ],
    }  # fmt: skip
