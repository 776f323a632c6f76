"""Commands that do not validate the configuration know its time zone all the same."""

from __future__ import annotations

import pytest

from bcp.cli import common, render


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("organisation:\n  name: X\n  timezone: Europe/Berlin\nstate: .bcp\n", "Europe/Berlin"),
        ('organisation: {name: X, timezone: "Asia/Kolkata"}\n', "Asia/Kolkata"),
        ("version: 1\norganisation:\n  # ours\n\n  name: X\n  timezone: 'UTC'   # all\n", "UTC"),
        ("organisation:\n  name: X\nchannels:\n  page: {timezone: Europe/Paris}\n", "UTC"),
        ("state: x\n", "UTC"),
    ],
)
def test_the_zone_is_read_from_the_organisation_alone(tmp_path, monkeypatch, text, right) -> None:
    (tmp_path / "bcp.yaml").write_text(text)
    monkeypatch.setattr(common.Place, "config", str(tmp_path / "bcp.yaml"))
    monkeypatch.setattr(render.OUT, "zone", "Other/Zone")
    common.state_folder()
    assert right == render.OUT.zone
    shown = render.clock(1_769_103_903.0)
    assert shown == {"Europe/Berlin": "18:45:03 CET", "Asia/Kolkata": "23:15:03 IST"}.get(right, "17:45:03 UTC")
