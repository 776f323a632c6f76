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
BARS = {"ok": "▁", "suspect": "▃", "partial": "▅", "down": "█", "unknown": "·"}
