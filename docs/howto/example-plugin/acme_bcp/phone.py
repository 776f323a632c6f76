"""``acme-phone``: Acme's gateway tells us what people texted back, and what became of texts."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, ClassVar, Literal

from bcp.contracts.caller import (
    Call,
    Caller,
    CallerPlugin,
    CallerSettings,
    Reply,
    Reported,
    Said,
    Texted,
    Unauthentic,
)
from bcp.contracts.channel import Inbound
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.secret import Secret


class PhoneSettings(CallerSettings):
    """Acme's gateway, with the key that it signs with."""

    kind: Literal["acme-phone"] = "acme-phone"
    """Which plug-in."""
    key: Secret
    """Key of the signatures, by reference."""


class Phone(Caller[PhoneSettings]):
    """`X-Acme-Signature`: HMAC-SHA256 over the raw body."""

    kind = "acme-phone"
    forms = ("application/json",)
    Settings = PhoneSettings
    example: ClassVar[str] = "acme gateway set --texts {url}/texts --reports {url}/reports --key ..."

    async def prove(self, call: Call) -> None:
        """Signed by the gateway."""
        right = hmac.new(self.settings.key.reveal().encode(), call.raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), call.headers.get("x-acme-signature", "").encode()):
            raise Unauthentic("not signed by Acme")

    def heard(self, call: Call) -> Said:
        """One text or one report a call."""
        body = _object(call.raw)
        if call.path == "texts":
            return Texted(Inbound(_text(body, "from"), _text(body, "words"), call.at, _text(body, "number")))
        if call.path == "reports":
            return Reported(_text(body, "number"), _text(body, "end"), _text(body, "why"))
        raise Missing(f"Acme has nothing to say at {call.path[:60]!r}")

    def reply(self, said: Said, words: str) -> Reply:
        """What the gateway texts back."""
        return Reply(json.dumps({"answer": words}), "application/json")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Invalid("the body is no JSON") from error
    if not isinstance(found, dict):
        raise Invalid("the body is no object")
    return found


def _text(body: dict[str, Any], name: str) -> str:
    found = body.get(name, "")
    if not isinstance(found, str) or "\0" in found:
        raise Invalid(f"{name} is no text")
    return found


PLUGIN = CallerPlugin(api=1, settings=PhoneSettings, make=Phone)
