"""Whether a request comes from whom it says: every comparison in constant time, every current secret tried."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Sequence
from typing import Any

from bcp.contracts.hook import BasicAuth, Hook, HookAuth, JwtAuth, ProxyAuth, Received, Unauthentic
from bcp.kernel.peers import address_of, within
from bcp.kernel.secret import Secret
from bcp.kit.jwks import Keys

_KEYS: dict[str, Keys] = {}
_VALUES: dict[Secret, tuple[float, bytes]] = {}
VALUE_S = 5.0


async def verify(hook: Hook[Any], received: Received) -> None:
    """Any way that is configured suffices. Raises ``Unauthentic``."""
    if not (await by_head(hook, received) or by_body(hook, received)):
        raise Unauthentic("the sender did not prove who it is", hint="Compare the secrets at both ends.")


async def by_head(hook: Hook[Any], received: Received) -> bool:
    """Does the head prove the sender, whatever the body holds: a token, a password, a certificate?"""
    auth: HookAuth = hook.settings.auth
    return (
        bool(auth.bearer and same(_bearer(received, auth.header), auth.bearer))
        or bool(auth.path and same(received.token, auth.path))
        or (auth.basic is not None and _basic(received, auth.basic))
        or (auth.proxy is not None and _proxy(received, auth.proxy))
        or (auth.jwt is not None and await _jwt(hook, received, auth.jwt))
    )


def by_body(hook: Hook[Any], received: Received) -> bool:
    """Is the body signed by the sender, in its own way or the usual one?"""
    auth: HookAuth = hook.settings.auth
    own = hook.signed(received) if auth.hmac else False
    return own if own is not None else signed(hook, received, auth)


def same(given: str, secrets: Sequence[Secret]) -> bool:
    """Is it one of these? Every one is compared, so that time tells nothing."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given.encode(), current(secret))
    return found and bool(given)


def current(secret: Secret) -> bytes:
    """Its value, read again after a few seconds: a rotation is seen, a storm does not read a file a thousand times."""
    now = time.monotonic()  # noqa: TID251 - age of a cache
    known = _VALUES.get(secret)
    if known is None or now - known[0] > VALUE_S:
        known = _VALUES[secret] = (now, secret.reveal().encode())
    return known[1]


def _bearer(received: Received, header: str) -> str:
    if header:
        return received.headers.get(header.lower(), "")
    scheme, _, token = received.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(received: Received, wanted: BasicAuth) -> bool:
    scheme, _, coded = received.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        user, colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    right = hmac.compare_digest(user.encode(), wanted.user.encode())
    return same(password, wanted.passwords) and right and bool(colon)


def signed(hook: Hook[Any], received: Received, auth: HookAuth) -> bool:
    """HMAC-SHA256 over the raw bytes, with a signed time before them where the sender signs one."""
    given = received.headers.get((auth.signature_header or hook.signature).lower(), "")
    offered = [p.strip() for p in given.split(hook.many)] if hook.many else [given.strip()]
    offered = [p.removeprefix(hook.prefix) for p in offered if p.startswith(hook.prefix)][:10]
    stamp = b""
    if auth.timestamp_header:
        moment = received.headers.get(auth.timestamp_header.lower(), "")
        if not fresh(moment, received.at, hook.settings.window):
            return False
        stamp = moment.encode() + b":"
    return matches((hmac.new(current(s), stamp + received.raw, hashlib.sha256).hexdigest() for s in auth.hmac), offered)


def matches(right: Iterable[str], offered: Iterable[str]) -> bool:
    """Is one of those offered one of the right ones? In constant time for each pair."""
    found, given = False, list(offered)
    for one in right:
        for other in given:
            found |= hmac.compare_digest(one.encode(), other.encode())
    return found


def fresh(moment: str, now: float, window_s: float) -> bool:
    """Is a signed time (seconds since 1970) near enough?"""
    try:
        return abs(now - float(int(moment[:20]))) <= window_s
    except ValueError:
        return False


def _proxy(received: Received, wanted: ProxyAuth) -> bool:
    if not within(address_of(received.peer), wanted.from_):
        return False
    well = hmac.compare_digest(received.headers.get(wanted.header.lower(), "").encode(), wanted.value.encode())
    return well and received.headers.get(wanted.subject_header.lower(), "") in wanted.subjects


async def _jwt(hook: Hook[Any], received: Received, wanted: JwtAuth) -> bool:
    token = _bearer(received, "")
    if not token:
        return False
    keys = _KEYS.setdefault(wanted.keys, Keys(wanted.keys, hook.key_store))
    claims = await keys.claims(token, issuer=wanted.issuer, audience=wanted.audience, now=time.monotonic())  # noqa: TID251 - age of a cache
    if claims is None:
        return False
    roles = claims.get("roles")
    return not wanted.role or (isinstance(roles, list) and wanted.role in roles)
