"""One SMTP conversation with one address (RFC 5321), with a deadline,
and every way in which it can go wrong as data."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

import aiosmtplib

from bcp.kernel.errors import InDoubt, Permanent, Transient


@dataclass(frozen=True, slots=True)
class Talk:
    """How a conversation ended. ``stage``: connect, greeting, ehlo, starttls, mail, rcpt, done."""

    stage: str
    code: int
    text: str
    kind: str = ""
    """refused, timeout, closed, 4xx, 5xx, tls or empty for success."""
    tls: str = "none"
    spki_sha256: str = ""
    second_code: int = 0
    chain: tuple[bytes, ...] = ()
    """The certificates that it showed, its own first (DER)."""

    def say(self) -> str:
        """For people: ``rcpt: 451 try later``."""
        return f"{self.stage}: {f'{self.code} ' if self.code else ''}{self.text}"

    @property
    def ok(self) -> bool:
        """Did the server take the recipient?"""
        return self.stage == "done"


def plain_client(host: str, port: int, timeout_s: float, helo: str) -> aiosmtplib.SMTP:
    """A client that is not connected yet and begins no TLS by itself: whoever talks decides and judges the certificate.

    ``timeout_s``: for each command, in seconds. ``helo``: the name that it gives after EHLO.
    """
    return aiosmtplib.SMTP(
        hostname=host,
        port=port,
        timeout=timeout_s,
        local_hostname=helo,
        start_tls=False,
        use_tls=False,
        validate_certs=False,
    )


async def rcpt(
    host: str,
    port: int,
    *,
    recipient: str,
    sender: str = "",
    timeout_s: float = 10.0,
    helo: str = "bcp.invalid",
    tls_name: str = "",
    second_recipient: str = "",
) -> Talk:
    """Connect, EHLO, STARTTLS where offered, MAIL, RCPT, RSET, QUIT. Nothing is sent."""
    stage = "connect"
    client = plain_client(host, port, timeout_s, helo)
    tls, spki, second = "none", "", 0
    chain: tuple[bytes, ...] = ()
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            stage = "ehlo"
            await client.ehlo()
            if client.supports_extension("starttls"):
                stage = "starttls"
                tls, spki = await start_tls(client, tls_name)
                chain = _chain_of(client)
                await client.ehlo()
            stage = "mail"
            await client.mail(sender)
            stage = "rcpt"
            await client.rcpt(recipient)
            if second_recipient:
                second = await _second(client, second_recipient)
            stage = "done"  # taken; how it says goodbye does not matter
            await client.rset()
            await client.quit()
    except BaseException as error:
        client.close()
        if not isinstance(error, Exception):
            raise
        if stage != "done":
            return explain(stage, error, tls, spki)
    return Talk("done", 250, "accepted", "", tls, spki, second, chain)


async def _second(client: aiosmtplib.SMTP, recipient: str) -> int:
    try:
        return int((await client.rcpt(recipient)).code)
    except aiosmtplib.SMTPResponseException as error:
        return int(error.code)


async def start_tls(client: aiosmtplib.SMTP, name: str) -> tuple[str, str]:
    """Opportunistic TLS; afterwards says whether the certificate would satisfy a strict sender,
    and its key's digest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # authorities are read where somebody is believed
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    await client.starttls(tls_context=context)
    certificate = None
    if client.transport is not None and (connection := client.transport.get_extra_info("ssl_object")):
        certificate = connection.getpeercert(binary_form=True)
    if not certificate:
        return "no certificate", ""
    return _judge_certificate(certificate, name)


def _chain_of(client: aiosmtplib.SMTP) -> tuple[bytes, ...]:
    """What was shown: the server's certificate, and those that it sent along where this Python can tell (for
    DANE-TA)."""
    connection = client.transport.get_extra_info("ssl_object") if client.transport is not None else None
    if connection is None:
        return ()
    sent = getattr(connection, "get_unverified_chain", None)  # public from 3.13 on
    if sent is not None:
        return tuple(bytes(c) for c in sent())
    inner = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return tuple(c.public_bytes(ssl._ssl.ENCODING_DER) for c in inner() or ())  # type: ignore[attr-defined]
    own = connection.getpeercert(binary_form=True)
    return (own,) if own else ()


