"""In which language somebody is answered: a person in their own, a place in the organisation's, a stranger in one
that their browser asks for.
"""

from __future__ import annotations

from bcp.contracts.contact import Contact
from bcp.kernel.errors import BcpError
from bcp.pages.words import USUAL, known_language, languages
from bcp.wiring import App


def usual(app: App) -> str:
    """The organisation's language; English where it names none."""
    organisation = getattr(getattr(app, "settings", None), "organisation", None)
    return str(getattr(organisation, "language", "") or USUAL)


def of_person(app: App, person: str) -> str:
    """The language of the contact with this id, else the organisation's."""
    return _of(app, [c for c in _contacts(app) if c.id == person])


def of_address(app: App, address: str) -> str:
    """The language of whoever has this number or account at a vendor, else the organisation's."""
    return _of(app, [c for c in _contacts(app) if address and address in (c.phone, c.slack, c.email)])


def of_stranger(app: App, accept_language: str) -> str:
    """The first language that a browser asks for and that we know, else the organisation's.

    ``accept_language`` is the header of RFC 9110, section 12.5.4. Whatever else stands in it is passed over.
    """
    wanted = sorted(map(_weighed, accept_language[:500].split(",")), key=lambda w: -w[1])
    known = [name for name, weight in wanted if weight > 0 and name in languages()]
    return known[0] if known else known_language(usual(app))


def _weighed(part: str) -> tuple[str, float]:
    """``de-AT;q=0.8`` as ``de`` and its weight; a weight that is none is 0."""
    name, _, rest = part.partition(";")
    weight = rest.strip().removeprefix("q=") if rest.strip() else "1"
    try:
        return name.strip()[:2].lower(), min(1.0, max(0.0, float(weight)))
    except ValueError:
        return "", 0.0


def _of(app: App, found: list[Contact]) -> str:
    return (found[0].language if found else "") or usual(app)


def _contacts(app: App) -> tuple[Contact, ...]:
    try:
        return tuple(app.people.directory.contacts)
    except BcpError:  # they cannot be read now; what was said counts all the same
        return ()
