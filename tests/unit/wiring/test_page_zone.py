"""A status page without a zone of its own shows times in that of the organisation, in which texts name theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bcp.kernel.clock import SystemClock
from bcp.kit.site import Entry
from bcp.settings.load import load
from bcp.wiring import make_app

TEXT = """\
version: 1
organisation: {name: X, timezone: Europe/Berlin}
domains: [{name: corp.test}]
channels: {page: {kind: status-page, folder: public%s}}
"""


@pytest.mark.parametrize(
    ("own", "shown"),
    [("", "13:00:00 CET"), (", timezone: UTC", "12:00:00 UTC"), (", timezone: Asia/Tokyo", "21:00:00 JST")],
)
def test_times_are_those_of_the_organisation(tmp_path: Path, own: str, shown: str) -> None:
    (tmp_path / "bcp.yaml").write_text(TEXT % own)
    page = make_app(load(tmp_path / "bcp.yaml"), SystemClock()).world.channels["page"]
    page.site.put(Entry("k", 1_796_040_000.0, "Mail is late", "<p>x</p>", "x", "t", "en"))
    text = (tmp_path / "public" / "index.html").read_text()
    assert shown in text
