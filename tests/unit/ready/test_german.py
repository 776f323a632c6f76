"""The German words of readiness: every promise has some, and things of which the same is said stand together."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bcp.contracts.readiness import Check
from bcp.deeds.readiness.look import LOOKS
from bcp.mx.check import ASPECTS
from bcp.ready import german
from bcp.ready.standing import Standing

ROOT = Path(german.__file__).parents[1]
RDAP = {"registry"}
"""Asked by ``bcp dns check --rdap`` alone."""
CHECK = Check("secret", "env:A", "fail", "it is not set", "Set it.")


def codes() -> set[str]:
    """Every code of a check that stands in the source, and those that are made of an aspect of the DNS check."""
    files = [*(ROOT / "ready").glob("*.py"), *(ROOT / "deeds" / "readiness").glob("*.py")]
    files += [ROOT / "relay_kit" / "watch.py", ROOT / "deeds" / "relay_watch.py"]
    text = "".join(f.read_text() for f in files if f.name != "german.py")
    lines = (ROOT / "mx" / "check.py").read_text() + (ROOT / "deeds" / "dns.py").read_text()
    aspects = {name for name, _, _ in ASPECTS} | set(re.findall(r'Line\([\w.]+, "([a-z-]+)"', lines))
    looked = {code for code, _ in LOOKS}
    return set(re.findall(r'Check\(\s*"([a-z-]+)"', text)) | {f"dns-{name}" for name in aspects - RDAP} | looked


def test_every_promise_has_german_words_and_something_to_do() -> None:
    assert len(codes()) > 25 and codes() <= set(german.PROMISES)
    assert all(promise and todo.endswith(".") for promise, todo in german.PROMISES.values())


def test_the_same_of_many_things_is_one_line() -> None:
    many = [replace(CHECK, subject=f"env:{x}") for x in "ABCDE"] + [replace(CHECK, subject="env:F", state="risk")]
    rows = german.reasons(many)
    assert [r["says"] for r in rows] == [
        "gilt nicht: Das Geheimnis ist da (env:A, env:B, env:C und 2 weitere)",
        "gefährdet: Das Geheimnis ist da (env:F)",
    ]


def test_a_code_that_nobody_knows_is_named_and_one_without_a_subject_has_no_brackets() -> None:
    rows = german.reasons([replace(CHECK, code="new-thing", subject="", state="unknown")])
    assert rows == [{"says": "nicht bekannt: new-thing", "hint": "Ansehen: `bcp ready`.", "state": "unknown"}]


def standing(name: str, level: str) -> Standing:
    return Standing(name, name, level, 50, 2, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ((), "Nichts ist bereit: kein Playbook ist für einen Ausfall da"),
        (("ready", "ready"), "Alles ist bereit"),
        (("ready", "at-risk"), "1 von 2 Playbooks ist gefährdet"),
        (("not-ready", "not-ready", "at-risk"), "2 von 3 Playbooks sind nicht bereit"),
    ],
)
def test_the_sentence(levels: tuple[str, ...], wanted: str) -> None:
    assert german.sentence([standing(str(i), level) for i, level in enumerate(levels)]) == wanted
