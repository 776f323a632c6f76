"""Whose word a session or a token is, and what it may do."""

from __future__ import annotations

from bcp.deeds.who import APPROVE, RUN, Who
from bcp.server.signin.accounts import Session, Token


def who_has(token: Token) -> Who:
    """Whoever sends this token."""
    return Who(f"token:{token.name}", token.contact, f"api token {token.name}", frozenset(token.scopes))


def who_sits(session: Session) -> Who:
    """Whoever is logged in here."""
    user = session.user
    rights = {RUN: user.may("operator"), APPROVE: user.may("approver")}
    can = frozenset(right for right, may in rights.items() if may)
    return Who(user.name, user.contact, f"console as {user.name}", can)
