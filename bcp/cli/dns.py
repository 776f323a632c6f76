"""``bcp dns``: could MX be moved, what the credential should be allowed, who serves what, which hosts are supported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.dns_watch import watch
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.contracts.dns import Capabilities
    from bcp.deeds.dns import Checked, Kind
    from bcp.wiring import App

Domains = Annotated[list[str] | None, typer.Argument(help="Domains; without them all whose MX we move.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="DNS: could MX be moved, with which right, who serves what.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(
        name="check",
        help="Could MX be moved today? Reach, right, servers, DNSSEC, TTL, delegation, and what an outage would cost. "
        "Changes nothing.",
    )(check)
    group.command(name="policy", help="The least privilege for each DNS host's credential, ready to paste.")(policy)
    group.command(
        name="watch",
        help="Who serves what: every authoritative address and public resolvers, until all serve the target.",
    )(watch)
    group.command(name="hosts", help="Which DNS hosts are supported, and what each promises.")(hosts)
    app.add_typer(group, name="dns")


def check(
    domains: Domains = None,
    rdap: Annotated[bool, typer.Option("--rdap", help="Ask the domains' registries, too (rdap: in bcp.yaml).")] = False,
) -> None:
    """Check."""
    from bcp.deeds import dns as deed

    app = make_app()

    async def work() -> Checked:
        try:
            return await deed.check(app, domains or [], rdap=rdap)
        finally:
            await app.close()

    found = wait_for(work())
    bad = sum(1 for x in found.lines if x.state == "fail")
    data = {
        "checks": [
            {"domain": x.domain, "aspect": x.aspect, "state": x.state, "message": x.message, "rule": x.rule,
             "hint": x.hint}
            for x in found.lines
        ],
        "hosts": {n: list(t) for n, t in found.hosts.items()},
        "forecast": found.forecast.to_data() if found.forecast is not None else None,
        "failed": bad,
    }  # fmt: skip
    render.emit("bcp.dns-check/1", data, _checked(found))
    if bad:
        raise typer.Exit(1)


def _checked(found: Checked) -> str:
    from bcp.mx.check import NOBODY
    from bcp.mx.forecast_words import advice, rows, sentence

    domains = list(dict.fromkeys(x.domain for x in found.lines))
    broken = [d for d in domains if any(x.state == "fail" for x in found.lines if x.domain == d)]
    ours = sum(1 for x in found.lines if x.aspect == "reach")  # what is not ours is only named
    total = f"{ours} domain{'s' if ours != 1 else ''}"
    first = f"MX of {len(broken)} of {total} could not be moved today" if broken else f"MX of {total} can be moved"
    if broken and all(x.rule == NOBODY for x in found.lines if x.state == "fail"):
        first = (
            f"What the world gets of {len(broken)} of {total} could not be seen: no authoritative server answers here"
        )
    out = [render.paint(first + ".", "bad" if broken else "ok")]
    for domain in domains:
        out += ["", render.paint(domain, "bold")]
        out += _indented(
            [
                [render.status_word(x.state), x.aspect, x.message + (f" - {x.hint}" if x.hint else "")]
                for x in found.lines
                if x.domain == domain
            ]
        )
    for name, texts in found.hosts.items():
        if texts:
            said = [t.removeprefix(f"{name}: ") for t in texts]
            out += [
                "",
                render.paint(f"Not promised by {name}", "bold"),
                *(render.wrap(t, "    ", "  - ") for t in said),
            ]
    if found.forecast is not None:
        said = [t for t in (sentence(found.forecast), advice(found.forecast.advice)) if t]
        out += ["", render.paint("What an outage would cost", "bold")]
        out += [render.wrap(f"{t[0].upper()}{t[1:]}.", "  ", "  ") for t in said]
        out += _indented([list(r) for r in rows(found.forecast)])
    return "\n".join(out)


def _indented(rows: list[list[str]]) -> list[str]:
    """A table two columns in, that still fits."""
    return [f"  {line}" for line in render.table(rows, room=render.width() - 2).splitlines()]


def policy(
    back_ends: Annotated[list[str] | None, typer.Argument(help="Names under dns:; without them all.")] = None,
) -> None:
    """Policy."""
    from bcp.deeds.dns import policies

    app = make_app()

    async def work() -> dict[str, str]:
        try:
            return policies(app, back_ends or [])
        finally:
            await app.close()

    found = wait_for(work())
    if not found:
        raise Invalid("bcp.yaml names no DNS back end", hint="Add one under dns:.")
    kinds = {n: s.kind for n, s in app.configuration.plugins["dns"].items()}
    if render.OUT.json:
        render.emit("bcp.dns-policy/1", {"policies": [_policy(n, kinds[n], t) for n, t in found.items()]}, "")
        return
    for name, text in found.items():
        render.say(render.paint(f"{name} ({kinds[name]}): the least that its credential needs", "bold"))
        render.raw(text.rstrip("\n") if text else f"# {kinds[name]} has no least privilege to set")


def _policy(name: str, kind: str, text: str) -> dict[str, str]:
    return {"name": name, "kind": kind, "policy": text}


def hosts() -> None:
    """Hosts."""
    from bcp.deeds.dns import kinds

    found = kinds(_configured())
    data = {"hosts": [_host(k) for k in found]}
    used = [k for k in found if k.back_ends]
    first = f"{len(found)} kinds of DNS hosts are supported" + (f"; you use {_names(used)}." if used else ".")
    rows = [[k.kind, _guard(k.capabilities), _more(k)] for k in found]
    lines = render.table(rows, ["kind", "compare-and-swap", "what else"])
    render.emit("bcp.dns-hosts/1", data, f"{first}\n\n{lines}")


def _configured() -> App | None:
    """The configuration, where there is one: hosts can be looked at before there is."""
    from bcp.cli.common import config_path

    try:
        config_path()
    except Invalid:
        return None
    return make_app()


def _names(used: list[Kind]) -> str:
    return ", ".join(f"{k.kind} ({', '.join(k.back_ends)})" for k in used)


def _guard(can: Capabilities) -> str:
    return "by hand" if can.by_hand is not None else str(can.guard)


def _more(kind: Kind) -> str:
    can = kind.capabilities
    said = [
        "" if can.atomic else "old and new may be served together for a moment",
        "" if can.proves else "the right shows only when it is used",
        f"TTL {can.min_ttl_s} s or more" if can.min_ttl_s > 1 else "",
        f"{_number(can.calls_per_s)} calls a second" if can.calls_per_s else "",
        "reads the whole zone" if can.reads_whole_zone else "",
        "says how far a change has got" if can.reports_progress else "",
    ]
    return "; ".join(t for t in said if t) or "proves the right to change without changing"


def _number(value: float) -> str:
    """For people: ``13.3333`` is 13."""
    return f"{value:.0f}" if value >= 10 else f"{round(value, 1):g}"


def _host(kind: Kind) -> dict[str, Any]:
    can = kind.capabilities
    return {
        "kind": kind.kind, "about": kind.doc, "back_ends": list(kind.back_ends), "guard": str(can.guard),
        "atomic": can.atomic, "by_hand": can.by_hand is not None, "min_ttl_s": can.min_ttl_s,
        "max_ttl_s": can.max_ttl_s, "compares_ttl": can.compares_ttl, "proves": can.proves,
        "reads_whole_zone": can.reads_whole_zone, "reports_progress": can.reports_progress,
        "calls_a_zone": can.calls_a_zone, "calls_per_s": can.calls_per_s, "burst": can.burst,
    }  # fmt: skip
