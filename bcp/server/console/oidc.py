"""Logging in by an identity provider (OIDC, authorization code with PKCE), beside our own ways: it may be down, too."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bcp.kernel.log import logger
from bcp.kernel.peers import is_here
from bcp.kit.body import read_whole
from bcp.kit.jwks import Keys
from bcp.server.console.login import CHALLENGE_S, _party, entered, form_page, tried
from bcp.server.console.page import Site

LOG = logger(__name__)


async def begin(request: Request) -> Response:
    """Send the browser to the identity provider's log-in page (OpenID Connect)."""
    import base64
    import hashlib

    site: Site = request.app.state.site
    wanted = site.daemon.settings.console.oidc
    facts = await site.provider(wanted.issuer, _provider) if wanted is not None else None
    if wanted is None or facts is None:
        return form_page(
            site, request, "The identity provider cannot be reached. Log in with password and code, or a passkey.", 503
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


async def end(request: Request) -> Response:
    """Take the answer of the identity provider and log the person in."""
    site: Site = request.app.state.site
    wanted = site.daemon.settings.console.oidc
    state = request.query_params.get("state", "")
    begun = json.loads(site.unseal(request.cookies.get("bcp_oidc", ""), CHALLENGE_S) or "[]")
    facts = await site.provider(wanted.issuer, _provider) if wanted is not None else None
    if wanted is None or facts is None or len(begun) != 3 or not state or state != begun[0]:
        return form_page(site, request, "This sign-in took too long, or was not begun here. Begin again.", 400)
    _, verifier, nonce = begun
    claims = await _claims(site, request, facts, verifier)
    if claims is None or claims.get("nonce") != nonce:
        return form_page(
            site,
            request,
            "The identity provider did not confirm who you are. Log in with password and code, or a passkey.",
            401,
        )
    if wanted.claim == "email" and claims.get("email_verified") is False:
        return form_page(
            site,
            request,
            "The identity provider has not verified your e-mail address. Log in with password and code, or a passkey.",
            401,
        )
    user = site.accounts.by_email(str(claims.get(wanted.claim, "")))
    if user is None or user.disabled:
        await tried(site, "login_wrong", "oidc", site.peer(request))
        return form_page(
            site,
            request,
            "There is no account with your e-mail address. An administrator makes one: bcp user add.",
            403,
        )
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
