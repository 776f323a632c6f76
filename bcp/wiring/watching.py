"""Watching: the probes, the watcher over them, what it remembers, and looks before a write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from bcp import registry
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Role
from bcp.detect.aloud import aloud
from bcp.detect.decide import Decision
from bcp.detect.history import History
from bcp.detect.recall import kept_of, recall
from bcp.detect.remote import Spool, key_of
from bcp.detect.rules import Rules
from bcp.detect.watch import LiveLooker, Watcher, to_data
from bcp.kernel.clock import Clock
from bcp.settings import Configuration
from bcp.store.files import words
from bcp.store.sqlite.latest import read_latest
from bcp.wiring.heed import Heeder
from bcp.wiring.rules import rules_of
from bcp.wiring.usual_probes import Canary, Reachable, usual_probes
from bcp.wiring.world import World

MEMORY = "memory"
"""Of the last verdict in the history: what the next watch has to know."""


class Watching:
    """One watch over the configured probes. The daemon has one; every run in it shares it."""

    def __init__(self, configuration: Configuration, clock: Clock, world: World) -> None:
        self.configuration, self.settings, self.clock, self.world = configuration, configuration.settings, clock, world

    @cached_property
    def rules(self) -> Rules:
        """How sure detection must be."""
        return rules_of(self.settings)

    @cached_property
    def watcher(self) -> Watcher:
        """The watcher over the configured probes, or the usual ones."""
        d = self.settings.detect
        return Watcher(
            self._probes(),
            self.rules,
            self.clock,
            concurrency=d.concurrency,
            vantages=(d.vantage, *d.vantages),
            here=d.vantage,
            networks={d.vantage: d.network, **{n: v.network for n, v in d.vantages.items()}},
        )

    @cached_property
    def looker(self) -> LiveLooker:
        """Looks before a write; the running watcher when there is one."""
        r = self.settings.detect.recheck
        return LiveLooker(self.watcher, looks=r.looks, apart_s=r.apart, reuse_s=r.reuse)

    @cached_property
    def history(self) -> History:
        """What was seen. Whoever asked for it closes it."""
        h = self.settings.detect.history
        return History(self.configuration.state / "history.db", keep_s=h.keep, max_bytes=h.max_mib * 2**20)

    def vantage_keys(self) -> dict[str, bytes]:
        """Keys of the other vantage points."""
        return {n: key_of(v.key.reveal()) for n, v in self.settings.detect.vantages.items()}

    @cached_property
    def spool(self) -> Spool:
        """Where their observations arrive."""
        return Spool(self.configuration.state / "observed", self.vantage_keys())

    def decision(self) -> Decision:
        """What the watch sees now."""
        return self.watcher.decision()

    def remember(self, follow: Callable[[], None]) -> None:
        """From now on the watcher hears other vantage points, calls ``follow`` (what runs did) before it judges a
        round, and writes the history."""
        w = self.watcher
        if (latest := read_latest(self.history.path)) is not None:
            recall(w.detector, latest[0], latest[1].get(MEMORY), self.clock.now())
        w.listen.append(self.history.note)
        if self.settings.detect.vantages:
            w.sources.append(self.spool.read)
        w.before.append(follow)
        w.before.append(Heeder(self.configuration.state / words.FILE, w.detector).heed)
        w.after.append(self._keep)

    def _keep(self, d: Decision) -> None:
        status = {v.name: v.status for v in d.views}
        more = {"aloud": aloud(d).parts(), "lines": self.watcher.detector.lines(), "status": status}
        more[MEMORY] = kept_of(self.watcher.detector)
        self.history.round(d, self.clock.now(), {**to_data(d), **more})

    # -- probes --------------------------------------------------------------------------------------------------

    def _probes(self) -> list[Probe[Any]]:
        given = self._probe_settings()
        return [registry.made(registry.find(ProbePlugin, s.kind).create, n, s, self.clock) for n, s in given.items()]

    def _probe_settings(self) -> Mapping[str, ProbeSettings]:
        """The configured probes, else the usual ones; and people, who can always report."""
        given: dict[str, Any] = dict(self.configuration.plugins["probes"]) or self._usual_probes()
        if given:
            kind = registry.settings_class("probes", "people")
            heard = {s.plane for s in given.values() if registry.probe_class(s.kind).role is Role.PEOPLE}
            for plane in ("inbound", "outbound", "mailbox", "auth", "edge"):
                if plane not in heard:
                    given.setdefault(f"people-{plane}", kind.model_validate({"plane": plane}))
        state = self.configuration.state
        return {n: registry.find(ProbePlugin, s.kind).placed(s, state) for n, s in given.items()}

    def _usual_probes(self) -> dict[str, Any]:
        """What looks where nothing is configured."""
        c, domains = self.settings.canary, self.world.domains
        hosts = {n: [h.host for h in d.primary.hosts] for n, d in domains.items() if d.primary is not None}
        arrival = str(c.arrival) if c.arrival is not None else ""
        canary = Canary(c.to or "", tuple(c.known), c.sender, tuple(c.resolvers), c.port, arrival)
        found = usual_probes(hosts, canary, self._reachable())
        return {n: registry.settings_class("probes", s["kind"]).model_validate(s) for n, s in found.items()}

    def _reachable(self) -> Reachable | None:
        """The first relay whose settings say how to reach it."""
        for name, relay in self.world.relay_settings.items():
            if (way := relay.way_out()) is not None:
                to = way.recipient or relay.whom(self.settings.domains[0].name)
                return Reachable(name, way.host, tuple(way.addresses), way.port, to)
        return None
