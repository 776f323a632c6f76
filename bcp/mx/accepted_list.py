"""A list of accepted domains as people and tools write it: names in one form, and what is none. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from bcp.kernel.names import domain_name

HEADINGS = ("domainname", "domain name", "domain", "name", "id")
"""Columns that hold the domain, as ``Get-AcceptedDomain`` and exports of the admin centre call them, the best first."""
SUBDOMAINS = "matchsubdomains"
"""Column that says whether all subdomains are accepted."""


def parse(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Domains of a file, and what is none: one a line, or a table with commas or semicolons and a heading, as
    ``Get-AcceptedDomain | Export-Csv`` writes it. ``#`` begins a comment."""
    lines = [x.strip() for x in text.lstrip("\ufeff").splitlines() if x.strip() and not x.lstrip().startswith("#")]
    if not lines:
        return (), ()
    mark = ";" if lines[0].count(";") > lines[0].count(",") else ","
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark) if row]
    heading = [cell.lower() for cell in rows[0]]
    column = next((heading.index(h) for h in HEADINGS if h in heading), None)
    at, rows = column or 0, [row for row in rows[column is not None :] if len(row) > (column or 0)]
    below = heading.index(SUBDOMAINS) if SUBDOMAINS in heading else None
    stars = [f"*.{r[at]}" for r in rows if below is not None and len(r) > below and r[below].lower() == "true"]
    return names([*(r[at] for r in rows), *stars])


def names(given: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Domain names in one form, each once, and what is none."""
    good, odd = dict[str, None](), list[str]()
    for text in given:
        star = "*." if text.startswith("*.") else ""
        try:
            good[star + domain_name(text.removeprefix("*."))] = None
        except ValueError:
            odd.append(text)
    return tuple(good), tuple(odd)
