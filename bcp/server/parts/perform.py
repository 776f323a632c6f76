"""The deeds as the daemon does them: each run with an app of its own, whose connections end with it."""

from __future__ import annotations

from collections.abc import Callable

from bcp.deeds.failback import end_parent
from bcp.deeds.plan import make_plan, request_for
from bcp.deeds.run import resume, start
from bcp.engine.ending import Ending
from bcp.engine.events import Listener
from bcp.engine.runner import Runner
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded
from bcp.server.core import Core


class Deeds:
    """Plan, start, resume, end. Raises what ``bcp.deeds`` raises."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def plan(
        self, loaded: Loaded, *, automatic: bool, initiator: str, parent: str, domains: tuple[str, ...]
    ) -> Plan:
        """Read the facts and write the plan down."""
        app = self.core.run_app()
        try:
            request = request_for(
                app, loaded, inputs={}, automatic=automatic, initiator=initiator, parent=parent, domains=domains
            )
            made = await make_plan(app, request)
        finally:
            await app.close()
        made.write(self.core.state / "plans" / f"{made.id}.json")
        return made

    async def start(
        self, plan: Plan, *, starter: str, listener: Listener, started: Callable[[str], None],
        control: Callable[[Runner], None],
    ) -> tuple[str, Ending]:  # fmt: skip
        """Run it to its end, or to where it stops."""
        app = self.core.run_app()
        try:
            return await start(
                app, plan, listener=listener, signals=False, started=started, control=control, starter=starter
            )
        finally:
            await app.close()

    async def resume(self, run_id: str, *, listener: Listener, control: Callable[[Runner], None]) -> Ending:
        """Go on with a run."""
        app = self.core.run_app()
        try:
            return await resume(app, run_id, listener=listener, signals=False, control=control)
        finally:
            await app.close()

    async def end_parent(self, parent: str, child: str, actor: str, *, listener: Listener) -> None:
        """After a way back: the run that held is over."""
        app = self.core.run_app()
        try:
            await end_parent(app, parent, child, actor, listener=listener)
        finally:
            await app.close()
