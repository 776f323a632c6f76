"""What keeps a playbook from being proposed or started, in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bcp.store.files.hindrance import Hindrance

OLD_S = 3_600.0
"""What was written longer ago is of a daemon that is gone: one that lives tries again every minute."""


def hindered(found: Iterable[Hindrance], state: str, now: float) -> str:
    """Why what is called for in this ``state`` of the service is not proposed, and what to do; empty: nothing is in the
    way. While it is down that is a switch, while it is well a way back."""
    wanted = {"healthy": True, "down": False}
    for h in found:
        if wanted.get(state) is bool(h.parent) and now - h.at <= OLD_S:
            return sentence(h)
    return ""


def sentence(h: Hindrance) -> str:
    """What is in the way, and what to do."""
    what = f"the way back of {h.parent} from being proposed" if h.parent else f"{h.playbook} from starting"
    hint = h.hint.rstrip(". ")
    more = f" {hint}." if hint else ""
    return f"mend what keeps {what}: {h.text.rstrip('. ')}.{more} It is tried again by itself"
