"""What one door can do, all can that should: a table of deeds and doors, held against the code of the doors."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path

import pytest
import typer
from fastapi import FastAPI
from support import ROOT

import bcp.deeds
from bcp.cli.app import app as command_line
from bcp.server import web
from bcp.server.doors import api, api_deeds, api_drills

SOURCES = {
    "cli": ("cli",),
    "api": ("server/doors/api_deeds.py", "server/doors/api_drills.py"),
    "console": ("server/console/deeds.py", "server/console/drills.py"),
    "hear": ("server/parts/hear.py",),
}
"""Where each door calls deeds from. Texts, calls, links and buttons all come in through ``hear``."""
DEEDS = {
    # deed: (command, API call, console form)
    "plan.make": ("plan", "POST /plans", "/plans"),
    "plan.kept": ("", "POST /plans/{plan}/run", "/plans/{plan}/run"),
    "answer.answer": ("approve", "POST /questions/{question}/answer", "/questions/{question}/answer"),
    "abort.look": ("abort", "GET /runs/{run}/abort", "/runs/{run}/abort"),
    "abort.abort": ("abort", "POST /runs/{run}/abort", "/runs/{run}/abort"),
    "settle.settle": ("settle", "POST /runs/{run}/settle", "/runs/{run}/settle"),
    "settle.acknowledge": ("acknowledge", "POST /runs/{run}/acknowledge", "/runs/{run}/acknowledge"),
    "resume.may_resume": ("", "POST /runs/{run}/resume", "/runs/{run}/resume"),
    "failback.plan_back": ("failback", "POST /runs/{run}/failback", "/runs/{run}/failback"),
    "rest.plan_rest": ("", "POST /runs/{run}/rest", "/runs/{run}/rest"),
    "send.plan_send": ("", "POST /sends", "/messages/send"),
    "send.stop_send": ("comms stop", "POST /sends/stop", "/messages/stop"),
    "incident.declare": ("incident declare", "POST /incidents", "/incidents"),
    "incident.reopen": ("incident reopen", "POST /incidents/{incident}/reopen", "/incidents/{incident}/reopen"),
    "word.give": ("declare", "POST /words", "/words"),
    "incident.close": ("incident close", "POST /incidents/{incident}/close", "/incidents/{incident}/close"),
    "exercise.make": ("drill new", "POST /drills", "/drills"),
    "exercise.note": ("drill note", "POST /drills/{drill}/notes", "/drills/{drill}/notes"),
    "exercise.attend": ("drill attend", "POST /drills/{drill}/attendance", "/drills/{drill}/attendance"),
    "exercise.finding": ("drill finding", "POST /drills/{drill}/findings", "/drills/{drill}/findings"),
    "exercise.sign": ("drill sign", "POST /drills/{drill}/sign", "/drills/{drill}/sign"),
    "exercise.close": ("drill close", "POST /drills/{drill}/close", "/drills/{drill}/close"),
    "exercise.cancel": ("drill schedule", "POST /drills/{drill}/cancel", "/drills/{drill}/cancel"),
    "drill_calendar.schedule": ("drill schedule", "POST /drills/{drill}/schedule", "/drills/{drill}/schedule"),
}
"""An empty place: the command line does it with the same parts in another form (a plan file; resume works in its own
process; send asks first)."""
NO_DOOR = {
    "run.start",
    "run.resume",
    "run.dry_run",
    "plan.make_plan",
    "plan.propose",
    "failback.end_parent",
    "peacetime.take",
}
"""Work that deeds and the daemon share, behind the deeds; ``propose`` is ``make`` where nothing can be written."""
COMMAND_ALONE = {"relay_gone.give_up": "relay give-up"}
"""As all work on relays: it is done where their keys are, and named by the account that is read there."""


@cache
def called(sources: tuple[str, ...]) -> set[str]:
    """``module.function`` of ``bcp.deeds`` that a door imports."""
    roots = [Path(ROOT) / "bcp" / source for source in sources]
    found: set[str] = set()
    for path in [p for root in roots for p in (root.rglob("*.py") if root.is_dir() else [root])]:
        tree = ast.parse(path.read_text())
        modules: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bcp.deeds"):
                for alias in node.names:
                    if node.module == "bcp.deeds":
                        modules[alias.asname or alias.name] = alias.name
                    else:
                        found.add(f"{node.module.removeprefix('bcp.deeds.')}.{alias.name}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                found.add(f"{modules[node.value.id]}.{node.attr}")
    return found


@cache
def commands() -> set[str]:
    """Of the command line, groups included."""
    top = typer.main.get_command(command_line)
    out = set()
    for name, command in top.commands.items():
        out |= {f"{name} {n}" for n in getattr(command, "commands", {})} or {name}
    return out


@cache
def calls() -> set[str]:
    """Of the API, as its document has them."""
    made = FastAPI()
    made.include_router(api.router)
    made.include_router(api_deeds.router)
    made.include_router(api_drills.router)
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in made.openapi()["paths"].items()
        for method in methods
    }


@cache
def forms() -> set[str]:
    """Addresses that the console knows."""
    made = FastAPI()
    web._console(made)
    return {str(route.path) for route in made.routes if "POST" in (getattr(route, "methods", None) or ())}


@pytest.mark.parametrize("deed", DEEDS)
def test_every_door_has_every_deed(deed: str) -> None:
    """By its address, and by calling the deed itself: no door does it on its own."""
    command, call, form = DEEDS[deed]
    module, _, name = deed.partition(".")
    assert inspect.isfunction(getattr(importlib.import_module(f"bcp.deeds.{module}"), name)), (
        "the table names something that is no deed"
    )
    assert deed in called(SOURCES["api"]) and call in calls()
    assert deed in called(SOURCES["console"])
    assert form in forms()
    if command:
        assert deed in called(SOURCES["cli"]) and command in commands()


def test_texts_links_calls_and_buttons_answer_by_the_same_deed() -> None:
    """One set of checks for all of them."""
    assert "answer.answer" in called(SOURCES["hear"])
    for door in ("server/console/links.py", "server/doors/callers.py"):
        text = (Path(ROOT) / "bcp" / door).read_text()
        assert "hearer.answer(" in text and ".tell(" not in text


def test_no_deed_is_forgotten_in_the_table() -> None:
    """A new deed that takes whoever does it has to be given to the doors, or named as none of theirs."""
    found = set()
    for path in Path(bcp.deeds.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"bcp.deeds.{path.stem}") if path.stem != "__init__" else bcp.deeds
        for name, thing in vars(module).items():
            if (
                inspect.isfunction(thing)
                and thing.__module__ == module.__name__
                and not name.startswith("_")
                and "who" in inspect.signature(thing).parameters
            ):
                found.add(f"{path.stem}.{name}")
    assert found - NO_DOOR - set(COMMAND_ALONE) == {
        d
        for d in DEEDS
        if "who"
        in inspect.signature(
            getattr(importlib.import_module(f"bcp.deeds.{d.split('.')[0]}"), d.split(".")[1])
        ).parameters
    }
    assert not (NO_DOOR | set(COMMAND_ALONE)) & set(DEEDS)
    for deed, command in COMMAND_ALONE.items():
        assert deed in called(SOURCES["cli"]) and command in commands()


@pytest.mark.parametrize("source", ["cli", "server/console", "server/doors"])
def test_no_door_tells_a_run_anything_by_itself(source: str) -> None:
    """Every word to a run goes through a deed and its checks."""
    for path in (Path(ROOT) / "bcp" / source).rglob("*.py"):
        assert "runs.tell(" not in path.read_text(), path


@pytest.mark.parametrize(
    "rule", ["not-an-approver", "wrong-checksum", "run-over", "no-recovery", "initiator", "too-late", "answered"]
)
def test_each_check_stands_in_the_deeds_alone(rule: str) -> None:
    """It stood in up to four files; what a door may do is look a code up, not raise it."""
    for folder in ("cli", "server"):
        for path in (Path(ROOT) / "bcp" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and any(
                    k.arg == "rule" and isinstance(k.value, ast.Constant) and k.value.value == rule
                    for k in node.keywords
                ):
                    raise AssertionError(f"{path}:{node.lineno} raises {rule}")
