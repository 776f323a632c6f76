"""The whole verdict of an outage: each field, the cases and the moment. What is right stands in ``verdicts.yaml``."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import yaml
from test_every_rule import (
    DEGRADED,
    FAIL,
    INCIDENT,
    LATER,
    NO,
    NOT_TAKEN,
    OK,
    OUR_LIMIT,
    OUT,
    THREE,
    UNKNOWN,
    said,
)

VERDICTS = yaml.safe_load((Path(__file__).parent / "verdicts.yaml").read_text())
WORLDS = {
    "well": lambda: said(smtp=OK, boxes=OK),
    "suspect": lambda: said(3, smtp=LATER, boxes=OK),
    "waits": lambda: said(8, smtp=LATER, unknown=LATER, boxes=OK, control=OK),
    "three places": lambda: said(30, THREE, smtp={"a": LATER, "b": LATER, "c": OUT}, graph=INCIDENT),
    "with mailboxes": lambda: said(20, smtp=LATER, boxes=OUT, people=OUT),
    "a part": lambda: said(60, smtp=lambda n: LATER if n > 20 and n % 4 == 0 else OK, boxes=OK),
    "our limit": lambda: said(20, THREE, smtp=OK, boxes=OUR_LIMIT),
    "one domain": lambda: said(20, smtp=LATER, smtp_2=OK, domains={"smtp": ("a.test",), "smtp_2": ("b.test",)}),
    "two domains": lambda: said(20, smtp=LATER, smtp_2=OUT, domains={"smtp": ("a.test",), "smtp_2": ("b.test",)}),
    "gateway": lambda: said(20, smtp=OK, gate=LATER),
    "gateway doubtful": lambda: said(20, smtp=[LATER, OK, LATER], gate=LATER),
    "names": lambda: said(20, names=(FAIL, "servfail"), smtp=(UNKNOWN, "unresolved")),
    "removed": lambda: said(20, smtp=NO, smtp_2=OK),
    "refused": lambda: said(20, smtp=NO, smtp_2=NO),
    "refused alone": lambda: said(20, smtp=NO),
    "blind": lambda: said(20, smtp=lambda n: LATER if n < 8 else UNKNOWN, boxes=OK),
    "over": lambda: said(60, smtp=lambda n: LATER if n < 8 else OK),
    "edge": lambda: said(20, smtp=OK, owa=OUT, imap=OUT),
    "slow": lambda: said(20, smtp=(DEGRADED, "slow")),
    "interrupted": lambda: said(5, smtp=OK, graph=(FAIL, "interruption")),
    "comes and goes": lambda: said(60, smtp=lambda n: LATER if n % 10 < 7 else OK),
    "names partly": lambda: said(60, smtp=LATER, names=[(FAIL, "servfail"), OK, OK]),
    "our network": lambda: said(20, smtp=OUT, boxes=OK, control=OUT),
    "contradicted": lambda: said(smtp=LATER, trip=OK, unknown=LATER),
    "not taken": lambda: said(smtp=OK, trip=NOT_TAKEN),
    "on the relay": lambda: said(20, smtp=LATER, events={12: ["active"]}),
    "not back yet": lambda: said(50, smtp=lambda n: LATER if n < 8 else OK, events={10: ["active"]}),
    "back": lambda: said(80, smtp=lambda n: LATER if n < 8 else OK, events={10: ["active"]}),
    "back into the unknown": lambda: said(80, smtp=lambda n: LATER if n < 8 else UNKNOWN, events={10: ["active"]}),
    "gateway on the relay": lambda: said(40, smtp=OK, gate=lambda n: LATER if n > 20 else OK, events={5: ["active"]}),
    "our clock": lambda: said(10, THREE, smtp=LATER, clock={"b": 4000.0}),
    "limits only": lambda: said(20, THREE, smtp=OUR_LIMIT),
    "one place": lambda: said(20, THREE, smtp={"b": OUT}),
    "queue of one domain": lambda: said(
        20, smtp=LATER, names=(FAIL, "servfail"), domains={"smtp": ("a.test",), "names": ("b.test",)}
    ),
    "mailboxes and one domain": lambda: said(
        20, smtp=LATER, smtp_2=OK, boxes=OUT, domains={"smtp": ("a.test",), "smtp_2": ("b.test",)}
    ),
    "sick and down": lambda: said(20, smtp=LATER, boxes=OUR_LIMIT),
    "refused by turns": lambda: said(60, smtp=[NO, OK, OK, OK]),
}


def plain(value):
    """As a file holds it."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return round(value, 3) if isinstance(value, float) else value


def told(thing, *without):
    """What of it is not as it is by itself."""
    found = {f.name: getattr(thing, f.name) for f in fields(thing) if f.name not in without}
    default = {f.name: f.default for f in fields(thing) if f.default is not MISSING}
    return {k: plain(v) for k, v in found.items() if k not in default or v != default[k]}


def verdict(found):
    """The verdict without words that tables hold; of the clock, the times."""
    times = [at for at, _ in found.clock]
    return told(found, "views", "cases", "moment", "clock", "changes", "why") | ({"clock": times} if times else {})


@pytest.mark.parametrize("name", WORLDS)
def test_the_whole_verdict(name) -> None:
    """Nothing more, and nothing less."""
    found, right = WORLDS[name](), VERDICTS[name]
    assert verdict(found) == right["verdict"]
    assert [told(c) for c in found.cases] == right["cases"] and told(found.moment) == right["moment"]


def test_every_verdict_is_of_a_world() -> None:
    assert set(VERDICTS) == set(WORLDS)
