"""What a drill breaks, which playbook answers it, and what must hold at the end. Pure data."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import digest


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
    like: str = ""
    """The outage of the past that began so; empty: it is invented."""

    @property
    def digest(self) -> str:
        """SHA-256 of the story, so that a record says which one was played."""
        return digest(asdict(self))


_SHARED = "exchange-inbound-outage"
SCENARIOS = {
    s.name: s
    for s in (
        Scenario("refuse", "Exchange refuses every connection", "refuse", "B", _SHARED),
        Scenario("hang", "Exchange accepts connections and says nothing", "hang", "B", _SHARED),
        Scenario("421", "Exchange greets with 421", "421", "B", _SHARED, like="EX1331830, 2 to 4 June 2026"),
        Scenario(
            "451",
            "Exchange answers every recipient with 451",
            "451",
            "B",
            _SHARED,
            like="MO1221364, 22 and 23 January 2026",
        ),
        Scenario(
            "550-valid-recipients",
            "Exchange rejects valid recipients for good",
            "550-valid-recipients",
            "F",
            "exchange-false-rejects",
            may_bounce=True,
            like="EX522020, early in 2023",
        ),
        Scenario(
            "mx-host-unresolvable",
            "The MX host of Exchange does not resolve",
            "mx-host-unresolvable",
            "E",
            _SHARED,
            like="MO1221364, 22 and 23 January 2026; names of Microsoft's services, 1 April 2021",
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
