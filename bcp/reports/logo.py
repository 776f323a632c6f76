"""The organisation's picture as part of a page."""

from __future__ import annotations

import base64
from pathlib import Path

from bcp.kernel.errors import Invalid

MOST = 512 * 1024
"""Bytes."""
KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
"""First bytes of each kind of picture."""
HINT = "organisation: logo: takes a PNG, JPEG, GIF, WebP or SVG of at most 512 KiB."


def embedded(path: Path) -> str:
    """The picture as a ``data:`` URL. A browser runs no script of an SVG that is shown as a picture.

    Raises:
        Invalid: (``no-logo``) there is no such file, it is too large, or it is no picture.
    """
    try:
        with path.open("rb") as file:
            found = file.read(MOST + 1)
    except OSError as error:
        raise Invalid(f"the logo {path} cannot be read: {error.strerror}", rule="no-logo", hint=HINT) from error
    kind = next((k for first, k in KINDS.items() if found.startswith(first)), "")
    if not kind and path.suffix.lower() == ".svg" and b"<svg" in found[:4096]:
        kind = "image/svg+xml"
    if not kind or len(found) > MOST:
        why = "it is too large" if len(found) > MOST else "it is no picture that a page can show"
        raise Invalid(f"the logo {path} cannot be used: {why}", rule="no-logo", hint=HINT)
    return f"data:{kind};base64,{base64.b64encode(found).decode()}"
