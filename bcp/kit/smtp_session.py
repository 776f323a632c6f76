"""One SMTP session that asks for several recipients, and may hand over a whole mail:
what the server said to each, as data.

RFC 5321 section 3.3: after MAIL, each RCPT has an answer of its own; a refusal of one does not end the others. What
happens after DATA (section 4.2.5) is an answer of its own again: a server may take every recipient and then refuse
every mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiosmtplib

from bcp.kit.smtp import Talk, explain, plain_client, start_tls

HELO = "bcp.invalid"


@dataclass(frozen=True, slots=True)
class Session:
    """How it went with one address."""

    address: str
    opening: Talk
    """Up to MAIL. Where this is not well, nobody was asked for."""
    answers: tuple[tuple[str, Talk], ...] = ()
    """By recipient, in the order asked."""
    data: tuple[str, Talk] | None = None
    """Who the whole mail was for, and what the server said to it; ``None`` where none was handed over."""
    seconds: float = 0.0
    """From the first packet to the last answer."""

    @property
    def tls(self) -> str:
        """``none``, ``ok``, or what a strict sender would not like about the certificate."""
        return self.opening.tls


@dataclass(frozen=True, slots=True)
class Mail:
    """A whole mail to hand over after the recipients were asked for."""

    recipient: str
    text: bytes


async def converse(
    address: str,
    port: int,
    *,
    recipients: Sequence[str],
    sender: str = "",
    timeout_s: float = 10.0,
    helo: str = HELO,
    tls_name: str = "",
    mail: Mail | None = None,
) -> Session:
    """Connect, EHLO, STARTTLS where offered, MAIL, every RCPT, RSET; with ``mail`` a second transaction with DATA;
    QUIT.

    Never raises for what the other side does, and is over after ``timeout_s``.
    """
    client = plain_client(address, port, timeout_s, helo or HELO)
    loop = asyncio.get_running_loop()
    start, talker = loop.time(), _Talker(client, sender)
    try:
        async with asyncio.timeout(timeout_s):
            await talker.open(tls_name)
            await talker.ask_for(recipients)
            if mail is not None and any(t.ok for _, t in talker.answers):
                await talker.hand_over(mail)
            talker.step = "quit"
            await client.quit()
    except BaseException as error:
        client.close()
        if not isinstance(error, Exception):
            raise
        talker.broke(error)
    opening = talker.opening or Talk("connect", 0, "nothing was said", "closed")
    return Session(address, opening, tuple(talker.answers), talker.data, loop.time() - start)


class _Talker:
    """Where the session is, so that a break can be told of the right step."""

    def __init__(self, client: aiosmtplib.SMTP, sender: str) -> None:
        self.client, self.sender = client, sender
        self.step = "connect"
        self.tls, self.spki = "none", ""
        self.opening: Talk | None = None
        self.answers: list[tuple[str, Talk]] = []
        self.pending: list[str] = []
        self.mail: Mail | None = None
        self.data: tuple[str, Talk] | None = None

    async def open(self, tls_name: str) -> None:
        await self.client.connect()
        self.step = "ehlo"
        await self.client.ehlo()
        if self.client.supports_extension("starttls"):
            self.step = "starttls"
            self.tls, self.spki = await start_tls(self.client, tls_name)
            self.step = "ehlo"
            await self.client.ehlo()
        self.step = "mail"
        await self.client.mail(self.sender)
        self.opening = Talk("done", 250, "", "", self.tls, self.spki)

    async def ask_for(self, recipients: Sequence[str]) -> None:
        self.step, self.pending = "rcpt", list(recipients)
        while self.pending:
            recipient = self.pending[0]
            try:
                said = await self.client.rcpt(recipient)
                talk = Talk("done", int(said.code), str(said.message)[:300], "", self.tls, self.spki)
            except aiosmtplib.SMTPResponseException as error:
                talk = explain("rcpt", error, self.tls, self.spki)
                if error.code in {421, -1}:  # RFC 5321 section 3.8: the server closes the channel
                    raise
            self.answers.append((recipient, talk))
            self.pending.pop(0)

    async def hand_over(self, mail: Mail) -> None:
        self.step, self.mail = "data", mail
        await self.client.rset()
        await self.client.mail(self.sender)
        await self.client.rcpt(mail.recipient)
        said = await self.client.data(mail.text)
        self.data = (mail.recipient, Talk("done", int(said.code), str(said.message)[:300], "", self.tls, self.spki))

    def broke(self, error: Exception) -> None:
        """The session ended early: whoever was being asked for gets the reason. A bad goodbye is none."""
        if self.step == "quit":
            return
        talk = explain(self.step, error, self.tls, self.spki)
        if self.opening is None:
            self.opening = talk
        elif self.step == "rcpt":
            self.answers += [(r, talk) for r in self.pending]
        elif self.mail is not None:
            self.data = (self.mail.recipient, talk)
