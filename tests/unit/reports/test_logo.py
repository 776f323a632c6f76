"""The picture at the head of a report: embedded, checked by what it is and not by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.reports.samples import full

from bcp.kernel.errors import Invalid
from bcp.pages.report import report_page
from bcp.reports.document import document
from bcp.reports.logo import MOST, embedded

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", PNG, "image/png"), ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"), ("a.gif", b"GIF89a", "image/gif"),
        ("a.webp", b"RIFF1234WEBP", "image/webp"), ("a.svg", b"<?xml?><svg/>", "image/svg+xml"),
        ("misnamed.svg", PNG, "image/png"),
    ],
)  # fmt: skip
def test_pictures(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert embedded(path).startswith(f"data:{kind};base64,")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"<html><script>", "no picture"), (b"", "no picture"), (PNG + b"\0" * MOST, "too large"), (None, "read")],
)
def test_what_is_none_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "x.svg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=why) as caught:
        embedded(path)
    assert caught.value.rule == "no-logo"


def test_it_is_part_of_the_page_with_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    page = report_page(document(full(), "drill", made="x"), logo=embedded(path))
    assert 'alt="Contoso Group AG"' in page
    assert "img-src data:" in page
    assert "img-src" not in report_page(document(full(), "drill", made="x"))
