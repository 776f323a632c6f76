"""Is a mail with this header in a mailbox? Over IMAP, with the standard library, off the event loop."""

from __future__ import annotations

import asyncio
import imaplib

from bcp.kernel.errors import InDoubt


async def holds(host: str, port: int, user: str, password: str, header: str, value: str, *, timeout_s: float) -> bool:
    """Log in, search INBOX for the header, log out.

    Raises:
        InDoubt: it could not be asked.
    """

    def search() -> bool:
        box = imaplib.IMAP4_SSL(host, port, timeout=timeout_s)
        try:
            box.login(user, password)
            box.select("INBOX", readonly=True)
            _, found = box.search(None, "HEADER", header, f'"{value}"')
            return bool(found and found[0] and found[0].split())
        finally:
            box.shutdown()

    try:
        async with asyncio.timeout(timeout_s + 5):
            return await asyncio.to_thread(search)
    except (OSError, imaplib.IMAP4.error, TimeoutError, ValueError, TypeError, LookupError) as error:
        raise InDoubt(f"{host}: {type(error).__name__}", hint="Check imap: of the probe.") from error
