"""Access tokens of Google Cloud by google-auth, in a thread; or of a metadata server that the settings name.

Sources: google-auth's documentation; cloud.google.com, compute/docs/metadata. Loaded when the first token is asked for
(extra ``google``).
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from bcp.contracts.dns import SentState
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.json_in import loads, whole_number
from bcp.kernel.secret import Secret
from bcp.kit.http import Http
from bcp.plugins.vendors.held_token import HeldToken
from bcp.plugins.vendors.hosted import Fault, hint_of_sign_in, in_words, of_ours
from bcp.plugins.vendors.in_thread import in_thread

SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
RENEW_S = 600.0
"""With less than this left a new token is asked for, and the old one used if that fails."""
LOAD_S = 20.0
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
CLOCK_WORDS = ("reasonable timeframe", "short-lived token", "Token used too early")


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are. Without both: google-auth's own chain (environment, gcloud's file, the machine's metadata)."""

    credentials: Secret | None = None
    metadata_host: str = ""


class Tokens:
    """The token of one account."""

    def __init__(self, account: Account, clock: Clock, timeout_s: float) -> None:
        self.account, self._clock, self._timeout_s = account, clock, timeout_s
        self._credentials: Any = None
        self._held = HeldToken(clock, RENEW_S)

    @property
    def ends(self) -> float:
        """When the token ends, in seconds since the epoch; 0: there is none."""
        return self._held.ends

    async def bearer(self, http: Http) -> str:
        """A token that is good now. Raises ``Fault``."""
        return await self._held.get(lambda: self._renew(http))

    def forget(self) -> None:
        """The token was refused: ask for another one next time."""
        self._held.forget()
        self._credentials = None

    async def _renew(self, http: Http) -> tuple[str, float]:
        if self.account.metadata_host:
            return await self._metadata(http)
        try:
            return await in_thread(self._ask, self._timeout_s + LOAD_S)
        except Fault:
            raise
        except TimeoutError as error:
            raise away("it did not answer in time") from error
        except Exception as error:  # of google-auth and whatever is below it
            raise (of_ours(error) or fault_of(error)) from error

    async def _metadata(self, http: Http) -> tuple[str, float]:
        url = f"http://{self.account.metadata_host}{METADATA}"
        try:
            reply = await http.request(
                "GET", url, headers={"Metadata-Flavor": "Google"}, timeout_s=self._timeout_s, cap=20_000
            )
            found = loads(reply.body)
        except Invalid:
            found = None  # a page of somebody in between, perhaps: the status says more
        except BcpError as error:
            raise away(error.message) from error
        if reply.status == 429 or reply.status >= 500:
            raise away(f"the metadata server fails ({reply.status})")
        if not isinstance(found, dict) and reply.status not in {403, 404}:
            raise away(f"what answers ({reply.status}) is no metadata server; is a proxy or a log-in page in between")
        given = found if isinstance(found, dict) and 200 <= reply.status < 300 else {}
        token, lives = given.get("access_token"), whole_number(given.get("expires_in"))
        if not isinstance(token, str) or not token or lives is None:
            raise no_account("the metadata server gives no token for a service account of this machine")
        return token, self._clock.now() + lives

    def _ask(self) -> tuple[str, float]:
        """In a thread: imports, and a request to Google."""
        try:
            import google.auth  # an extra
            from google.auth.transport.requests import Request
            from requests import Session
        except ImportError as error:
            text = "the DNS back end 'google' needs the extra 'google'"
            raise Fault(SentState.REFUSED, "extra", text, "pip install 'bcp-mail[google]'.") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about kinds of credentials that somebody else may have written
            if self._credentials is None:
                self._credentials = self._make(google.auth)
            try:
                with Session() as session:
                    session.max_redirects = 0  # who sends us elsewhere would get the signed assertion
                    self._credentials.refresh(Request(session))
            except (
                AttributeError,
                KeyError,
                RecursionError,
                TypeError,
            ) as error:  # google-auth takes whatever came for its answer
                raise away("what answers is none; is a proxy or a log-in page in between") from error
        expiry = self._credentials.expiry  # without a zone, in UTC
        ends = expiry.replace(tzinfo=UTC).timestamp() if expiry is not None else self._clock.now() + RENEW_S
        return str(self._credentials.token), float(ends)

    def _make(self, lib: Any) -> Any:
        """google-auth's own loader asks another service for the project of a federated identity: nobody needs it."""
        secret = self.account.credentials
        if secret is None:
            return lib.default(scopes=[SCOPE])[0]
        given = json.loads(secret.reveal())
        kind = given.get("type") if isinstance(given, dict) else None
        if kind == "external_account":
            from google.auth import aws, identity_pool

            signed = str(given.get("subject_token_type", "")).endswith("aws4_request")
            return (aws if signed else identity_pool).Credentials.from_info(given, scopes=[SCOPE])
        if kind is None:
            raise ValueError("it is no JSON of a service account")
        return lib.load_credentials_from_dict(given, scopes=[SCOPE])[0]


def away(why: str) -> Fault:
    """Google gives no token: nothing was sent to Cloud DNS."""
    hint = hint_of_sign_in(why, "Is the network up? Nothing was sent.")
    return Fault(SentState.NOT_SENT, "unreachable", f"Google's sign-in gives no token: {why}", hint)


def no_account(why: str) -> Fault:
    """There is nobody to sign in as."""
    hint = "Set credentials: (a key of a service account, or workload identity federation), or give this machine one."
    return Fault(SentState.REFUSED, "credential", why, hint)


def fault_of(error: Exception) -> Fault:
    """What an exception of google-auth means. Pure."""
    from google.auth import exceptions as lib  # whoever gets here has it loaded

    told = error.args[0] if isinstance(error, lib.RefreshError) and error.args else error  # after it: the whole answer
    if isinstance(error, lib.DefaultCredentialsError) and len(error.args) > 1:
        told = error.args[1]  # before it: that it could not be loaded
    text = in_words(str(told))
    if any(word in text for word in CLOCK_WORDS):
        return Fault(SentState.REFUSED, "clock", f"this machine's clock is not Google's: {text}", "Set it (NTP).")
    if isinstance(error, lib.TransportError):
        return away(text)
    if isinstance(error, lib.RefreshError) and ("invalid" in text or "unauthorized" in text):
        hint = "Make a new key for the service account, or check that it is not disabled."
        return Fault(SentState.REFUSED, "credential", f"Google refuses our credential: {text}", hint)
    if isinstance(error, lib.RefreshError):
        return away(text)
    if isinstance(error, json.JSONDecodeError):
        return no_account("the credential for Google is no JSON")  # what it is may be a secret
    return no_account(f"there is no credential for Google: {text}")
