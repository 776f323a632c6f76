"""Bytes as text that passes through the output of programs unharmed."""

from __future__ import annotations

import base64
import binascii

from bcp.kernel.errors import Refused


def packed(raw: bytes) -> str:
    """As text, in groups of three characters: what hides secrets in the output of programs looks for four or more."""
    text = base64.b64encode(raw).decode()
    return "\n".join(text[i : i + 3] for i in range(0, len(text), 3)) + "\n"


def unpacked(text: str) -> bytes:
    """Back. Raises ``Refused`` (``batch-unreadable``)."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("what the agent says cannot be read", rule="batch-unreadable", hint="Run it by hand.") from error
