"""What parts need of one another, no more. Tests stand in for each with a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bcp.contracts.channel import Channel, Choice
from bcp.detect.decide import Decision
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, Progress
from bcp.engine.runner import Runner
from bcp.engine.store import RunView
from bcp.incident.model import Incident
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded


class Tells(Protocol):
    """Tells the people on call."""

    def tell(self, incident: Incident, text: str) -> None:
        """Beside everything else; what cannot be told is in the incident's record."""


class Speaks(Tells, Protocol):
    """Says one thing to one address."""

    def channels(self) -> list[Channel[Any]]:
        """By which channels questions go out."""

    def org(self) -> dict[str, Any]:
        """What every text may name."""

    async def send(
        self, channel: Channel[Any], address: str, template: str, language: str, values: Mapping[str, Any], key: str,
        choices: tuple[Choice, ...] = (), *, drill: bool = False, reply_url: str = "",
    ) -> tuple[str, str]:  # fmt: skip
        """State (sent, failed, doubt) and the receipt or what is wrong.
        Raises ``BcpError`` when it cannot be rendered."""


class Starts(Protocol):
    """Starts a run."""

    async def go(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, plan: Plan | None = None, parent: str = "",
        domains: tuple[str, ...] = (), initiator: str = "bcp-serve",
    ) -> None:  # fmt: skip
        """To its end. What is refused is noted and told."""


class Conducts(Protocol):
    """Proposes runs, and knows which of them stand."""

    def propose(
        self, incident: str, loaded: Loaded, *, automatic: bool = False, parent: str = "", domains: tuple[str, ...] = ()
    ) -> None:
        """Start it up to its gate (or through, when it may start by itself)."""

    async def holding(self) -> list[RunView]:
        """Runs that hold, the newest first."""

    def goes_back(self, parent: str) -> bool:
        """Does a run go back from this one already?"""


class Records(Protocol):
    """Keeps the incident."""

    async def take(self, found: Decision) -> Incident | None:
        """After a look: the incident as it is now; ``None`` without one. Raises ``StorageError``."""


class Considers(Protocol):
    """Acts on what is seen."""

    async def consider(self, found: Decision, *, looked: bool = False) -> None:
        """A verdict; ``looked``: a hook caused it. Raises ``StorageError``."""


class Performs(Protocol):
    """The deeds on runs. All raise ``BcpError``."""

    async def plan(
        self, loaded: Loaded, *, automatic: bool, initiator: str, parent: str, domains: tuple[str, ...]
    ) -> Plan:
        """Read the facts and write the plan down."""

    async def start(
        self, plan: Plan, *, starter: str, listener: Listener, started: Callable[[str], None],
        control: Callable[[Runner], None],
    ) -> tuple[str, Ending]:  # fmt: skip
        """Run it to its end, or to where it stops."""

    async def resume(self, run_id: str, *, listener: Listener, control: Callable[[Runner], None]) -> Ending:
        """Go on with a run."""

    async def end_parent(self, parent: str, child: str, actor: str, *, listener: Listener) -> None:
        """After a way back: the run that held is over."""


class Adopts(Protocol):
    """Has the runs of this process."""

    working: dict[str, asyncio.Task[Any]]

    def listen(self, progress: Progress) -> None:
        """What a run says."""

    def control(self, runner: Runner) -> None:
        """A run is performed here."""

    async def over(self, incident: str, run_id: str, ending: Ending, *, parent: str, playbook: str) -> None:
        """A run has ended, or stopped."""


class Wakes(Protocol):
    """Reaches a run of this process at once."""

    def wake(self, run_id: str) -> None:
        """Something was told to this run: let it read it now. One that another process works on reads it by itself."""
