"""States in words and colours: one table for the terminal, the console, the report, the status page and the texts.

A state that is not in the table is shown by its name, without a colour; the tests see to it that none is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ICONS = {"ok": "✓", "bad": "✕", "warn": "!", "busy": "●", "soft": "○"}
"""Tones: good; bad; a person should look; under way, or only pretended; nothing to see. With a sign for each, so that
nothing is said by colour alone."""

_STATES = {
    "ok": "ok ready unchanged done healthy good resolved closed sent found delivered read acknowledged approved met"
    " unbroken judged-met finding-done stands covered-real completed",
    "bad": "failed fail undo_failed down missed firing undelivered bounced expired error broken bad refused aborted"
    " declared confirmed not-ready judged-missed judged-not-reached judged-void severity-high severity-critical fell"
    " damaged covered-never overdue not-reached not-begun",
    "warn": "in_doubt doubt stopped interrupted waiting suspect partial degraded unknown warn warning"
    " opened open undoing rejected unclear decided lost duplicated"
    " at-risk risk judged-not-known severity-medium finding-open not-known proposed",
    "busy": "holding active running would_run new recovering failback draining claimed scheduled queued accepted"
    " sending drill judged-open covered-simulated",
    "soft": "pending skipped not_reached undone none not_measured silent judged-not-measured severity-low"
    " finding-proposed finding-dismissed cancelled ended planned not-measured dismissed",
}
_WORDS = {
    "failback": "going back",
    "not_measured": "not measured",
    "declared": "confirmed",
    "at-risk": "at risk",
    "not-ready": "not ready",
    "judged-met": "met",
    "judged-missed": "missed",
    "judged-not-reached": "not reached",
    "judged-not-known": "not known",
    "judged-not-measured": "not measured",
    "judged-void": "reached, does not count",
    "judged-open": "not yet",
    "severity-low": "low",
    "severity-medium": "medium",
    "severity-high": "high",
    "severity-critical": "critical",
    "finding-proposed": "proposed",
    "finding-open": "open",
    "finding-done": "done",
    "finding-dismissed": "dismissed",
    "stands": "stands",
    "fell": "no longer stands: it was changed after that",
    "covered-real": "for real",
    "covered-simulated": "simulated only",
    "covered-never": "never",
    "not-reached": "not reached",
    "not-begun": "not begun",
    "not-known": "not known",
    "not-measured": "not measured",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: its tone (a key of ``ICONS``, or empty) and its word."""

    tone: str
    word: str

    @property
    def icon(self) -> str:
        """The sign of its tone."""
        return ICONS.get(self.tone, "")


STATES: dict[str, Look] = {
    state: Look(tone, _WORDS.get(state, state.replace("_", " ")))
    for tone, states in _STATES.items()
    for state in states.split()
}
"""Every state that is shown: of steps, runs, services, planes, stages, incidents, questions, looks, checks, deliveries
and objectives."""

GOOD_PHASES = frozenset({"restored", "after"})
"""Phases of a message that say that it is over."""


def look(state: str) -> Look:
    """How this state is shown; one that is not known has no tone and its own name."""
    return STATES.get(state) or Look("", state.replace("_", " "))


def tone(state: str) -> str:
    """The tone of a state; empty when it has none."""
    return look(state).tone


def page_tone(phases: Sequence[str]) -> str:
    """The colour of the status page from the phases of its entries, the newest first: ``ok``, ``warn`` or ``bad``.

    The newest entry decides. ``restored`` and ``after`` say that it is over; ``monitoring`` that it works again and is
    watched. A ``correction`` is about what was said before it, so that the entry before it decides. Everything else,
    also an entry without a phase, says that something is wrong: green would be a promise that nobody made.
    """
    newest = next((p for p in phases if p != "correction"), "restored")
    if newest in GOOD_PHASES:
        return "ok"
    return "warn" if newest == "monitoring" else "bad"
