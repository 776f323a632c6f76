"""Logging in without the identity provider that may be what is down: password and code, or a passkey."""

from __future__ import annotations

import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.kernel.json_in import loads
from bcp.kernel.log import logger
from bcp.kernel.peers import crowd_of
from bcp.server.console.page import Site, field, split, to
from bcp.server.doors.body import TooLarge, TooSlow, read
from bcp.server.signin import device
from bcp.server.signin.accounts import Session

LOG = logger(__name__)
CHALLENGE_S = 300.0
WRONG = "The name, password or code is wrong. A code counts once: wait for the next one."


class Pending:
    """What somebody who is logged in has begun, by their name; used once."""

    def __init__(self) -> None:
        self._out: dict[str, tuple[float, Any]] = {}

    def put(self, name: str, value: Any) -> None:
        """Remember it. One a person: a second begins anew."""
        self._out[name] = (time.monotonic(), value)  # noqa: TID251 - a browser's real time

    def take(self, name: str) -> Any:
        """It, once; ``None`` when there is nothing or it is too old."""
        at, value = self._out.pop(name, (0.0, None))
        return value if time.monotonic() - at <= CHALLENGE_S else None  # noqa: TID251 - a browser's real time


PENDING = Pending()


def safe_next(text: str) -> str:
    """Where to go after logging in: a path of ours, nothing else."""
    parts = split(text)
    ok = (
        parts is not None
        and text.startswith("/")
        and not text.startswith(("//", "/\\"))
        and not parts.netloc
        and "\n" not in text
        and "\r" not in text
    )
    return text if ok else "/"


def form_page(site: Site, request: Request, error: str = "", status: int = 200) -> Response:
    """The page with the form."""
    oidc = site.daemon.settings.console.oidc
    return site.page(
        request,
        "login.html",
        None,
        status,
        error=error,
        next=safe_next(request.query_params.get("next", "/")),
        oidc=oidc.name if oidc else "",
    )


async def show(request: Request) -> Response:
    """GET /login."""
    site: Site = request.app.state.site
    return to("/") if site.session(request) else form_page(site, request)


async def enter(request: Request) -> Response:
    """POST /login: password and code."""
    site: Site = request.app.state.site
    if site.foreign(request):
        return form_page(
            site, request, "This did not come from our own page. Load the page again and log in there.", 403
        )
    try:
        form = await site.form(request)
    except Invalid as error:
        return form_page(site, request, error.message, 400)
    name, peer = field(form, "name").strip()[:100], site.peer(request)
    mine = device.known(site.accounts.key, name, request.cookies.get(site.device_cookie, ""), time.time())  # noqa: TID251 - a browser's real time
    peer_or_device = f"device:{name}" if mine else crowd_of(peer)
    try:
        site.accounts.check_lock(name, peer_or_device, alone=mine)
        password = field(form, "password")
        good = await site.desk.check(peer_or_device, lambda: site.accounts.password_is(name, password), known=mine)
        good = good and site.accounts.code_is(
            name, field(form, "code").strip()
        )  # a code is not used up by a wrong password
    except Refused as error:
        if error.rule == "locked":
            await tried(site, "login_locked", name, peer)
        return form_page(site, request, error.message, 429)
    except BcpError as error:
        return form_page(site, request, error.whole, 503)
    if not good:
        site.accounts.was_wrong(name, peer_or_device)
        await tried(site, "login_wrong", name, peer)
        return form_page(site, request, WRONG, 401)
    return await entered(site, request, name, "password and code", safe_next(field(form, "next")))


async def entered(site: Site, request: Request, name: str, how: str, next_: str) -> Response:
    """The answer to a successful log-in: a new session, its cookies, and on to the page that was asked for."""
    peer = site.peer(request)
    for one in (crowd_of(peer), f"device:{name}"):
        site.accounts.was_right(name, one)
    await noted(site, "login", name, peer, how=how)
    return site.sign_in(RedirectResponse(next_, 303), site.accounts.begin(name, peer), name)


async def leave(site: Site, request: Request, session: Session, form: dict[str, list[str]]) -> Response:
    """POST /logout: end the session."""
    site.accounts.end(request.cookies.get(site.cookie, ""))
    await noted(site, "logout", session.user.name, site.peer(request))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(site.cookie, path="/", secure=site.secure, httponly=True, samesite="lax")
    return answer


async def noted(site: Site, kind: str, name: str, peer: str, **data: Any) -> None:
    """Append a log-in event to the chain of the book."""
    await site.daemon.writer.do(lambda b: b.note(kind, "", name, peer=peer, **data))


async def tried(site: Site, kind: str, name: str, peer: str) -> None:
    """The same for a log-in that failed: so many of one address, that nobody fills the chain from outside."""
    if not site.noise.refuses(peer):
        await noted(site, kind, name, peer)


# -- passkeys (W3C WebAuthn level 2) ---------------------------------------------------------------------------------


def _party(site: Site, request: Request) -> tuple[str, str]:
    """Relying party id and origin."""
    url = site.daemon.settings.public_url or f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    parts = split(url)
    if parts is None:
        return "localhost", ""
    return parts.hostname or "localhost", f"{parts.scheme}://{parts.netloc}"


