"""Playbooks by name, what lint knows of them, and which one an outage calls for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bcp.detect.decide import Decision
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid, Missing
from bcp.playbook.catalogue import Catalogue, ChannelSpec
from bcp.playbook.lint import lint
from bcp.playbook.lint_comms import check_shared_fate
from bcp.playbook.load import Loaded, load
from bcp.settings import Configuration
from bcp.wiring.catalogue import action_specs, candidates_of, message_specs
from bcp.wiring.choose import Candidate, chosen, recommended
from bcp.wiring.people import People
from bcp.wiring.shipped import SHIPPED
from bcp.wiring.world import World


class Playbooks:
    """The organisation's own playbooks and the shipped ones. A file is read when it is asked for, so that an edit
    counts."""

    def __init__(self, configuration: Configuration, people: People, world: World) -> None:
        self.configuration, self.settings = configuration, configuration.settings
        self.people, self.world = people, world

    def files(self) -> dict[str, Path]:
        """All playbooks by name; the organisation's own win over shipped ones."""
        files = {p.stem: p for p in sorted(SHIPPED.glob("*.yaml"))}
        for folder in self.settings.playbooks:
            files.update({p.stem: p for p in sorted(folder.glob("*.yaml"))})
        return files

    def load(self, name: str) -> Loaded:
        """A playbook by name or path. Raises ``Invalid``."""
        if name.endswith((".yaml", ".yml")) or "/" in name:
            return load(Path(name))
        files = self.files()
        if name not in files:
            raise Missing(f"there is no playbook {name!r}", hint=did_you_mean(name, files), rule="no-such-playbook")
        return load(files[name])

    def catalogue(self, *, facts: frozenset[str] = frozenset()) -> Catalogue:
        """Everything that playbooks can refer to. ``facts``: what earlier runs have made true."""
        directory, plugins = self.people.directory, self.configuration.plugins
        hosts = plugins["dns"]
        fate = _of_both_ways(hosts, {n: tuple(s.fate()) for n, s in hosts.items()})
        leans = _of_both_ways(hosts, {n: tuple(s.leans()) for n, s in hosts.items()})
        channels = {n: ChannelSpec(c.form, c.fate(), c.duty) for n, c in self.world.channels.items()}
        return Catalogue(
            action_specs(),
            message_specs(self.world.pack),
            {n: len(directory.members(n)) for n in directory.audiences},
            channels,
            lambda r: self.people.apart([r]),
            {n: s.fate() for n, s in plugins["relays"].items()},
            tuple(sorted({f for d in self.settings.domains for n in d.back_ends for f in fate.get(n, ())})),
            (),
            frozenset(self.files()),
            facts=facts,
            roles=self.world.roles,
            dns_leans=tuple(sorted({f for d in self.settings.domains for n in d.back_ends for f in leans.get(n, ())})),
        )

    def shared_fate(self, playbooks: Sequence[Loaded], at: float) -> dict[str, Any]:
        """What these need that falls with what is down, asked now (``at``): ``state`` (ok, risk, unknown), ``chains``,
        ``at``. A record of what was run with them keeps it."""
        try:
            catalogue = self.catalogue()
            chains = [f"{p.book.name}: {found.message}" for p in playbooks for found in check_shared_fate(p, catalogue)]
        except BcpError as error:
            return {"state": "unknown", "chains": [error.message], "at": at}
        return {"state": "risk" if chains else "ok" if playbooks else "unknown", "chains": chains, "at": at}

    # -- which one -----------------------------------------------------------------------------------------------

    def recommend(self, decision: Decision) -> str:
        """The playbook for this verdict: one that covers its most urgent class, and moves MX only where that is
        proposed."""
        return recommended(decision, self._candidates, self._wanted)

    def chosen(self) -> dict[str, tuple[str, str]]:
        """For each outage class: the playbook when MX is to be moved, and when it is not
        (``bcp.wiring.choose.chosen``)."""
        return chosen(self._candidates, self._wanted)

    def unready(self) -> dict[str, str]:
        """Of the playbooks that would be chosen: why one cannot start here, by name. Empty: all of them can.

        A shipped playbook that names a channel which is not configured is known before the day, not by a refusal on it.
        """
        out: dict[str, str] = {}
        catalogue = self.catalogue()
        for name in sorted({n for pair in self.chosen().values() for n in pair if n}):
            try:
                found = [p for p in lint(self.load(name), catalogue) if p.severity == "error"]
            except Invalid as error:
                found = error.problems
            if found:
                more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
                out[name] = f"{found[0].message}{more}"
        return out

    def not_taken(self) -> dict[str, str]:
        """Names of ``serve: playbooks:`` that are not chosen, by class: they do not exist, or are not for that
        class."""
        taken = self.chosen()
        return {c: n for c, n in self._wanted.items() if n not in taken[c]}

    @cached_property
    def _candidates(self) -> dict[str, Candidate]:
        """Those that this configuration can carry out: without a DNS back end none that moves MX."""
        found = candidates_of(self.files())
        return found if self.settings.dns else {n: c for n, c in found.items() if not c.moves_mx}

    @cached_property
    def _wanted(self) -> dict[str, str]:
        """What ``serve: playbooks:`` names by class."""
        return {str(letter): name for letter, name in self.settings.serve.playbooks.items()}


def _of_both_ways(hosts: Mapping[str, object], shared: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Whose fate each DNS host shares: with a second way, only that of those whom both ways depend on."""
    out = dict(shared)
    for name, settings in hosts.items():
        if other := getattr(settings, "second", ""):
            out[name] = tuple(f for f in shared[name] if f in shared.get(other, ()))
    return out
