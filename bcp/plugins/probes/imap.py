"""``imap``: does the IMAP front end greet? Before any login, so it says nothing about mailboxes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.probe import OWN, Probe, ProbePlugin, ProbeSettings, Result, Signal

_KINDS: dict[type[Exception], str] = {ConnectionRefusedError: "refused", socket.gaierror: "unresolved"}
LINE = 1_024
"""A greeting is one short line (RFC 9051 section 7.1); more is not read."""


class ImapProbeSettings(ProbeSettings):
    """One host to look at."""

    kind: Literal["imap"] = "imap"
    """Which plug-in."""
    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    """Port."""
    tls: bool = True
    """TLS from the start."""
    verify: bool = True
    """False: certificates are not checked (a lab)."""


class ImapProbe(Probe[ImapProbeSettings]):
    """Connects and reads the greeting."""

    kind = "imap"
    plane = "edge"
    medium: ClassVar[str] = "https"
    Settings = ImapProbeSettings

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        try:
            async with asyncio.timeout(s.timeout):
                greeting = await self._greeting()
        except TimeoutError:
            return self.saw(Result.FAIL, "timeout", f"{s.host}:{s.port} does not greet in {s.timeout:g} s")
        except ssl.SSLCertVerificationError as error:
            if "not yet valid" in error.verify_message:
                text = f"{s.host}: its certificate is not yet valid: is our clock wrong?"
                return self.saw(Result.UNKNOWN, OWN + "clock", text)
            return self.saw(Result.FAIL, "tls", f"{s.host}:{s.port}: TLS fails: {error.verify_message}")
        except ssl.SSLError as error:
            return self.saw(Result.FAIL, "tls", f"{s.host}:{s.port}: TLS fails: {error.reason or error}")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            kind = _KINDS.get(type(error), "closed")
            return self.saw(
                Result.FAIL, kind, f"{s.host}:{s.port}: {getattr(error, 'strerror', None) or type(error).__name__}"
            )
        if s.control:  # whatever it says, it answers
            return self.saw(Result.OK, "", f"{s.host} answers")
        if greeting.upper().startswith((b"* OK", b"* PREAUTH")):
            return self.saw(Result.OK, "", f"{s.host} greets")
        text = greeting.decode("ascii", "replace").strip()[:80]
        return self.saw(
            Result.FAIL, "bye" if greeting.upper().startswith(b"* BYE") else "not-imap", f"{s.host}: {text!r}"
        )

    async def _greeting(self) -> bytes:
        s = self.settings
        context = ssl.create_default_context() if s.tls else None
        if context is not None and not s.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(s.host, s.port, ssl=context, limit=LINE)
        try:
            return await reader.readuntil(b"\n")
        finally:
            writer.transport.abort()


PLUGIN = ProbePlugin(api=1, settings=ImapProbeSettings, make=ImapProbe)
