"""Tokens of Microsoft Entra by azure-identity, in a thread; held, renewed in good time, and used until they end.

Source: learn.microsoft.com, azure.identity; error codes: learn.microsoft.com/entra, reference-error-codes.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.contracts.dns import SentState
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.held_token import HeldToken
from bcp.plugins.vendors.hosted import Fault, hint_of_sign_in, in_words, of_ours
from bcp.plugins.vendors.in_thread import in_thread

SCOPE = "https://management.azure.com/.default"
RENEW_S = 1_200.0
"""A token lives for about an hour. With less than this left a new one is asked for, and the old one used if that
fails."""
LOAD_S = 20.0
"""For loading the library, beside the time-out of the call."""
AGAIN_S = 1.0
"""Before sign-in is asked once more."""
CLOCK_CODES = ("AADSTS700024", "AADSTS500133")
OWN_CODE = "AADSTS"
"""Everything else that Entra itself says about us: a wrong or ended secret, an unknown application or tenant."""
NO_TENANT = "Unable to get authority configuration"
"""What the library says when Entra knows no such tenant, and when what answers is not Entra."""

ATTEMPTED = "Attempted credentials"
"""What the library says when every place in which it looks for a credential has none."""
NO_CA = ("CA certificate bundle", "NO_CERTIFICATE_OR_CRL_FOUND")
"""What it says when the certificates of a private authority are none."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are. ``kind``: secret, certificate, managed, workload; empty: what the environment gives."""

    kind: str = ""
    tenant_id: str = ""
    client_id: str = ""
    secret: Secret | None = None
    certificate: Path | None = None
    token_file: Path | None = None
    authority_url: str = ""
    scope: str = SCOPE
    ca_file: Path | None = None


class Tokens:
    """The token of one identity."""

    def __init__(self, identity: Identity, clock: Clock, timeout_s: float) -> None:
        self.identity, self._clock, self._timeout_s = identity, clock, timeout_s
        self._credential: Any = None
        self._held = HeldToken(clock, RENEW_S)

    @property
    def ends(self) -> float:
        """When the token ends, in seconds since the epoch; 0: there is none."""
        return self._held.ends

    async def bearer(self) -> str:
        """A token that is good now. Raises ``Fault``."""
        return await self._held.get(self._renew)

    def forget(self) -> None:
        """The token was refused: ask for another one next time."""
        self._held.forget()
        self.close()

    def close(self) -> None:
        """Let connections to the sign-in go. Who asks for a token later opens others."""
        credential, self._credential = self._credential, None
        if credential is not None:
            credential.close()

    async def _renew(self) -> tuple[str, float]:
        try:
            found = await self._asked()
        except Fault:
            raise
        except TimeoutError as error:
            raise away("it did not answer in time") from error
        except Exception as error:  # of azure-identity and whatever is below it
            raise (of_ours(error) or fault_of(error)) from error
        return str(found.token), float(found.expires_on)

    async def _asked(self) -> Any:
        """A token. A sign-in that is busy for a moment reads like a tenant that is not there: it is asked once more."""
        try:
            return await in_thread(self._ask, self._timeout_s + LOAD_S)
        except Exception as error:  # of azure-identity and whatever is below it
            if NO_TENANT not in str(error) or OWN_CODE in str(error):
                raise
        await self._clock.sleep(AGAIN_S)
        return await in_thread(self._ask, self._timeout_s + LOAD_S)

    def _ask(self) -> Any:
        """In a thread: imports, and a request to Entra or to the machine's metadata."""
        if self._credential is None:
            self._credential = self._make()
        return self._credential.get_token(self.identity.scope)

    def _make(self) -> Any:
        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # it warns of what is told as a Fault
        try:
            from azure import identity as lib  # 0.2 s of imports
        except ImportError as error:
            text = "the DNS back end 'azure' needs azure-identity"
            raise Fault(SentState.REFUSED, "extra", text, "pip install azure-identity.") from error
        me = self.identity
        more: dict[str, Any] = {
            "retry_total": 0,
            "connection_timeout": self._timeout_s,
            "read_timeout": self._timeout_s,
        }
        if me.ca_file is not None:
            more["connection_verify"] = os.fspath(me.ca_file)
        if me.authority_url:
            more |= {"authority": me.authority_url, "disable_instance_discovery": True}
        if me.kind == "secret":
            assert me.secret is not None
            return lib.ClientSecretCredential(me.tenant_id, me.client_id, me.secret.reveal(), **more)
        if me.kind == "certificate":
            password = {"password": me.secret.reveal()} if me.secret is not None else {}
            path = os.fspath(me.certificate or "")
            return lib.CertificateCredential(me.tenant_id, me.client_id, path, **password, **more)
        if me.kind == "managed":
            return lib.ManagedIdentityCredential(client_id=me.client_id or None)
        if me.kind == "workload":
            given = {"tenant_id": me.tenant_id, "client_id": me.client_id, "token_file_path": me.token_file}
            named = {k: os.fspath(v) for k, v in given.items() if v}
            return lib.WorkloadIdentityCredential(**named, **more)
        chain = [lib.EnvironmentCredential(**more), lib.ManagedIdentityCredential()]
        return lib.ChainedTokenCredential(*chain)


def away(why: str) -> Fault:
    """Entra gives no answer: nothing was sent to Azure DNS."""
    hint = "Tokens of Azure come from Entra: keep a daemon running (it holds one), and a second DNS host at hand."
    text = f"Microsoft's sign-in gives no token: {why}"
    return Fault(SentState.NOT_SENT, "unreachable", text, hint_of_sign_in(why, hint))


def fault_of(error: Exception) -> Fault:
    """What an exception of azure-identity means. Pure."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    if any(code in text for code in CLOCK_CODES):
        return Fault(SentState.REFUSED, "clock", f"this machine's clock is not Entra's: {text[:200]}", "Set it (NTP).")
    if NO_TENANT in text and OWN_CODE not in text:
        hint = "Check tenant_id:, and whether a proxy or a log-in page is in between."
        said = "there is no such tenant, or what answers is not Microsoft's sign-in"  # the library's words say no more
        return Fault(SentState.REFUSED, "credential", said, hint)
    if OWN_CODE in text:
        own = text[text.index(OWN_CODE) :].partition(" Trace ID:")[0]
        hint = "Renew the secret or certificate, and check tenant_id: and client_id:."
        return Fault(SentState.REFUSED, "credential", f"Entra refuses our credential: {own[:250]}", hint)
    if any(words in text for words in NO_CA):
        text = "the certificates of a private authority cannot be read"
        return Fault(SentState.REFUSED, "invalid", text, "Check api_ca_file:.")
    if isinstance(error, OSError) and error.filename:
        said = f"the file {error.filename} cannot be read ({error.strerror})"
        return Fault(SentState.REFUSED, "credential", said, "Check client_certificate: and token_file:.")
    if ATTEMPTED in text:
        text = "neither the environment (AZURE_*) nor a managed identity of this machine gives a token"
        hint = "Set tenant_id:, client_id: and client_secret:, or give this machine a managed identity."
        return Fault(SentState.REFUSED, "credential", f"there is no credential for Azure: {text}", hint)
    if kind == "CredentialUnavailableError" or isinstance(error, (ValueError, OSError)):
        hint = "Set tenant_id:, client_id: and client_secret:, or give this machine a managed identity."
        return Fault(SentState.REFUSED, "credential", f"there is no credential for Azure: {text[:250]}", hint)
    return away(in_words(text.removeprefix("Authentication failed: "), 200) or kind)
