"""How many files a person must open to follow a question from the verdict to its run. docs/architecture.md says what is
counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from project.test_walks import BOOK, zone
from project.walks import WIRES, Walk
from unit.deeds.house import person

from bcp.deeds.answer import Answer, Answered
from bcp.deeds.answer import answer as say
from bcp.detect.decide import Decision
from bcp.incident import questions
from bcp.incident.model import Incident, Question
from bcp.plan.model import Plan
from bcp.playbook.load import Loaded
from bcp.server.daemon import Daemon
from bcp.settings import load

__all__ = ["zone"]
ASKS = BOOK.replace("title: One switch", "title: One switch\ncovers: [B]").replace(
    "activation:\n", "activation:\n  - {id: ok, uses: approval, with: {from: [group:oncall], timeout: 60s}}\n"
)
PEOPLE = "id,name,email,phone,language,groups\nalice,Alice,a@corp.test,+12025550100,en,staff;oncall\n"
DOWN = Decision("down", ("B",), ("inbound",), action="switch", why="it fails", evidence=("smtp: 451",))


ANOTHER_WALK = frozenset({"plan", "playbook", "comms", "engine", "store"})
"""Rooms that make the plan and carry out the run: the walk of a run. Here they are asked, not walked."""


def carried(value: object) -> bool:
    """The verdict, the incident, the question, the answer; and the playbook and the plan that are asked about."""
    return isinstance(value, (Decision, Incident, Question, Answer, Answered, Loaded, Plan))


async def play(walk: Walk) -> str:
    """A verdict is considered, a gate asks, a person says yes, the run goes on. How the run stands then."""
    daemon = Daemon(load(Path("bcp.yaml")))
    async with asyncio.TaskGroup() as group:
        daemon.core.begins(group)
        asking = group.create_task(daemon.asker.run())
        with walk.walked():
            await daemon.actor.consider(DOWN, looked=True)
            for _ in range(1500):
                if open_ := await daemon.writer.do(questions.open_questions):
                    break
                await asyncio.sleep(0.02)
            (question,) = open_
            await say(daemon.ground(), person("alice"), Answer(True, question.id, checksum=question.checksum))
            for _ in range(1500):
                card = daemon.app.running.runs.card(question.run)
                if card.status == "holding" or card.over:
                    break
                await asyncio.sleep(0.02)
        daemon.stop()
        await daemon.conductor.stop()
        asking.cancel()
    daemon.core.begins(None)
    await daemon.writer.close()
    daemon.lock.release()
    return card.status


def test_a_question_walks_through_at_most_twelve_files(zone, tmp_path) -> None:
    """From the verdict to the run that goes on."""
    (tmp_path / "playbooks" / "one-switch.yaml").write_text(ASKS)
    (tmp_path / "people.csv").write_text(PEOPLE)
    config = tmp_path / "bcp.yaml"
    config.write_text(config.read_text() + "contacts: {file: people.csv}\n")
    walk = Walk(carried)
    status = asyncio.run(play(walk))
    assert status in {"holding", "done"}
    assert ("deeds/answer.py", "answer") in walk.stations and ("server/parts/ask.py", "_take") in walk.stations
    files = [f for f in walk.files if f.split("/")[0] not in ANOTHER_WALK | WIRES]
    assert {"server/parts/act.py", "server/parts/conduct.py", "deeds/run.py"} <= set(files), "the walk was not seen"
    assert len(files) <= 12, files
