"""docs/reference/probes.md says what the probes do: every row is played, and every scene has a row."""

from __future__ import annotations

import asyncio

import pytest
from probes.scenes_dns import DNS, OWN_MX
from probes.scenes_smtp import SMTP, UNKNOWN_RECIPIENT, round_trips
from probes.scenes_told import QUEUE, TOLD
from probes.scenes_web import DECLARED, ENTRA, GRAPH_MAILBOX, HTTPS
from support import ROOT

from bcp.contracts.kinds import BY_NAME


def rows(section: str) -> dict[str, tuple[str, str]]:
    """What is seen -> (result, kind), of one section of the page."""
    text = (ROOT / "docs" / "reference" / "probes.md").read_text().split(f"## `{section}`")[1].split("\n## ")[0]
    out = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 3 and not set(cells[0]) <= set("- ") and cells[1] != "result":
            out[cells[0]] = (cells[1], cells[2].strip("`").replace("(empty)", ""))
    return out


def cases(section: str, scenes) -> list:
    told = rows(section)
    assert set(told) == set(scenes), set(told) ^ set(scenes)
    return [pytest.param(scenes[seen], result, kind, id=f"{section}: {seen}") for seen, (result, kind) in told.items()]


PLAIN = [
    *cases("smtp", SMTP),
    *cases("smtp-unknown", UNKNOWN_RECIPIENT),
    *cases("dns", DNS),
    *cases("own-mx", OWN_MX),
]

IN_A_FOLDER = [
    *cases("https", HTTPS),
    *cases("entra", ENTRA),
    *cases("graph-mailbox", GRAPH_MAILBOX),
    *cases("graph-health", {**DECLARED, **TOLD}),
    *cases("queue", QUEUE),
]


@pytest.fixture
def secret(tmp_path):
    """A reference to a password."""
    path = tmp_path / "secret"
    path.write_text("a-password-of-the-lab")
    path.chmod(0o600)
    return f"file:{path}"


@pytest.mark.parametrize(("scene", "result", "kind"), PLAIN)
def test_a_row_is_what_the_probe_says(scene, result, kind) -> None:
    """The look over real sockets gives the result and the kind of the table."""
    found = asyncio.run(scene())
    assert (found.result.value, found.kind) == (result, kind), found


@pytest.mark.parametrize(("scene", "result", "kind"), IN_A_FOLDER)
def test_a_row_of_a_probe_with_files_or_vendors(scene, result, kind, tmp_path, secret) -> None:
    """The same, with a folder and a credential."""
    folder = tmp_path / "work"
    folder.mkdir()
    found = asyncio.run(scene(folder, secret))
    assert (found.result.value, found.kind) == (result, kind), found


@pytest.mark.parametrize("seen", rows("round-trip"))
def test_a_row_of_the_round_trip(seen, tmp_path, secret) -> None:
    """The same, with a mailbox outside."""
    scenes = round_trips(secret)
    assert set(scenes) == set(rows("round-trip"))
    found = asyncio.run(scenes[seen](tmp_path / "mail"))
    assert (found.result.value, found.kind) == rows("round-trip")[seen], found


def test_every_kind_of_the_page_is_in_the_vocabulary() -> None:
    """A word that nobody knows would count as *broken*."""
    page = (ROOT / "docs" / "reference" / "probes.md").read_text()
    sections = [part.split("`")[0] for part in page.split("## `")[1:]]
    said = {kind for s in sections for _, kind in rows(s).values()}
    assert said <= set(BY_NAME), said - set(BY_NAME)
