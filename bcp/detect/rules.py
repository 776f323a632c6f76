"""The numbers that decide, and what they imply in words. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bcp.kernel.units import format_duration

MOVED = ("inbound", "dns")
"""Planes whose fall a switch of MX may answer."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How sure we must be. All times in seconds."""

    interval_s: float = 60.0
    """Between looks."""
    threshold: int = 5
    """K of the leaky counter: failures less successes until a probe at a vantage is down.
    It clears at zero; it is capped at 2 K."""
    reject_threshold: int = 3
    """The same for permanent refusals of a known-good recipient, which cost mail for good."""
    suspect: int = 2
    """The counter at which people are alerted. Nothing else happens."""
    need: int = 2
    """Independent ways of looking that must agree about a plane;
    fewer when it has fewer, or when something corroborates."""
    confirm_for_s: float = 0.0
    """How long a plane must be down, and still be failing, to be confirmed (Prometheus' ``for``)."""
    keep_firing_for_s: float = 1800.0
    """How long every plane must be clear before an outage counts as over (Prometheus' ``keep_firing_for``)."""
    flap_high: float = 20.0
    """Nagios' percent of change over 21 rounds at which a plane is flapping: only people decide then."""
    flap_low: float = 5.0
    """And at which it no longer is."""
    partial_share: float = 0.2
    """Share of failed looks, over the last 20, at which a plane is partly down although its counter clears."""
    switch_share: float = 0.6
    """Share of failed looks below which a person, not the clock, decides about an MX switch."""
    target_share: float = 0.5
    """Share of the targets (domains, hosts) of one way of looking that must be down for the way to be down."""
    stale_after: int = 5
    """Looks without a known result after which a vantage is silent. Silence is neither failure nor health."""
    skew_s: float = 300.0
    """A vantage whose clock differs by more is not believed."""
    decide_b_s: float = 7200.0
    """Class B: from the first failure to the proposal to switch. Senders queue and lose nothing for hours."""
    decide_e_s: float = 1800.0
    """Class E, when the MX host does not resolve: some senders bounce on DNS errors."""
    decide_f_s: float = 0.0
    """Class F: every minute bounces mail for good."""
    dwell_s: float = 3600.0
    """Shortest time on the relay before a failback is proposed: max(4 x TTL, 60 min)."""

    def confirm_s(self, *, rejects: bool = False) -> float:
        """Time from the first failing look to confirmation: the rule's own time."""
        if rejects:
            return (min(self.reject_threshold, self.threshold) - 1) * self.interval_s
        held = math.ceil(self.confirm_for_s / self.interval_s) if self.interval_s else 0
        return (self.threshold - 1 + held) * self.interval_s

    def decide_s(self, outage_class: str) -> float | None:
        """Decision time of a class, or ``None`` where MX is not moved."""
        return {"B": self.decide_b_s, "E": self.decide_e_s, "F": self.decide_f_s}.get(outage_class)


GIVE_UP: tuple[tuple[float, str], ...] = (
    (4 * 3600.0, "the first senders get delay notices (Exchange Server)"),
    (24 * 3600.0, "Exchange Online and some bulk senders give up"),
    (48 * 3600.0, "Exchange Server gives up"),
    (96 * 3600.0, "Exim gives up, Postfix a day later"),
)
"""When senders stop trying, counted from the first failure.
Vendors' defaults; RFC 5321 section 4.5.4.1 says 4 to 5 days."""


def in_words(rules: Rules, vantages: int = 1) -> list[str]:
    """What the numbers mean on the day. Each line is true of ``detector``, and a test replays it."""
    rule, rejects, step = rules.confirm_s(), rules.confirm_s(rejects=True), rules.interval_s
    f = format_duration
    out = [
        f"An outage is confirmed {f(rule)} to {f(rule + step)} after it starts (plus the deadline of a look that "
        f"hangs); one that lasts {f(rule) if rule else 'less than a look'} or less never is.",
        f"False rejects (class F) are confirmed {f(rejects)} to {f(rejects + step)} after they start.",
        f"People are alerted (suspect) after {f((min(rules.suspect, rules.threshold) - 1) * step + step)} at the "
        "latest.",
        f"A switch of MX is proposed {f(rules.decide_b_s)} after the first failure for class B, {f(rules.decide_e_s)} "
        "for class E when the MX host does not resolve, "
        f"{'at once' if not rules.decide_f_s else f(rules.decide_f_s)} for class F, and never for A, C, D, G and H.",
        f"An outage counts as over when every plane has been clear for {f(rules.keep_firing_for_s)}; "
        f"a failback is proposed {f(rules.dwell_s)} after the switch at the earliest.",
    ]
    if vantages == 1:
        out.append(
            "There is one vantage point: what it alone cannot tell (its own address throttled, its own network) is "
            "unknown, not down. Use three."
        )
    elif vantages == 2:
        out.append("There are two vantage points: both must agree.")
    elif vantages < 6:
        out.append(f"Of {vantages} vantage points {math.ceil(2 * vantages / 3)} must agree.")
    else:
        out.append(f"Of {vantages} vantage points at most 18 % may still see it healthy.")
    return out