def _judge_certificate(der: bytes, name: str) -> tuple[str, str]:
    import hashlib
    from datetime import UTC, datetime

    from cryptography import x509  # only when TLS was spoken
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = x509.load_der_x509_certificate(der)
    spki = hashlib.sha256(found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    now = datetime.now(UTC)  # noqa: TID251 - certificates are judged by the real clock
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        return f"certificate valid only until {found.not_valid_after_utc:%Y-%m-%d}", spki
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
    except x509.ExtensionNotFound:
        names = []
    wanted = name.rstrip(".").lower()
    if wanted and not any(
        n.lower() == wanted or (n.startswith("*.") and wanted.partition(".")[2] == n[2:].lower()) for n in names
    ):
        return f"certificate does not name {wanted}", spki
    return "ok", spki


def explain(stage: str, error: Exception, tls: str, spki: str) -> Talk:
    """What an exception of aiosmtplib at this stage means, as data."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if stage == "connect":
            stage = "greeting"
        kind = "closed" if error.code == -1 else ("4xx" if error.code < 500 else "5xx")
        return Talk(stage, error.code, str(error.message)[:300], kind, tls, spki)
    if isinstance(error, (TimeoutError, aiosmtplib.SMTPTimeoutError)):
        return Talk(stage, 0, "no answer in time", "timeout", tls, spki)
    if stage == "starttls" and not isinstance(error, ssl.SSLError):
        return Talk(stage, 0, "TLS fails: the connection broke off", "tls", tls, spki)
    if isinstance(error, ssl.SSLError):
        return Talk(stage, 0, f"TLS fails: {error.reason or error}"[:300], "tls", tls, spki)
    if isinstance(error, aiosmtplib.SMTPConnectError) and stage == "connect":
        cause = error.__cause__ or error
        refused = isinstance(cause, ConnectionRefusedError) or "refused" in str(cause).lower()
        said = str(getattr(cause, "strerror", None) or cause)  # without Python's "[Errno -2]"
        text = "connection refused" if refused else said[:300]
        return Talk(stage, 0, text, "refused" if refused else "closed", tls, spki)
    return Talk(stage, 0, f"{type(error).__name__}: {error}"[:300], "closed", tls, spki)


NO_START = 250
"""Said to DATA, where 354 belongs, it means that no text was sent. After the text it is a yes, and no error."""


_NO_REPLY = re.compile(rb"^[0-9]{3}[^ \r\n-]", re.MULTILINE)
"""Three digits that neither a blank, a dash nor the line's end follows (RFC 5321 section 4.2): ``2500 ok`` is no 250.
The library reads the digits alone."""


def _heard(client: aiosmtplib.SMTP) -> bytearray:
    """What the server says from now on, as it came: its first 4,096 bytes."""
    said, protocol = bytearray(), client.protocol
    if protocol is not None:
        given = protocol.data_received

        def listen(data: bytes) -> None:
            said.extend(data[: max(0, 4096 - len(said))])
            given(data)

        protocol.data_received = listen  # type: ignore[method-assign]
    return said


async def send(
    host: str,
    port: int,
    message: EmailMessage | bytes,
    *,
    sender: str,
    recipient: str,
    timeout_s: float,
    helo: str = "bcp.invalid",
) -> str:
    """Hand over one message; returns the server's last answer.

    Raises:
        Transient: it was not taken (4xx, no connection); nothing was handed over.
        Permanent: it was refused (5xx).
        InDoubt: the connection broke after the text was sent, before the answer (RFC 1047), or the answer is neither
            yes nor no (RFC 5321 section 4.2.1): it may have been taken.
    """
    stage = "connect"
    client = plain_client(host, port, timeout_s, helo)
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            stage = "ehlo"
            await client.ehlo()
            if client.supports_extension("starttls"):
                await start_tls(client, "")
                await client.ehlo()
            stage = "mail"
            await client.mail(sender)
            stage = "rcpt"
            await client.rcpt(recipient)
            stage = "data"
            text = message if isinstance(message, bytes) else message.as_bytes(policy=policy.SMTP)
            heard = _heard(client)
            answer = await client.data(text)
            if _NO_REPLY.search(heard):
                raise InDoubt("its answer is no SMTP reply")
            stage = "done"
            await client.quit()
            return answer.message
    except BaseException as error:
        client.close()
        if not isinstance(error, Exception):
            raise
        if stage == "done":
            return "accepted"
        talk = explain(stage, error, "", "")
        if stage == "data" and not (400 <= talk.code < 600 or talk.code == NO_START):
            raise InDoubt(
                f"{host} broke off after the text was sent: {talk.text}", hint="It may have been taken."
            ) from error
        if talk.kind == "5xx":
            raise Permanent(f"{host} refuses at {talk.say()}") from error
        raise Transient(f"{host} does not take it at {talk.say()}") from error
