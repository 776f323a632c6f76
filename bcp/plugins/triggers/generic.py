"""``generic``: any sender of JSON, with a mapping that says where things stand in its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, text_of
from bcp.contracts.plugin import Model
from bcp.kernel.errors import Invalid


class Places(Model):
    """Where things stand: names joined by dots, numbers for places in lists, such as `event.alerts.0.name`."""

    state: str
    """Whether it fires or is over."""
    outage: str
    """What ties beginning and end together."""
    identity: str = ""
    """What is the same when the sender repeats itself. Empty: a change of state is what counts."""
    title: str = ""
    """One line for people."""
    started: str = ""
    """When it began."""
    url: str = ""
    """Where to read more."""
    labels: str = ""
    """Object with labels."""


class GenericSettings(HookSettings):
    """Signed (`hmac`) or with a token; for a signature name its header in `auth: signature_header`."""

    kind: Literal["generic"] = "generic"
    """Which plug-in."""
    each: str = ""
    """Where the list of alerts stands, when one body holds several."""
    fields: Places
    """Where things stand in the body (or in each alert)."""
    firing: list[str] = Field(default_factory=lambda: ["firing", "down", "critical", "problem", "1", "true", "error"])
    """Values of the state that mean: it fires. Case does not matter."""
    resolved: list[str] = Field(default_factory=lambda: ["resolved", "ok", "up", "recovery", "0", "false", "closed"])
    """Values that mean: it is over. All others say nothing."""
    prefix: str = ""
    """What stands before the hex digits of a signature, such as `sha256=`."""


class Generic(Hook[GenericSettings]):
    """The last resort; a kind of its own is better."""

    kind = "generic"
    signature = "X-Signature"
    Settings = GenericSettings
    example: ClassVar[str] = """kind: generic
fields: {state: check.status, outage: check.name, title: check.message, identity: event.id}"""

    def __init__(self, name: str, settings: GenericSettings) -> None:
        super().__init__(name, settings)
        self.prefix = settings.prefix  # type: ignore[misc]

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says."""
        each = at(body, self.settings.each) if self.settings.each else [body]
        if not isinstance(each, list):
            raise Invalid(f"{self.settings.each} is no list in this body", hint="Correct the hook's `each:`.")
        return [a for one in each if (a := self._alert(one)) is not None]

    def _alert(self, one: Any) -> Alert | None:
        f = self.settings.fields
        state, outage = _word(at(one, f.state)), text_of(at(one, f.outage), 500)
        if not state or not outage:
            raise Invalid(f"the body has no {f.outage if state else f.state}", hint="Correct the hook's `fields:`.")
        firing = state in {v.lower() for v in self.settings.firing}
        if not firing and state not in {v.lower() for v in self.settings.resolved}:
            return None
        labels = at(one, f.labels) if f.labels else {}
        mark = text_of(at(one, f.identity), 500) if f.identity else ""
        return Alert(
            mark,
            outage,
            firing,
            (text_of(at(one, f.title)) if f.title else "") or outage,
            text_of(at(one, f.started)) if f.started else "",
            dict(labels) if isinstance(labels, Mapping) else {},
            text_of(at(one, f.url), 500) if f.url else "",
        )


def at(value: Any, path: str) -> Any:
    """What stands at this path; ``None`` when nothing does."""
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else text_of(value).lower()


PLUGIN = HookPlugin(api=1, settings=GenericSettings, make=Generic)
