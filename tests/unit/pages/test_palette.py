"""One table of states: total over everything that the product says, and the same everywhere."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from bcp.comms.pack import MessageFile, load_pack
from bcp.contracts.probe import Result
from bcp.engine import state as engine
from bcp.incident.model import OPEN
from bcp.pages.palette import GOOD_PHASES, ICONS, STATES, look, page_tone, tone
from bcp.pages.render import STATIC

ROOT = Path(__file__).parents[3]
PACK = load_pack([ROOT / "playbooks" / "messages"])
PHASES = get_args(MessageFile.model_fields["phase"].annotation)
STEPS = {"pending", "would_run", "waiting", "running", *engine.OVER}
RUNS = {"new", "running", "waiting", "holding", "undoing", "stopped", "in_doubt", "interrupted", *engine.FINAL}
SERVICE = {"healthy", "suspect", "down", "unknown"}
PLANES = {"ok", "partial", "suspect", "down", "unknown"}
STAGES = {"healthy", "suspect", "confirmed", "decided", "active", "recovering", "failback", "draining", "closed"}
CHECKS = {"ok", "warn", "fail"}
DELIVERIES = {"sent", "failed", "scheduled", "in_doubt", "claimed", "delivered", "undelivered", "queued", "read"}
ALL = STEPS | RUNS | SERVICE | PLANES | STAGES | CHECKS | DELIVERIES | {*OPEN, "closed"} | {r.value for r in Result}


@pytest.mark.parametrize("state", sorted(ALL))
def test_every_state_has_a_tone_a_word_and_a_sign(state) -> None:
    found = look(state)
    assert found.tone in ICONS and found.icon and found.word and "_" not in found.word


def test_the_run_states_of_the_engine_are_all_there() -> None:
    """The names that ``RunState`` says it has."""
    said = re.search(r"``status``: ([a-z_, ]+)\.", engine.RunState.__doc__ or "")
    assert said is not None and set(said[1].split(", ")) <= set(STATES)


def test_no_state_is_in_the_table_twice() -> None:
    """Else its colour would depend on the order of lines."""
    text = (ROOT / "bcp" / "pages" / "palette.py").read_text()
    table = text[text.index("_STATES = {") : text.index("_WORDS")]
    words = [w for line in re.findall(r'"([^"]*)"', table) for w in line.split() if w not in ICONS or " " in line]
    assert sorted(words) == sorted(set(words))
    assert {w for w in words if w in STATES} == set(STATES)


def test_what_is_not_known_is_shown_by_its_name_and_without_colour() -> None:
    assert look("some_state") == look("some_state") and look("some_state").word == "some state"
    assert tone("some_state") == "" and look("some_state").icon == ""


@pytest.mark.parametrize("kind", sorted(ICONS))
def test_each_tone_has_a_colour_in_the_style_sheet_by_day_by_night_and_on_paper(kind) -> None:
    style = (STATIC / "style.css").read_text()
    if kind != "soft":
        assert len(re.findall(rf"--{kind}: #", style)) == 3
        assert re.search(rf"^\.{kind} \{{", style, re.M) and f"svg .t-{kind}" in style


def test_the_terminal_paints_with_the_same_table() -> None:
    from bcp.cli import render

    assert set(render._STYLE) == set(ICONS) and set(render._STYLE.values()) <= set(render._COLOURS)


# -- the colour of the status page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACK.names())
def test_the_page_has_the_colour_of_each_shipped_message(name) -> None:
    """By its phase: all-clears are green, also customers-after and false-alarm; nothing else is."""
    phase = PACK.get(name).file.phase
    wanted = "ok" if phase in GOOD_PHASES else {"monitoring": "warn"}.get(phase, "bad")
    assert page_tone([phase, "investigating"]) == wanted
    if name.endswith(("-restored", "-after")) or name == "false-alarm":
        assert wanted == "ok"
    if name.endswith(("-investigating", "-identified", "-failing", "-on-backup", "-update")):
        assert wanted == "bad"


@pytest.mark.parametrize(("phase", "before"), list(product(PHASES, PHASES)))
def test_a_correction_leaves_the_page_as_what_it_corrects(phase, before) -> None:
    assert page_tone(["correction", phase, before]) == page_tone([phase, before])
    assert page_tone(["correction", "correction", phase, before]) == page_tone([phase, before])


def test_an_empty_page_is_green_and_an_entry_without_a_phase_is_not() -> None:
    assert page_tone([]) == "ok" and page_tone([""]) == "bad" and page_tone(["", "restored"]) == "bad"
    assert page_tone(["anything-else"]) == "bad"
