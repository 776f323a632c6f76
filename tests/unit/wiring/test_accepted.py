"""The file of accepted domains: whatever it is, it ends nothing; what the last snapshot has counts without one."""

from __future__ import annotations

import pytest

from bcp.detect.snapshot import Snapshot
from bcp.settings import load
from bcp.testing.clock import FakeClock
from bcp.wiring.accepted import accepted_in
from bcp.wiring.world import World

CONFIG = "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test}]\n"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_is_read_as_powershell_and_editors_write_it(tmp_path, coding) -> None:
    path = tmp_path / "accepted.csv"
    path.write_text("DomainName\r\ncorp.test\r\nno name\r\n", encoding=coding)
    found = accepted_in(path)
    assert (found.domains, found.source, found.odd, found.problem) == (("corp.test",), "accepted.csv", ("no name",), "")


@pytest.mark.parametrize(
    ("data", "why"),
    [(None, "No such file"), (b"\xff\xfe\x00", "it is no text"), (b"\x80abc", "it is no text"), (b"", "no domain")],
)
def test_what_cannot_be_read_is_a_problem_that_is_told(tmp_path, data, why) -> None:
    path = tmp_path / "accepted.csv"
    if data is not None:
        path.write_bytes(data)
    found = accepted_in(path)
    assert found.domains == () and why in found.problem and "accepted.csv" in found.problem


def world(folder, text="", accepted=None):
    (folder / "bcp.yaml").write_text(CONFIG + text)
    made = World(load(folder / "bcp.yaml"), FakeClock())
    made.snapshots.write(Snapshot(0.0, {}, accepted=accepted))
    return made


def test_the_file_counts_before_the_snapshot_and_without_both_nothing_is_known(tmp_path) -> None:
    assert world(tmp_path).accepted is None and world(tmp_path, accepted=()).accepted is None
    found = world(tmp_path, accepted=("corp.test", "two.test")).accepted
    assert found is not None and found.domains == ("corp.test", "two.test")
    assert found.source == "snapshot of 1970-01-01T00:00:00Z"
    (tmp_path / "list").write_text("three.test\n")
    found = world(tmp_path, "accepted_domains: list\n", ("corp.test",)).accepted
    assert found is not None and (found.domains, found.source) == (("three.test",), "list")