async def _json(site: Site, request: Request) -> dict[str, Any]:
    try:
        found = loads(await read(request, 50_000))
    except (TooLarge, TooSlow) as error:
        raise Invalid("That was too much, or came too slowly. Try again.") from error
    if site.foreign(request) or not isinstance(found, dict):
        raise Invalid("This did not come from our own page. Load the page again.")
    return found


async def passkey_login_begin(request: Request) -> Response:
    """A challenge for any passkey of ours."""
    from webauthn import generate_authentication_options, options_to_json

    site: Site = request.app.state.site
    host, _ = _party(site, request)
    mark, challenge = site.challenges.new(time.time())  # noqa: TID251 - a browser's real time
    options = generate_authentication_options(rp_id=host, challenge=challenge)
    answer = Response(options_to_json(options), media_type="application/json")
    answer.set_cookie(
        "bcp_challenge", mark, max_age=int(CHALLENGE_S), httponly=True, secure=site.secure, samesite="strict"
    )
    return answer


async def passkey_login_finish(request: Request) -> Response:
    """Check the signature of a passkey and log its user in. Wrong ones from one address are counted and turned away; a
    right one is never in their way, since nobody can guess a signature."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    site: Site = request.app.state.site
    host, origin = _party(site, request)
    peer = site.peer(request)
    try:
        body = await _json(site, request)
        begun = request.cookies.get("bcp_challenge", "")
        challenge, credential = site.challenges.of(begun, time.time()), dict(body.get("credential") or {})  # noqa: TID251 - a browser's real time
        mark = base64url_to_bytes(str(credential["rawId"]))
        known = site.accounts.passkey(mark)
        if challenge is None or known is None:
            raise Invalid("This passkey is not known here, or it took too long. Try again, or use password and code.")
        name, key, count = known
        found = verify_authentication_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=host, expected_origin=origin,
            credential_public_key=key, credential_current_sign_count=count, require_user_verification=True,
        )  # fmt: skip
    except (BcpError, WebAuthnException, ValueError, KeyError, TypeError) as error:
        return await _no_passkey(site, peer, error)
    site.challenges.use(begun)
    site.accounts.used_passkey(mark, found.new_sign_count)
    site.accounts.was_right("passkey", crowd_of(peer))
    await noted(site, "login", name, peer, how="passkey")
    value = site.accounts.begin(name, peer)
    return site.sign_in(JSONResponse({"next": safe_next(str(body.get("next") or "/"))}), value, name)


async def _no_passkey(site: Site, peer: str, error: Exception) -> Response:
    """The answer to a passkey that does not fit. Nothing is written down once too many came from this address."""
    try:
        site.accounts.check_lock("passkey", crowd_of(peer), alone=True)
    except Refused as locked:
        return JSONResponse({"error": locked.message}, 429)
    site.accounts.was_wrong("passkey", crowd_of(peer))
    await tried(site, "login_wrong", "passkey", peer)
    return _unfit(error, 401)


def _unfit(error: Exception, status: int) -> Response:
    """What is wrong with a passkey; what a library says of it is for nobody."""
    usual = "This passkey does not fit. Try again, or use password and code."
    return JSONResponse({"error": error.message if isinstance(error, BcpError) else usual}, status)


async def passkey_add_begin(request: Request) -> Response:
    """A challenge for a new passkey of whoever is logged in."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    site: Site = request.app.state.site
    session, host = site.session(request), _party(site, request)[0]
    try:
        body = await _json(site, request)
    except Invalid as error:
        return JSONResponse({"error": error.message}, 400)
    if session is None or not secrets.compare_digest(str(body.get("csrf", "")).encode(), session.csrf.encode()):
        return JSONResponse({"error": "Log in first."}, 403)
    options = generate_registration_options(
        rp_id=host,
        rp_name=site.daemon.app.settings.organisation.name,
        user_name=session.user.name,
        user_id=session.user.name.encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=k["id"]) for k in site.accounts.passkeys(session.user.name)
        ],
    )
    PENDING.put(f"add:{session.user.name}", options.challenge)
    return Response(options_to_json(options), media_type="application/json")


async def passkey_add_finish(request: Request) -> Response:
    """Check a new passkey and keep it."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    site: Site = request.app.state.site
    session, (host, origin) = site.session(request), _party(site, request)
    try:
        body = await _json(site, request)
        if session is None or not secrets.compare_digest(str(body.get("csrf", "")).encode(), session.csrf.encode()):
            return JSONResponse({"error": "Log in first."}, 403)
        challenge = PENDING.take(f"add:{session.user.name}")
        if challenge is None:
            raise Invalid("It took too long. Begin again.")
        made = verify_registration_response(
            credential=body["credential"],
            expected_challenge=challenge,
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
        label = str(body.get("label") or "")[:60].encode("utf-8", "replace").decode()
        site.accounts.add_passkey(
            session.user.name, made.credential_id, made.credential_public_key, made.sign_count, label
        )
    except (BcpError, WebAuthnException, ValueError, KeyError, TypeError) as error:
        return _unfit(error, 400)
    await noted(site, "passkey_added", session.user.name, site.peer(request), label=label)
    return JSONResponse({"done": True})
