"""Moving to another authenticator (TOTP, RFC 6238): shown as a QR code, used once it has shown a right code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bcp.kernel.errors import Refused
from bcp.pages.qr import code_of
from bcp.server.console.deeds import Form, note
from bcp.server.console.login import PENDING
from bcp.server.console.page import Site, field, in_thread, to
from bcp.server.signin.accounts import Session


@dataclass(frozen=True, slots=True)
class Offered:
    """A secret that was shown and is not used yet."""

    name: str
    secret: str


def otp_url(organisation: str, name: str, secret: str) -> str:
    """What an authenticator app reads (Key URI format)."""
    import pyotp

    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"bcp {organisation}"))


async def offer(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Show another secret to whoever knows the password. Nothing is changed yet."""
    import pyotp

    name, mine = session.user.name, f"session:{session.user.name}"
    site.accounts.check_lock(name, mine, alone=True)  # strangers' tries at the log-in are not theirs
    if not await in_thread(site.accounts.password_is, name, field(form, "password")):
        site.accounts.was_wrong(name, mine)
        raise Refused("the current password is wrong", rule="old-password")
    return shown(site, request, session, Offered(name, pyotp.random_base32()))


def shown(site: Site, request: Request, session: Session, offered: Offered, error: str = "") -> Response:
    """The page that offers a new authenticator secret, as text and as a QR code."""
    url = otp_url(site.daemon.app.settings.organisation.name, offered.name, offered.secret)
    PENDING.put(f"totp:{offered.name}", offered)
    values: dict[str, Any] = {"qr": code_of(url), "secret": offered.secret, "error": error}
    return site.page(request, "authenticator.html", session, 400 if error else 200, **values)


async def confirm(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Use it once it works; every session ends."""
    import pyotp

    offered = PENDING.take(f"totp:{session.user.name}")
    if not isinstance(offered, Offered) or offered.name != session.user.name:
        raise Refused("this offer is not known or too old", rule="offer-over", hint="Begin again at Account.")
    code, now = field(form, "code").strip(), int(site.daemon.clock.now())
    if not code.isdecimal() or not pyotp.TOTP(offered.secret).verify(code, for_time=now, valid_window=1):
        return shown(site, request, session, offered, "This is not the code that the new authenticator shows.")
    site.accounts.set_totp(offered.name, offered.secret)
    await note(site, session, "authenticator_changed")
    return to("/login")
