"""Public keys of SSH, as they stand in ``authorized_keys``: a type, base64, a comment (RFC 4253, section 6.6). Pure."""

from __future__ import annotations

import base64
import binascii


def is_public_key(line: str) -> bool:
    """Whether an SSH server would take this line: its base64 begins with the length and name of its type."""
    kind, _, rest = line.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        return False
    name = kind.encode()
    return blob.startswith(len(name).to_bytes(4, "big") + name) and len(blob) > 4 + len(name)
