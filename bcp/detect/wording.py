"""What is proposed, in words, and how a history is drawn."""

from __future__ import annotations

ACTIONS = {
    "none": "nothing to do",
    "watch": "keep watching",
    "wait": "prepare; decide in time",
    "switch": "MOVE MX to the relay",
    "ask": "a person decides",
    "tell": "tell people; leave MX alone",
    "direct": "do not use the relay; fail back if MX is there",
    "fix-own": "repair our own fault; leave MX alone",
    "hold": "hold",
    "failback": "go back",
}
STAGES = {
    "decided": "a playbook runs",
    "active": "MX is on the relay",
    "recovering": "well again for long enough; MX is on the relay",
    "failback": "on the way back",
    "draining": "MX is back; the relay delivers what it kept",
    "closed": "the outage is over",
}
"""How far it is, where the state does not say it already."""
BARS = {"ok": "▁", "suspect": "▃", "partial": "▅", "down": "█", "unknown": "·"}
