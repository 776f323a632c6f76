"""Who sits at this terminal, and what deeds stand on here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from bcp.cli import render
from bcp.kernel.errors import Missing, Refused

if TYPE_CHECKING:
    from bcp.deeds.who import Ground, Who
    from bcp.store.sqlite.book import Book
    from bcp.wiring import App

T = TypeVar("T")


def prove_person(app: App, as_: str) -> str:
    """Who answers: the contact with this login; or, with --as, a contact whose approval code is given.

    Raises:
        Refused: (``not-proven``) the code is wrong, or there is none and the login is not theirs.
        Missing: there is no such contact.
    """
    if not as_:
        return app.people.whoami()
    contact = app.people.directory.person(as_)
    if contact is None:
        known = [c.id for c in app.people.directory.contacts]
        from bcp.kernel.document import did_you_mean  # YAML, which `--help` does not need

        raise Missing(f"there is no contact {as_!r}", hint=did_you_mean(as_, known), rule="no-such-contact")
    if app.people.whoami() == as_:
        return as_
    secret = app.settings.approvals.codes.get(as_)
    if secret is None:
        raise Refused(
            f"{as_} has no approval code, and this is not their login",
            rule="not-proven",
            hint=f"Set approvals: codes: {as_}: in bcp.yaml, or let them answer from their own login.",
        )
    given = os.environ.get("BCP_APPROVAL_CODE", "") or render.ask_secret(f"Approval code of {as_}")  # noqa: TID251 - documented
    if not given:
        how = f"Set BCP_APPROVAL_CODE to the code of {as_}, or answer at a terminal: it asks. Nothing was answered."
        raise Refused(f"the approval code of {as_} was not given", rule="not-proven", hint=how)
    # an environment may hold bytes that are no UTF-8 (PEP 383)
    import hmac

    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.reveal().encode()):
        raise Refused(f"this is not the approval code of {as_}", rule="not-proven", hint="Nothing was answered.")
    return as_


def who_is(app: App, as_: str = "") -> Who:
    """Whoever sits here. A login may do everything here that its files let it;
    whether its word counts, the deed decides."""
    from bcp.deeds.who import APPROVE, RUN, Who

    person = prove_person(app, as_)
    return Who(person, person, "command line", frozenset({RUN, APPROVE}))


def ground_of(app: App) -> Ground:
    """What deeds stand on at a terminal: the files of the state folder, and whatever daemon serves it."""
    from bcp.deeds.who import Ground
    from bcp.store.files.locks import is_locked as held
    from bcp.store.sqlite.book import opened

    state = app.configuration.state

    async def do(work: Callable[[Book], T], /) -> T:
        with opened(state / "incidents.db", app.clock) as book:
            return work(book)

    return Ground(app, do, held(state / "serve.lock"), app.watching.looker.fresh)
