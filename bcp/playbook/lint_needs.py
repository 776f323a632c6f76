"""Checks what a step needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bcp.kernel.document import Document, did_you_mean
from bcp.kernel.errors import Problem
from bcp.playbook.load import Placed


def check_needs(document: Document, placed: Placed, by_id: Mapping[str, Placed]) -> Iterator[Problem]:
    """What it needs is there, in its phase, and does not take it along when it is skipped."""
    for i, need in enumerate(placed.step.needs or ()):
        place = (*placed.path, "needs", i)
        if need == placed.id:
            yield document.problem(place, f"{placed.id!r} needs itself", rule="cycle", hint="Remove it.")
        elif need not in by_id:
            yield document.problem(
                place, f"needs an unknown step {need!r}", hint=did_you_mean(need, by_id), rule="unknown-need"
            )
        elif by_id[need].phase != placed.phase:
            yield document.problem(
                place,
                f"needs {need!r}, which is in {by_id[need].phase}, not in {placed.phase}",
                rule="need-across-phases",
                hint="Earlier phases are always over; needs are for steps of the same phase.",
            )
    yield from _skipped_together(document, placed, by_id)


def _skipped_together(document: Document, placed: Placed, by_id: Mapping[str, Placed]) -> Iterator[Problem]:
    """Two steps of which one is meant to be done: the second needs the first as long as it does not say otherwise."""
    before = by_id.get(placed.needs[0]) if placed.step.needs is None and placed.needs else None
    if placed.step.when and before is not None and before.step.when:
        needs = ", ".join(before.needs)
        yield document.problem(
            placed.path,
            f"{placed.id!r} is skipped whenever {before.id!r} is: it needs it, as the step that stands before it",
            rule="skipped-together",
            severity="warning",
            hint=f"Write needs: [{needs}] where they do not hang together, needs: [{before.id}] where they do.",
        )
