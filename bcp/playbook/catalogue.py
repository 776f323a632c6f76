"""What lint must know of the world: actions, audiences, messages, channels, people. Plain data, given by the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.roles import Carrier, usual
from bcp.contracts.traits import Trait


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action as lint sees it."""

    kind: str
    writes: bool
    args: Any
    """The pydantic model of its arguments."""
    outputs: Mapping[str, str]
    undoable: bool
    provides: Callable[[Mapping[str, Any]], tuple[str, ...]]
    final: str = ""
    """Why it needs no undo by nature; empty when it does."""
    summary: str = ""
    traits: frozenset[Trait] = frozenset()
    """What it means to others."""
    to_relay: Callable[[Mapping[str, Any]], bool] = lambda given: False
    """Of one that moves MX: does it lead away from where mail goes in peacetime, with these arguments?"""


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A configured channel as lint sees it."""

    form: str
    shares_fate_with: tuple[str, ...] = ()
    duty: bool = False


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """A message as lint sees it."""

    forms: frozenset[str]
    claims_by_class: Mapping[str, Sequence[str]] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    draft: bool = False

    def claims_in(self, classes: Sequence[str]) -> tuple[str, ...]:
        """What it states in an outage of one of these classes; of any when there are none."""
        wanted = set(classes) or set(self.claims_by_class)
        extra = [c for k, v in self.claims_by_class.items() if k in wanted for c in v]
        return tuple(dict.fromkeys([*self.claims, *extra]))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that names in a playbook can refer to. ``None``: there is no configuration, do not check this."""

    actions: Mapping[str, ActionSpec]
    messages: Mapping[str, MessageSpec] = field(default_factory=dict)
    audiences: Mapping[str, int] | None = None
    """Name and number of people."""
    channels: Mapping[str, ChannelSpec] | None = None
    approvers: Callable[[str], int] | None = None
    """How many people a reference such as ``group:oncall`` leads to."""
    relays: Mapping[str, tuple[str, ...]] | None = None
    """Relays and what they share fate with."""
    dns_fate: tuple[str, ...] = ()
    """What the DNS back ends of our domains share fate with."""
    contacts_fate: tuple[str, ...] = ()
    playbooks: frozenset[str] = frozenset()
    fails_with: tuple[str, ...] = ("microsoft",)
    """What is down in the outage this product is for."""
    facts: frozenset[str] = frozenset()
    """What is true now because a run that holds made and verified it."""
    roles: Mapping[str, tuple[str, ...]] | None = None
    """Which channels play each role, as the configuration says. ``None``: whatever fits (``bcp.contracts.roles``)."""
    dns_leans: tuple[str, ...] = ()
    """Of whom the DNS back ends of our domains need tokens (``PluginSettings.leans``)."""

    def has(self, uses: str, trait: Trait) -> bool:
        """Has the action of this name the trait? One that there is not has none."""
        return uses in self.actions and trait in self.actions[uses].traits

    @property
    def playing(self) -> Mapping[str, tuple[str, ...]]:
        """The channels of each role."""
        if self.roles is not None:
            return self.roles
        return usual({n: Carrier(c.form, c.shares_fate_with, c.duty) for n, c in (self.channels or {}).items()})
