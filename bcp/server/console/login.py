"""Logging in without the identity provider that may be what is down: password and code, or a passkey.
OIDC beside it."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.kernel.json_in import loads
from bcp.kernel.log import logger
from bcp.kernel.peers import crowd_of, is_here
from bcp.kit.body import read_whole
from bcp.kit.jwks import Keys
from bcp.server.console.page import Site, field, split, to
from bcp.server.doors.body import TooLarge, TooSlow, read
from bcp.server.signin import device
from bcp.server.signin.accounts import Session

LOG = logger(__name__)
CHALLENGE_S = 300.0
WRONG = "name, password or code is wrong"


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
        return form_page(site, request, "not from our own page", 403)
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
        return form_page(site, request, f"{error.message}. {error.hint}", 503)
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
        raise Invalid("this is too much, or came too slowly") from error
    if site.foreign(request) or not isinstance(found, dict):
        raise Invalid("not from our own page")
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
            raise Invalid("this passkey is not known, or it took too long")
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
    return JSONResponse({"error": error.message if isinstance(error, BcpError) else "this passkey does not fit"}, 401)


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
        return JSONResponse({"error": "log in first"}, 403)
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
            return JSONResponse({"error": "log in first"}, 403)
        challenge = PENDING.take(f"add:{session.user.name}")
        if challenge is None:
            raise Invalid("it took too long; begin again")
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
        return JSONResponse(
            {"error": error.message if isinstance(error, BcpError) else "this passkey does not fit"}, 400
        )
    await noted(site, "passkey_added", session.user.name, site.peer(request), label=label)
    return JSONResponse({"done": True})


# -- OIDC (authorization code with PKCE) -----------------------------------------------------------------------------


async def oidc_begin(request: Request) -> Response:
    """Send the browser to the identity provider's log-in page (OpenID Connect)."""
    import base64
    import hashlib

    site: Site = request.app.state.site
    wanted = site.daemon.settings.console.oidc
    facts = await site.provider(wanted.issuer, _provider) if wanted is not None else None
    if wanted is None or facts is None:
        return form_page(
            site, request, "the identity provider cannot be reached: use password and code, or a passkey", 503
        )
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    state = secrets.token_urlsafe(24)
    sealed = site.seal(json.dumps([state, verifier, nonce]))
    proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code", "client_id": wanted.client_id, "redirect_uri": _return(site, request),
        "scope": "openid email profile",
        "state": state, "nonce": nonce, "code_challenge": proof, "code_challenge_method": "S256",
    }  # fmt: skip
    answer = RedirectResponse(f"{facts['authorization_endpoint']}?{urlencode(query)}", 303)
    answer.set_cookie("bcp_oidc", sealed, max_age=int(CHALLENGE_S), httponly=True, secure=site.secure, samesite="lax")
    return answer


async def oidc_end(request: Request) -> Response:
    """Take the answer of the identity provider and log the person in."""
    site: Site = request.app.state.site
    wanted = site.daemon.settings.console.oidc
    state = request.query_params.get("state", "")
    begun = json.loads(site.unseal(request.cookies.get("bcp_oidc", ""), CHALLENGE_S) or "[]")
    facts = await site.provider(wanted.issuer, _provider) if wanted is not None else None
    if wanted is None or facts is None or len(begun) != 3 or not state or state != begun[0]:
        return form_page(site, request, "this sign-in is not known or took too long", 400)
    _, verifier, nonce = begun
    claims = await _claims(site, request, facts, verifier)
    if claims is None or claims.get("nonce") != nonce:
        return form_page(site, request, "the identity provider did not vouch for you", 401)
    if wanted.claim == "email" and claims.get("email_verified") is False:
        return form_page(site, request, "this e-mail address is not verified", 401)
    user = site.accounts.by_email(str(claims.get(wanted.claim, "")))
    if user is None or user.disabled:
        await tried(site, "login_wrong", "oidc", site.peer(request))
        return form_page(site, request, "there is no account with this address", 403)
    return await entered(site, request, user.name, "oidc", "/")


def _return(site: Site, request: Request) -> str:
    return _party(site, request)[1] + "/login/oidc/return"


async def _provider(issuer: str) -> dict[str, Any] | None:
    """Discovery (OpenID Connect Discovery 1.0, section 4).
    The document must speak for this issuer and name https endpoints."""
    found = await _fetch("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if found is None or found.get("issuer") != issuer or not all(isinstance(found.get(n), str) for n in names):
        return None
    local = is_here(urlsplit(issuer).hostname or "")
    return found if local or all(found[n].startswith("https://") for n in names) else None


async def _claims(site: Site, request: Request, facts: dict[str, Any], verifier: str) -> dict[str, Any] | None:
    wanted = site.daemon.settings.console.oidc
    form = {
        "grant_type": "authorization_code", "code": request.query_params.get("code", ""),
        "redirect_uri": _return(site, request),
        "client_id": wanted.client_id, "client_secret": wanted.client_secret.reveal(), "code_verifier": verifier,
    }  # fmt: skip
    answer = await _fetch("POST", facts["token_endpoint"], form)
    if answer is None or not isinstance(answer.get("id_token"), str):
        return None
    keys = Keys(facts["jwks_uri"], site.daemon.state / "keys")
    return await keys.claims(answer["id_token"], issuer=wanted.issuer, audience=wanted.client_id, now=time.monotonic())  # noqa: TID251 - age of a cache


async def _fetch(method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any] | None:
    import aiohttp

    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8)) as session:
            async with session.request(method, url, data=form, allow_redirects=False) as answer:
                found = json.loads(await read_whole(answer.content, 200_000))
                return found if answer.status == 200 and isinstance(found, dict) else None
    except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError, OSError) as error:
        LOG.warning("the identity provider: %s", type(error).__name__)
        return None
