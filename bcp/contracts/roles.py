"""Roles: what a playbook wants of a channel, so that it need not know which brands an organisation has. Pure.

A step that speaks names ``urgent``, ``chat`` or ``page``; ``roles:`` in ``bcp.yaml`` says which channels play each.
Without it a role is played by whatever fits by its nature (``usual``). A channel's own name works everywhere, too, and
wins over a role of the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

MEANINGS = {
    "urgent": "reaches each person for himself, at once: text messages, else e-mail to private addresses",
    "chat": "a place where people talk; e-mail beside it where that place may be down too",
    "page": "a page that anybody can read",
    "duty": "an alarm or a ticket for the people on duty; nobody else sees it",
}
"""The roles of the shipped playbooks."""
DOWN = "microsoft"
"""What is down in the outages that this product is for."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A configured channel, as far as roles need to know it."""

    form: str
    shares_fate_with: tuple[str, ...] = ()
    duty: bool = False
    """An alarm or a ticket."""


def usual(carriers: Mapping[str, Carrier]) -> dict[str, tuple[str, ...]]:
    """Which channels play each role where the configuration does not say.

    Texts are urgent; without them e-mail is. Where no chat would be left in an outage of Microsoft (Teams alone),
    e-mail carries the same beside it.
    """
    open_ = {n: c for n, c in carriers.items() if not c.duty}
    by_form = {f: tuple(n for n, c in open_.items() if c.form == f) for f in ("sms", "email", "chat", "page")}
    safe = any(DOWN not in carriers[n].shares_fate_with for n in by_form["chat"])
    return {
        "urgent": by_form["sms"] or by_form["email"],
        "chat": by_form["chat"] if safe else by_form["chat"] + by_form["email"],
        "page": by_form["page"],
        "duty": tuple(n for n, c in carriers.items() if c.duty),
    }


def played(carriers: Mapping[str, Carrier], given: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The channels of every role: as the configuration says, else as usual."""
    return {**usual(carriers), **{role: tuple(names) for role, names in given.items()}}


def expand(names: Iterable[str], channels: Iterable[str], roles: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Channels for what a step names, each once, in order. A name that is neither stays, for whoever checks it."""
    known = frozenset(channels)
    found = (one for name in names for one in ((name,) if name in known or name not in roles else roles[name]))
    return tuple(dict.fromkeys(found))


def asking(
    named: Sequence[str], forms: Mapping[str, str], roles: Mapping[str, Iterable[str]], carries: Collection[str]
) -> tuple[str, ...]:
    """Channels by which a question goes out. ``named``: channels or roles; none: every one of texts and chat.

    ``forms``: of each channel. ``carries``: forms that a question has; who plays a role and has none of them is left
    out, and so is a name that is nobody's.
    """
    if not named:
        return tuple(n for n, form in forms.items() if form in {"sms", "chat"})
    found = expand(named, forms, roles)
    return tuple(n for n in found if n in forms and (n in named or forms[n] in carries))
