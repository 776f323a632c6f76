"""What a drill breaks, which playbook answers it, and what must hold at the end. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. Times are seconds of real time."""

    name: str
    title: str
    breaks: str
    expected_class: str
    playbook: str
    calm_s: float = 3.0
    on_backup_s: float = 8.0
    may_bounce: bool = False


_SHARED = "exchange-inbound-outage"
SCENARIOS = {
    s.name: s
    for s in (
        Scenario("refuse", "Exchange refuses every connection", "refuse", "B", _SHARED),
        Scenario("hang", "Exchange accepts connections and says nothing", "hang", "B", _SHARED),
        Scenario("421", "Exchange greets with 421", "421", "B", _SHARED),
        Scenario("451", "Exchange answers every recipient with 451", "451", "B", _SHARED),
        Scenario(
            "550-valid-recipients",
            "Exchange rejects valid recipients for good",
            "550-valid-recipients",
            "F",
            "exchange-false-rejects",
            may_bounce=True,
        ),
        Scenario(
            "mx-host-unresolvable", "The MX host of Exchange does not resolve", "mx-host-unresolvable", "E", _SHARED
        ),
    )
}
_ALIASES = {"550": "550-valid-recipients", "dns": "mx-host-unresolvable"}


def scenario(name: str) -> Scenario:
    """A scenario by name. Raises ``Invalid``."""
    found = SCENARIOS.get(_ALIASES.get(name, name))
    if found is None:
        raise Invalid(f"there is no scenario {name!r}", hint=did_you_mean(name, [*SCENARIOS, *_ALIASES]))
    return found


def is_scenario(name: str) -> bool:
    """Is this the name of one?"""
    return name in SCENARIOS or name in _ALIASES
