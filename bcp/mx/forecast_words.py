"""A forecast in sentences, for the terminal and for pages."""

from __future__ import annotations

from bcp.kernel.units import format_duration
from bcp.mx.forecast import Advice, Compared, Forecast, Term

WORDS = {
    Term.DETECTION: "noticing it",
    Term.DECISION: "the decision time",
    Term.APPROVAL: "the approval",
    Term.HOST: "the change at the DNS host",
    Term.TTL: "the TTL of the old MX",
    Term.RETRY: "the senders' own pauses",
}
DEEDS = {
    Term.DETECTION: "a shorter detect: interval: or a lower threshold: (so that an outage is confirmed within {then})",
    Term.DECISION: "a shorter detect: decide: (so that it adds {then} at most)",
    Term.APPROVAL: "approvals within {then} (an approval in advance, a second way to reach people)",
    Term.HOST: "a DNS host with an interface",
    Term.TTL: "a TTL of {then}",
}


def sentence(found: Forecast) -> str:
    """The whole in one sentence."""
    return (
        f"the first mail would be at the relay {format_duration(found.first_s)} after an outage begins, "
        f"95 % of it after {format_duration(found.p95_s)}; "
        f"most of that is {WORDS[found.dominant]} ({format_duration(found.parts.of(found.dominant))})"
    )


def advice(found: Advice | None) -> str:
    """What to change, and what it would give; empty: nothing helps noticeably."""
    if found is None:
        return ""
    deed = DEEDS[found.term].format(then=format_duration(found.then_s))
    return f"with {deed}, 95 % would be there {format_duration(found.gain_s)} sooner"


def rows(found: Forecast) -> list[tuple[str, str]]:
    """Each part and its time, in the order of time."""
    out = [(WORDS[t], format_duration(found.parts.of(t))) for t in Term]
    basis = f"median of {found.approvals} approval(s)" if found.approvals else "assumed (plan: approval:)"
    return [(w, f"{t}, {basis}" if w == WORDS[Term.APPROVAL] else t) for w, t in out]


def comparison(found: Compared) -> str:
    """Forecast against achieved, of one thing."""
    what = "MX moved" if found.what == "switched" else "first mail at the relay"
    apart = format_duration(abs(found.achieved_s - found.forecast_s))
    than = "as forecast" if apart == "0s" else f"{apart} {'sooner' if found.held else 'later'} than forecast"
    return f"{what} after {format_duration(found.achieved_s)}, {than} ({format_duration(found.forecast_s)})"
