"""Keys of an identity provider (RFC 7517), kept: the provider may be the very thing that is down."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.kernel.peers import is_private_way
from bcp.kit.body import read_whole

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
"""Asymmetric ones only: a symmetric one would let our public key sign."""
AGE_S, PAUSE_S, MAX_BYTES = 3600.0, 60.0, 500_000


class Keys:
    """One provider's keys: asked for at most once a minute,
    and only when an unknown key id comes or they are an hour old."""

    def __init__(self, source: str, store: Path | None = None) -> None:
        self.source = source
        self.path = store / f"keys-{sha256(source.encode()).hexdigest()[:16]}.json" if store else None
        self._set: Any = None
        self._asked = self._got = -1e9
        self._lock = asyncio.Lock()

    async def claims(self, token: str, *, issuer: str, audience: str, now: float) -> dict[str, Any] | None:
        """What a valid token says; ``None`` for any other."""
        import jwt

        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._key(str(key_id or ""), now)
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=issuer,
                audience=audience,
                leeway=60,
                options={"require": ["exp", "iss", "aud"]},
            )
            return claims
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    async def _key(self, key_id: str, now: float) -> Any:
        """A key that is known waits for nobody: neither for a provider that hangs nor for strangers' key ids."""
        if self._set is None and self.path is not None:
            self._set = _parsed(_text_of(self.path))
        known = self._find(key_id)
        if known is not None and not self._due(known, now):
            return known
        async with self._lock:
            known = self._find(key_id)
            if self._due(known, now):
                self._asked = now
                await self._ask(now)
                known = self._find(key_id) or known
            return known

    def _due(self, known: Any, now: float) -> bool:
        """Is the provider to be asked?"""
        return (known is None or now - self._got > AGE_S) and now - self._asked > PAUSE_S

    def _find(self, key_id: str) -> Any:
        return next((k.key for k in self._set.keys if k.key_id == key_id), None) if self._set is not None else None

    async def _ask(self, now: float) -> None:
        text = await self._fetch()
        found = _parsed(text) if text else None
        if found is None:
            return
        self._set, self._got = found, now
        if self.path is not None:
            try:
                write_atomic(self.path, text)
            except StorageError:
                return

    async def _fetch(self) -> str:
        if not is_private_way(self.source):
            return _text_of(Path(self.source))
        import aiohttp

        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
                async with session.get(self.source, allow_redirects=False) as answer:
                    raw = await read_whole(answer.content, MAX_BYTES)
                    return raw.decode() if answer.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError, OSError):
            return ""


def _text_of(path: Path) -> str:
    """What a file holds; empty for one that is not there or is damaged: then the provider is asked."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _parsed(text: str) -> Any:
    import jwt

    try:
        return jwt.PyJWKSet.from_dict(json.loads(text))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None
