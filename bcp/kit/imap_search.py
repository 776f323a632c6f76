"""Is a mail with this header in a mailbox? Over IMAP, with the standard library, off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import socket
import ssl
from pathlib import Path

from bcp.kernel.errors import InDoubt

__all__ = ["holds"]


class _Box(imaplib.IMAP4_SSL):
    """A mailbox whose connection can be cut from another thread, whatever it is at: ``open_`` has a copy of it."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout_s: float, open_: list[socket.socket]):
        self._open = open_
        super().__init__(host, port, ssl_context=context, timeout=timeout_s)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        bare: socket.socket = imaplib.IMAP4._create_socket(self, timeout)  # type: ignore[attr-defined]
        self._open.append(bare.dup())
        context: ssl.SSLContext = self.ssl_context
        return context.wrap_socket(bare, server_hostname=self.host)


async def holds(
    host: str, port: int, user: str, password: str, header: str, value: str, *, timeout_s: float,
    ca_file: Path | None = None,
) -> bool:  # fmt: skip
    """Log in, search INBOX for the header, log out. The password goes to no host whose certificate does not fit.

    The library's own time-out is one of each read: a server that sends a byte a second would be read for ever, and a
    program waits for its threads at its end. So the connection is cut when the time is over.

    Args:
        ca_file: certificates of a private authority, beside the system's.

    Raises:
        InDoubt: it could not be asked.
    """
    open_: list[socket.socket] = []

    def search() -> bool:
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        box = _Box(host, port, context, timeout_s, open_)
        try:
            box.login(user, password)
            box.select("INBOX", readonly=True)
            said, found = box.search(None, "HEADER", header, f'"{value}"')
            if said != "OK":  # what comes with it are words, and no numbers of mails
                raise imaplib.IMAP4.error("the search is refused")
            return any(part.isdigit() for part in (found[0] or b"").split())
        finally:
            box.shutdown()

    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(search)
    except ssl.SSLCertVerificationError as error:
        raise InDoubt(
            f"{host}: its certificate cannot be trusted: {error.verify_message}", hint="A private authority: ca_file:."
        ) from error
    except (OSError, imaplib.IMAP4.error, TimeoutError, ValueError, TypeError, LookupError) as error:
        raise InDoubt(f"{host}: {type(error).__name__}", hint="Check imap: of the probe.") from error
    finally:
        for copy in open_:
            with contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)  # wakes whoever reads from it
            copy.close()
