"""``bcp user``, ``bcp token``: who may use the console and the API of the daemon."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.units import parse_duration

if TYPE_CHECKING:
    from bcp.server.signin.accounts import Accounts
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(
        help="Accounts of the console: add, list, change, remove.", no_args_is_help=True, rich_markup_mode=None
    )
    users.command(name="add", help="Make an account; shows the secret for the authenticator app once.")(add_user)
    users.command(name="list", help="All accounts.")(list_users)
    users.command(name="role", help="Give an account another role; it has to log in again.")(role)
    users.command(name="password", help="Set another password.")(password)
    users.command(name="totp", help="Make another secret for the authenticator app.")(totp)
    users.command(name="remove", help="Remove an account with its passkeys.")(remove_user)
    app.add_typer(users, name="user")
    tokens = typer.Typer(help="Tokens of the API: add, list, remove.", no_args_is_help=True, rich_markup_mode=None)
    tokens.command(name="add", help="Make a token; shows it once.")(add_token)
    tokens.command(name="list", help="All tokens, without their values.")(list_tokens)
    tokens.command(name="remove", help="Make a token invalid.")(remove_token)
    app.add_typer(tokens, name="token")


def need_serve() -> None:
    """Raise ``Invalid`` where the packages of the extra 'serve' are missing. They are looked for, not loaded: a token
    is made without a web server, which takes 0.1 s to load."""
    missing = [n for n in ("fastapi", "uvicorn") if not _installed(n)]
    try:
        import argon2  # noqa: F401
    except ImportError as error:
        missing.insert(0, str(error.name))
    if missing:
        raise Invalid(
            f"the daemon needs the extra 'serve' ({missing[0]} is missing)", hint="pip install 'bcp-mail[serve]'"
        )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # loaded, and without a place of its own; or shut out on purpose
        return sys.modules.get(name) is not None


def accounts_of(app: App) -> Accounts:
    """The accounts and tokens of this configuration; whoever opens them closes them."""
    need_serve()
    from bcp.server.keys import signing_key
    from bcp.server.signin.accounts import Accounts

    c = app.settings.serve.console
    return Accounts(
        app.configuration.state / "accounts.db", app.clock, signing_key(app), idle_s=c.idle, session_s=c.session
    )


@contextmanager
def accounts_to_read(app: App) -> Iterator[Accounts | None]:
    """The same to look at: nothing is made or written, no key either. ``None``: there are none yet."""
    need_serve()
    path = app.configuration.state / "accounts.db"
    if not path.exists():
        yield None
        return
    from bcp.server.signin.accounts import Accounts
    from bcp.store.sqlite.accounts import AccountTable

    with closing(
        Accounts(path, app.clock, b"", idle_s=0, session_s=0, table=AccountTable(path, to_read=True))
    ) as found:
        yield found


Name = Annotated[str, typer.Argument(help="Name of the account.")]


def _new_password(name: str) -> str:
    """From BCP_PASSWORD, else asked for twice at the terminal."""
    import os

    given = os.environ.get("BCP_PASSWORD", "")  # noqa: TID251 - documented
    if given:
        return given
    first = render.ask_secret(f"Password for {name}, 12 characters or more")
    if not first:
        raise Invalid("no password was given", hint="Set BCP_PASSWORD, or type it at a terminal.", rule="no-password")
    if render.ask_secret("Once more") != first:
        raise Invalid("the two are not the same", hint="Nothing was changed.")
    return first


def _note(app: App, kind: str, **data: str) -> None:
    """Into the chain of the book."""
    from bcp.store.sqlite.book import opened

    with opened(app.configuration.state / "incidents.db", app.clock) as book:
        book.note(kind, "", app.people.whoami(), **data)


def add_user(
    name: Name,
    role_: Annotated[str, typer.Option("--role", help="viewer, operator, approver or admin.")] = "viewer",
    contact: Annotated[
        str,
        typer.Option("--contact", help="Whose answers it gives: id of a contact. Else the name, where there is one."),
    ] = "",
    email: Annotated[str, typer.Option("--email", help="Address, for sign-in by an identity provider.")] = "",
) -> None:
    """Make a console account; print its authenticator secret once."""
    app = make_app()
    _known_contact(app, contact)
    if role_ not in {"viewer", "operator", "approver", "admin"}:
        raise Invalid(f"there is no role {role_!r}", hint="viewer | operator | approver | admin")
    contact = contact or (name if app.people.directory.person(name) is not None else "")
    accounts = accounts_of(app)
    secret = accounts.add(name, contact, role_, _new_password(name), email=email)
    accounts.close()
    _note(app, "user_added", name=name, role=role_, contact=contact)
    url = _otp_url(app, name, secret)
    render.emit(
        "bcp.user/1",
        {"name": name, "role": role_, "contact": contact, "totp": secret, "url": url},
        f"Account {name}, {role_}" + (f", answers as {contact}" if contact else "") + ".\n"
        f"Put this into an authenticator app now; it is not shown again:\n  {secret}\n  {url}{_to_scan(url)}",
    )


def _known_contact(app: App, contact: str) -> None:
    from bcp.kernel.document import did_you_mean

    if contact and app.people.directory.person(contact) is None:
        raise Invalid(
            f"there is no contact {contact!r}",
            hint=did_you_mean(contact, [c.id for c in app.people.directory.contacts]),
        )


def _otp_url(app: App, name: str, secret: str) -> str:
    import pyotp

    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"bcp {app.settings.organisation.name}"))


def _to_scan(url: str) -> str:
    """The code for the camera of a phone, where a person looks at a terminal."""
    if not sys.stdout.isatty():
        return ""
    from bcp.pages.qr import code_of

    return f"\n\n{code_of(url).blocks}"


def list_users() -> None:
    """List the console accounts."""
    with accounts_to_read(make_app()) as accounts:
        found = accounts.users() if accounts is not None else []
    data = [
        {"name": u.name, "role": u.role, "contact": u.contact, "email": u.email, "disabled": u.disabled} for u in found
    ]
    rows = [[u.name, u.role, u.contact, "closed" if u.disabled else ""] for u in found]
    render.emit(
        "bcp.users/1",
        {"users": data},
        render.table(rows, ["NAME", "ROLE", "ANSWERS AS", ""]) if rows else "No accounts yet: bcp user add NAME",
    )


def _existing(accounts: Accounts, name: str) -> None:
    from bcp.kernel.document import did_you_mean

    if accounts.user(name) is None:
        hint = did_you_mean(name, [u.name for u in accounts.users()]) or "There are no accounts yet: bcp user add NAME"
        raise Invalid(f"there is no account {name!r}", hint=hint)


def role(
    name: Name, new: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator, approver or admin.")]
) -> None:
    """Give an account another role; its sessions end."""
    app = make_app()
    accounts = accounts_of(app)
    _existing(accounts, name)
    accounts.set_role(name, new)
    _note(app, "user_role", name=name, role=new)
    render.emit("bcp.user/1", {"name": name, "role": new}, f"{name} is {new} now.")


def password(name: Name) -> None:
    """Set another password of an account; its sessions end."""
    app = make_app()
    accounts = accounts_of(app)
    _existing(accounts, name)
    accounts.set_password(name, _new_password(name))
    _note(app, "user_password", name=name)
    render.emit("bcp.user/1", {"name": name}, f"{name} has another password; open sessions ended.")


def totp(name: Name) -> None:
    """Make another authenticator secret (TOTP, RFC 6238) for an account."""
    app = make_app()
    accounts = accounts_of(app)
    _existing(accounts, name)
    secret = accounts.set_totp(name)
    _note(app, "user_totp", name=name)
    url = _otp_url(app, name, secret)
    render.emit(
        "bcp.user/1", {"name": name, "totp": secret, "url": url}, f"Shown once:\n  {secret}\n  {url}{_to_scan(url)}"
    )


def remove_user(name: Name) -> None:
    """Remove an account with its passkeys."""
    app = make_app()
    accounts = accounts_of(app)
    _existing(accounts, name)
    accounts.remove(name)
    _note(app, "user_removed", name=name)
    render.emit("bcp.user/1", {"name": name, "removed": True}, f"{name} is removed.")


def add_token(
    name: Annotated[str, typer.Argument(help="Name of the token, for people.")],
    scope: Annotated[list[str], typer.Option("--scope", help="read, run, approve or report; repeat it.")],
    valid: Annotated[str, typer.Option("--valid", help="How long, such as 90d.")] = "90d",
    contact: Annotated[str, typer.Option("--contact", help="Whose answers it gives; needed to approve.")] = "",
) -> None:
    """Make an API token; print its value once."""
    app = make_app()
    _known_contact(app, contact)
    try:
        expires = app.clock.now() + parse_duration(valid)
    except ValueError as error:
        raise Invalid(f"--valid: {error}", hint="For example --valid 90d.") from error
    accounts = accounts_of(app)
    value = accounts.add_token(name, scope, expires, contact)
    accounts.close()
    _note(app, "token_added", name=name, scopes=" ".join(scope), contact=contact)
    render.emit(
        "bcp.token/1",
        {"name": name, "token": value, "scopes": scope, "expires": iso(expires)},
        f"Token {name}, {', '.join(scope)}, until {iso(expires)}. It is not shown again:\n{value}",
    )


def list_tokens() -> None:
    """List the API tokens, without their values."""
    with accounts_to_read(make_app()) as accounts:
        found = accounts.tokens() if accounts is not None else []
    data = [
        {
            "name": t.name,
            "scopes": list(t.scopes),
            "contact": t.contact,
            "expires": iso(t.expires),
            "last": iso(t.last or None),
        }
        for t in found
    ]
    rows = [[t.name, ",".join(t.scopes), iso(t.expires), iso(t.last or None) or "never used"] for t in found]
    render.emit(
        "bcp.tokens/1",
        {"tokens": data},
        render.table(rows, ["NAME", "SCOPES", "UNTIL", "LAST USED"])
        if rows
        else "No tokens yet: bcp token add NAME --scope read",
    )


def remove_token(name: Annotated[str, typer.Argument(help="Name of the token.")]) -> None:
    """Make an API token invalid."""
    app = make_app()
    accounts = accounts_of(app)
    if not accounts.remove_token(name):
        from bcp.kernel.document import did_you_mean

        known = did_you_mean(name, [t.name for t in accounts.tokens()])
        raise Invalid(f"there is no token {name!r}", hint=known or "There are no tokens yet.")
    _note(app, "token_removed", name=name)
    render.emit("bcp.token/1", {"name": name, "removed": True}, f"The token {name} is no longer valid.")
