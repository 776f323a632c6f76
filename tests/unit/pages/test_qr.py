"""QR codes: what is drawn is what the library computed, with its quiet zone, on a screen and in a terminal."""

from __future__ import annotations

import re

import pytest
import segno

from bcp.pages.qr import QUIET, Code, code_of

URL = "otpauth://totp/bcp%20Corp:alice?secret=JBSWY3DPEHPK3PXP&issuer=bcp%20Corp"


@pytest.mark.parametrize("text", ["a", URL, "ü" * 100])
def test_the_path_covers_the_dark_modules_and_no_others(text) -> None:
    made = code_of(text)
    drawn = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", made.path)}
    wanted = {
        (x + QUIET, y + QUIET)
        for y, row in enumerate(segno.make_qr(text, error="m").matrix)
        for x, on in enumerate(row)
        if on
    }
    assert drawn == wanted and made.path.count("M") == len(drawn)


def test_there_is_a_quiet_zone_on_every_side() -> None:
    made = code_of(URL)
    edge = [
        *made.rows[:QUIET],
        *made.rows[-QUIET:],
        *zip(*[r[:QUIET] for r in made.rows], strict=True),
        *zip(*[r[-QUIET:] for r in made.rows], strict=True),
    ]
    assert not any(on for line in edge for on in line) and all(len(r) == made.size for r in made.rows)


def test_the_three_finders_are_where_a_camera_looks() -> None:
    made = code_of(URL)
    far = made.size - QUIET - 7
    for x, y in ((QUIET, QUIET), (far, QUIET), (QUIET, far)):
        assert all(made.rows[y][x + i] and made.rows[y + 6][x + i] and made.rows[y + 3][x + 3] for i in range(7))


@pytest.mark.parametrize("rows", [((0, 1), (1, 0)), ((0, 1, 0), (1, 1, 1), (0, 0, 1))])
def test_the_terminal_shows_two_rows_in_a_line_and_light_is_painted(rows) -> None:
    lines = Code(rows).blocks.split("\n")
    assert len(lines) == (len(rows) + 1) // 2 and all(len(line) == len(rows) for line in lines)
    for y, row in enumerate(rows):
        for x, on in enumerate(row):
            assert (lines[y // 2][x] in ("█▀" if y % 2 == 0 else "█▄")) is (not on)
