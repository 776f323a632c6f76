"""``standard-webhooks``: whoever signs as standardwebhooks.com says (specification, version 1):
HMAC or Ed25519 over id.time.body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of
from bcp.kit.hook_auth import fresh, matches


class StandardWebhooksSettings(HookSettings):
    """Secrets are written as the sender shows them: `whsec_...` (HMAC) or `whpk_...` (Ed25519)."""

    kind: Literal["standard-webhooks"] = "standard-webhooks"
    """Which plug-in."""
    firing: list[str] = Field(default_factory=lambda: ["firing", "opened", "triggered", "down", "created", "failed"])
    """Last words of event types that begin an outage."""
    resolved: list[str] = Field(default_factory=lambda: ["resolved", "closed", "recovered", "up", "ended"])
    """Last words of event types that end it."""


class StandardWebhooks(Hook[StandardWebhooksSettings]):
    """`webhook-id` is the identity and is signed, as is the time; several signatures during a rotation."""

    kind = "standard-webhooks"
    Settings = StandardWebhooksSettings
    example: ClassVar[str] = (
        """{"type": "service.down", "timestamp": "2026-01-22T19:10:00Z", """
        """"data": {"id": "mx-1", "title": "Inbound mail fails"}}"""
    )

    def signed(self, received: Received) -> bool | None:
        """``v1,`` and ``v1a,`` signatures over ``id.time.body``."""
        heads = received.headers
        mark, moment = heads.get("webhook-id", ""), heads.get("webhook-timestamp", "")
        if not mark or not fresh(moment, received.at, self.settings.window):
            return False
        content = f"{mark}.{moment}.".encode() + received.raw
        given = [s.partition(",") for s in heads.get("webhook-signature", "").split(" ")][:10]
        ours = []
        for secret in self.settings.auth.hmac:
            text = secret.reveal()
            if text.startswith("whpk_"):
                if any(v == "v1a" and _ed25519(text, s, content) for v, _, s in given):
                    return True
                continue
            key = _decoded(text.removeprefix("whsec_"))
            ours.append(base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode())
        return matches(ours, [s for v, _, s in given if v == "v1"])

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. Types of other endings say nothing."""
        top = mapping(body, "the body")
        kind, data = needed(top, "type"), mapping(top.get("data"), "data")
        last = kind.rsplit(".", 1)[-1]
        if last not in self.settings.firing and last not in self.settings.resolved:
            return []
        outage = text_of(data.get("id")) or text_of(data.get("key")) or kind.rsplit(".", 1)[0]
        title = text_of(data.get("title")) or text_of(data.get("name")) or kind
        labels = {str(k)[:60]: text_of(v) for k, v in list(data.items())[:50]}
        mark = received.headers.get("webhook-id", "")
        return [Alert(mark, outage, last in self.settings.firing, title, "", {**labels, "type": kind})]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _ed25519(public: str, signature: str, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(_decoded(public.removeprefix("whpk_")))
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


PLUGIN = HookPlugin(api=1, settings=StandardWebhooksSettings, make=StandardWebhooks)
