"""``acme-bell``: Acme's alarm system, which signs the body it sends."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed
from bcp.kernel.errors import Invalid


class BellSettings(HookSettings):
    """Acme's alarm system, with a key (`hmac`)."""

    kind: Literal["acme-bell"] = "acme-bell"
    """Which plug-in."""


class Bell(Hook[BellSettings]):
    """`X-Acme-Signature` over the raw body; bell and state are the identity."""

    kind = "acme-bell"
    signature = "X-Acme-Signature"
    Settings = BellSettings
    example: ClassVar[str] = "acme bell add --url https://bcp.example.org/hooks/acme-bell --key ..."

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """One bell a body."""
        top = mapping(body, "the body")
        bell, state = needed(top, "bell"), needed(top, "state")
        if state not in {"rings", "quiet"}:
            raise Invalid("the bell neither rings nor is quiet", hint="Is this Acme's alarm system?")
        return [Alert(f"{bell}|{state}", bell, state == "rings", f"{bell}: {state}", "", {"bell": bell})]


PLUGIN = HookPlugin(api=1, settings=BellSettings, make=Bell)
