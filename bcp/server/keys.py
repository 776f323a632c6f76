"""The key of links, codes, sessions and tokens."""

from __future__ import annotations

import secrets

from bcp.kernel.errors import Invalid
from bcp.kernel.files import make_private, write_atomic
from bcp.wiring import App


def given_key(app: App) -> bytes | None:
    """The key from the configuration; ``None``: it names none.

    Raises:
        Invalid: it is too short.
    """
    secret = app.settings.serve.key
    if secret is None:
        return None
    raw = secret.reveal().encode()
    if len(raw) < 32:
        raise Invalid(
            f"serve: key has {len(raw)} characters; it needs 32 or more", hint="Make one with: openssl rand -hex 32"
        )
    return raw


def signing_key(app: App) -> bytes:
    """What links and codes are sealed with: from the configuration, else a file that is made once. Raises
    ``Invalid``."""
    if (given := given_key(app)) is not None:
        return given
    path = app.configuration.state / "serve.key"
    if not path.exists():
        make_private(path.parent)
        write_atomic(path, secrets.token_hex(32))
    return path.read_text(encoding="utf-8").strip().encode()
