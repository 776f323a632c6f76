"""Every metric is documented with its type and its labels, and nothing is documented that is no metric."""

from __future__ import annotations

import re

from support import ROOT

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(bcp_\w+)(?:\{([\w,]+)\})?` \| (gauge|counter) \|", re.MULTILINE)


def documented() -> dict[str, tuple[str, set[str]]]:
    return {name: (kind, set(filter(None, labels.split(",")))) for name, labels, kind in ROW.findall(PAGE)}


def sources() -> str:
    return "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "bcp").rglob("*.py"))


def test_every_metric_is_documented_with_its_type() -> None:
    made = dict(re.findall(r"# TYPE (bcp_\w+) (\w+)", sources()))
    assert len(made) > 10
    assert {name: kind for name, (kind, _) in documented().items()} == made


def test_labels_are_those_that_are_written() -> None:
    text = sources()
    for name, (_, labels) in documented().items():
        rows = re.findall(rf"{name}\{{\{{(.*)", text)
        found = {label for row in rows for label in re.findall(r'(\w+)="', row)}
        assert found == labels, f"{name}: {found} in the code, {labels} on the page"
