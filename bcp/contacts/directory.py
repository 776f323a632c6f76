"""Audiences: named sets of contacts, from lists and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

from jinja2 import TemplateError

from bcp.contacts.quiet import is_quiet
from bcp.contracts.contact import Contact
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid
from bcp.kernel.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Audience:
    """Who belongs to it: everybody in one of the groups, and the people named, in this order."""

    name: str
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    where: str = ""
    """Expression over a contact: ``'sales' in groups and language == 'de'``.
    Alone it asks everybody; beside groups it narrows them."""
    first: tuple[str, ...] = ()
    """Who is told first: ids and ``group:NAME``."""
    quiet: str = ""
    """Quiet hours of those who have none of their own."""
    timezone: str = ""


@dataclass(frozen=True)
class Directory:
    """Contacts and audiences, for look-ups."""

    contacts: Sequence[Contact]
    audiences: Mapping[str, Audience]
    source: str = ""
    taken_at: float = 0.0
    astray: Mapping[str, str] = field(default_factory=dict)
    """Who wants to be told by what there is not."""
    _by_id: dict[str, Contact] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._by_id.update((c.id, c) for c in self.contacts)

    def person(self, contact_id: str) -> Contact | None:
        """One person by id."""
        return self._by_id.get(contact_id)

    def members(self, audience: str) -> list[Contact]:
        """Everybody in an audience, each once, named people first.

        Raises:
            Invalid: when there is no such audience.
        """
        found = self.audiences.get(audience)
        if found is None:
            raise Invalid(f"there is no audience {audience!r}", hint=did_you_mean(audience, self.audiences))
        out = {i: self._by_id[i] for i in found.people if i in self._by_id}
        wanted, fits = set(found.groups), matcher(found.where)
        for contact in self.contacts:
            if (wanted.intersection(contact.groups) or (found.where and not wanted)) and fits(contact):
                out.setdefault(contact.id, contact)
        if not found.first:
            return list(out.values())
        ahead = {c.id for c in self.people(found.first)}
        return sorted(out.values(), key=lambda c: c.id not in ahead)  # stable: the order within stays

    def quiet_now(self, audience: str, contact: Contact, at: float) -> bool:
        """Is this person not to be disturbed now? Their own hours, else the audience's, in their own zone."""
        found = self.audiences[audience]
        hours = contact.quiet or found.quiet
        return bool(hours) and is_quiet(at, hours, contact.timezone or found.timezone)

    def groups(self) -> set[str]:
        """Every group that somebody is in."""
        return {g for c in self.contacts for g in c.groups}

    def people(self, references: Iterable[str]) -> list[Contact]:
        """People behind ``group:NAME``, ``audience:NAME`` and plain ids; unknown ones are left out."""
        out: dict[str, Contact] = {}
        for reference in references:
            kind, _, name = reference.partition(":")
            if kind == "group" and name:
                out.update((c.id, c) for c in self.contacts if name in c.groups)
            elif kind == "audience" and name:
                out.update((c.id, c) for c in (self.members(name) if name in self.audiences else ()))
            elif found := self._by_id.get(reference):
                out[found.id] = found
        return list(out.values())

    def unknown(self, references: Iterable[str]) -> list[str]:
        """References that lead to nobody."""
        return [r for r in references if not self.people([r])]

    def by_login(self, login: str) -> Contact | None:
        """The person with this operating-system login."""
        return next((c for c in self.contacts if login in c.logins), None)


def matcher(where: str) -> Callable[[Contact], bool]:
    """A test of contacts from an expression; everybody for none.

    Raises:
        Invalid: it is no expression, or names something that a contact has not.
    """
    if not where:
        return lambda contact: True
    try:
        compiled = _SANDBOX.compile_expression(where, undefined_to_none=False)
        bool(compiled(**asdict(Contact("x"))))
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        names = ", ".join(f.name for f in fields(Contact))
        raise Invalid(
            f"where: {where!r}: {getattr(error, 'message', None) or error}", hint=f"A contact has: {names}."
        ) from error

    def fits(contact: Contact) -> bool:
        try:
            return bool(compiled(**asdict(contact)))
        except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError):
            return False

    return fits


_SANDBOX = Sandbox()
