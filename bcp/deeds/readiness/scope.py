"""Which playbooks must be ready here, what each rests on, and what is wrong with the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bcp.contracts.readiness import Check, State
from bcp.kernel.errors import BcpError, Invalid, Problem
from bcp.playbook.lint import lint
from bcp.ready.needs import Needs, needs_of
from bcp.wiring import App
from bcp.wiring.shipped import SHIPPED

FATE = frozenset({"shared-fate", "shared-fate-later"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at."""

    needs: tuple[Needs, ...] = ()
    checks: tuple[Check, ...] = ()
    """Of the files: can they be read, are they right, do they fall with what is down?"""
    titles: dict[str, str] = field(default_factory=dict)

    @property
    def movers(self) -> tuple[str, ...]:
        """Playbooks that move MX."""
        return tuple(n.playbook for n in self.needs if n.moves_mx)

    @property
    def mtpd(self) -> float:
        """The longest outage that one of them must bear; 0: none says."""
        return max((n.mtpd for n in self.needs if n.moves_mx), default=0.0)

    def using(self, *, relay: str = "", channel: str = "") -> tuple[str, ...]:
        """Playbooks that use this relay, or this channel."""
        return tuple(n.playbook for n in self.needs if (relay and relay in n.relays) or channel in n.channels)


def names(app: App) -> list[str]:
    """Names of the playbooks that must be ready: those of ``readiness: playbooks:``; else those that an outage would
    call for, the ways back from them, and the organisation's own."""
    if wanted := app.settings.readiness.playbooks:
        return list(wanted)
    files = app.playbooks.files()
    called = [n for pair in app.playbooks.chosen().values() for n in pair if n]
    own = [n for n, path in files.items() if path.parent != SHIPPED]
    found = dict.fromkeys([*called, *own])
    for name in list(found):
        try:
            book = app.playbooks.load(name).book
        except BcpError:
            continue
        if book.recovery is not None and book.recovery.playbook in files:
            found[book.recovery.playbook] = None
    return list(found)


def scope_of(app: App) -> Scope:
    """Read and lint them. One that is broken is a check; the others are looked at all the same. Raises ``Invalid``
    where people or channels cannot be read."""
    catalogue, needs, checks, titles = app.playbooks.catalogue(), [], list[Check](), dict[str, str]()
    for name in names(app):
        titles[name] = name
        try:
            loaded = app.playbooks.load(name)
        except Invalid as error:
            text = f"{name} cannot be read: {(error.problems[0].message if error.problems else error.message)}"
            checks.append(Check("playbook", name, "fail", text, f"bcp playbook lint {name}", None, (name,)))
            continue
        titles[name] = loaded.book.title
        needs.append(needs_of(loaded, catalogue, app.world.relay_settings))
        checks += _linted(name, lint(loaded, catalogue))
    return Scope(tuple(needs), tuple(checks), titles)


def _linted(name: str, found: Sequence[Problem]) -> list[Check]:
    fate = [p for p in found if p.rule in FATE]
    errors = [p for p in found if p.severity == "error" and p.rule not in FATE]
    hint, mine = f"bcp playbook lint {name}", (name,)
    out = [Check("playbook", name, "ok", f"nothing is wrong with {name}", "", None, mine)]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        out = [Check("playbook", name, "fail", f"{name}: {errors[0].message}{more}", hint, None, mine)]
    if fate:
        state: State = "fail" if any(p.severity == "error" for p in fate) else "risk"
        return [*out, Check("shared-fate", name, state, f"{name}: {fate[0].message}", fate[0].hint, None, mine)]
    return [*out, Check("shared-fate", name, "ok", f"{name} does not fall with what is down", "", None, mine)]
