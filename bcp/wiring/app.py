"""Settings in, live objects out: the parts that one configuration gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bcp.contracts.services import Looker
from bcp.contracts.store import RunQuery
from bcp.detect.decide import Decision
from bcp.incident.standing import standing
from bcp.kernel.clock import Clock, SystemClock
from bcp.settings import Configuration, Settings
from bcp.wiring.follow import Follower
from bcp.wiring.people import People
from bcp.wiring.playbooks import Playbooks
from bcp.wiring.running import Running
from bcp.wiring.watching import Watching
from bcp.wiring.world import World


@dataclass(frozen=True, slots=True)
class App:
    """The makers of one configuration. Each makes its things when they are first asked for: to hold an app costs
    nothing."""

    configuration: Configuration
    clock: Clock
    people: People
    world: World
    watching: Watching
    playbooks: Playbooks
    running: Running

    @property
    def settings(self) -> Settings:
        """``bcp.yaml``."""
        return self.configuration.settings

    def follower(self) -> Follower:
        """Tells the watch what runs did."""
        return Follower(self.running.cards, self.watching.watcher.detector, self.clock)

    def playbook_for(self, found: Decision) -> str:
        """Which playbook to name beside a verdict: the one that works on the outage or holds, where there is one,
        else the one that the verdict calls for; empty: none."""
        if found.action != "hold":
            return self.playbooks.recommend(found) if found.classes else ""
        cards = self.running.cards(RunQuery(unfinished=True, moves_mx=True))
        stands = standing(cards).runs
        return next((c.playbook for c in cards if c.id in stands), "")

    def remember(self) -> None:
        """From now on the watch hears other vantage points, follows the runs and writes the history."""
        self.watching.remember(self.follower().follow)

    def make_ready(self) -> None:
        """Make now what the first run would have to wait for. Raises ``Invalid`` where people or channels cannot be
        made."""
        _ = (self.world.pack, self.people.directory, self.world.channels, self.world.dns, self.world.relays)

    async def close(self) -> None:
        """Let every connection go. The watch is not ours alone and stays."""
        await self.world.close()


def make_app(
    configuration: Configuration,
    clock: Clock | None = None,
    *,
    watching: Watching | None = None,
    seen: Callable[[], Decision] | None = None,
    looker: Callable[[], Looker] | None = None,
) -> App:
    """The app of a configuration.

    ``watching``: the watch that goes on already (the daemon's, when a run or a new configuration joins it).
    ``seen`` and ``looker``: who knows better than that watch alone what is wrong now, and who looks before a write.
    """
    time: Clock = clock or SystemClock()
    people, world = People(configuration), World(configuration, time)
    watch = watching or Watching(configuration, time, world)
    return App(
        configuration=configuration,
        clock=time,
        people=people,
        world=world,
        watching=watch,
        playbooks=Playbooks(configuration, people, world),
        running=Running(
            configuration,
            time,
            people,
            world,
            seen=seen or watch.decision,
            looker=looker or (lambda: watch.looker),
            watching=lambda: watch,
        ),
    )
