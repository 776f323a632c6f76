"""Annex H: a look of a dry run is a real one, what a real run did not come to was no dry run, and a tabletop's injects
are there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.reports.samples import full

from bcp.contracts.exercise_parts import Decision, Moment, Step
from bcp.contracts.exercise_plain import to_data
from bcp.pages.annexes import annexes
from bcp.pages.words import words

DRY, READ, NO = "dry: not carried out", "dry: read for real, nothing written", "not carried out"


@pytest.mark.parametrize(
    ("result", "said"), [("would_run", DRY), ("ok", READ), ("skipped", NO), ("pending", NO), ("not_reached", NO)]
)
def test_carried_out_says_what_is_true(result: str, said: str) -> None:
    told = Moment(5.0, "inject", "[2m] The watch says suspect", "ann")
    noted = Decision(9.0, "ann", "we wait", asked=5.0, how="noted")
    record = replace(full(), objectives=(), steps=(Step("a", "", result=result),), timeline=(told,), decisions=(noted,))
    found = {s.id: s for s in annexes(to_data(record), [], words("en"))}
    first, injects = found["steps"].tables
    assert next(p for p in first.rows[0].more if p.field == "step.dry").cell.value == said
    assert (injects.caption, injects.rows[0].cells[2].value) == ("What was told at the table", told.text)
    assert found["detection"].tables[0].rows[0].cells[-1].value == "none", "nobody was asked: nothing took 4 s"
