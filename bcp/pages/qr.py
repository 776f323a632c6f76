"""QR codes (ISO/IEC 18004): for a screen as one SVG path, for a terminal as half blocks. Nothing leaves the machine."""

from __future__ import annotations

from dataclasses import dataclass

QUIET = 4
"""Light modules around the code, as the standard asks for."""
_HALVES = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
"""Two rows in one line of a terminal: what is dark is left out, so that it works on a dark ground."""


@dataclass(frozen=True, slots=True)
class Code:
    """Rows of modules, 1 is dark, the quiet zone included."""

    rows: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Modules on each side."""
        return len(self.rows)

    @property
    def path(self) -> str:
        """The dark modules as the data of an SVG path, one unit each."""
        dark = ((x, y) for y, row in enumerate(self.rows) for x, on in enumerate(row) if on)
        return "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)

    @property
    def blocks(self) -> str:
        """The code for a terminal with light text on a dark ground."""
        rows = [*self.rows, (0,) * self.size] if self.size % 2 else list(self.rows)
        pairs = zip(rows[::2], rows[1::2], strict=True)
        return "\n".join("".join(_HALVES[up, down] for up, down in zip(a, b, strict=True)) for a, b in pairs)


def code_of(text: str) -> Code:
    """The QR code of a text, with a medium share of repair (15 %)."""
    import segno  # only where a code is shown

    made = segno.make_qr(text, error="m")
    return Code(tuple(tuple(int(on) for on in row) for row in made.matrix_iter(border=QUIET)))
