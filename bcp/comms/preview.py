"""A message as people will see it, on one static page."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.comms.segments import count
from bcp.contracts.channel import Message
from bcp.pages.preview import Shown, preview_page


def page(title: str, subtitle: str, messages: Sequence[Message]) -> str:
    """The whole page."""
    return preview_page(title, subtitle, [shown(m) for m in messages])


def shown(m: Message) -> Shown:
    """A text with its size, as its channel counts it."""
    if m.form != "sms":
        return Shown(m.form, m.language, m.subject, m.body)
    size = count(m.body)
    offender = repr(size.offenders[0].character) if size.offenders else ""
    return Shown(m.form, m.language, m.subject, m.body, m.segments, size.encoding, offender)
