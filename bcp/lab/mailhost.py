"""Mail hosts of the lab: an Exchange stand-in that can break in several ways,
and a backup relay with a queue on disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope, Session

from bcp.lab.net import only_loopback
from bcp.lab.spool import NUMBER, Spool

MODES = ("ok", "refuse", "hang", "421", "451", "550", "slow")


class MailHost:
    """An SMTP server on one address. ``mode`` says how it behaves to new connections."""

    def __init__(self, name: str, domains: set[str], spool: Path) -> None:
        self.name, self.domains, self.spool = name, domains, spool
        self.mode = "ok"
        self.known: set[str] | None = None
        self._server: asyncio.AbstractServer | None = None
        self._where: tuple[str, int] = ("127.0.0.1", 0)
        self._open: set[asyncio.BaseTransport] = set()
        for part in ("new", "cur", "tmp"):
            (spool / part).mkdir(parents=True, exist_ok=True)
        self.kept = Spool(spool / "new")

    async def start(self, address: str, port: int) -> None:
        """Listen."""
        self._where = (only_loopback(address), port)
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._protocol, *self._where, reuse_address=True)

    async def stop(self) -> None:
        """Stop listening and drop every connection, as a crash does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open):
            with contextlib.suppress(Exception):
                transport.abort()  # type: ignore[attr-defined]
        self._open.clear()

    async def set_mode(self, mode: str) -> None:
        """Break, or heal."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is not one of {', '.join(MODES)}")
        self.mode = mode
        await self.stop()
        if mode != "refuse":
            await self._listen()

    def _protocol(self) -> asyncio.BaseProtocol:
        if self.mode == "hang":
            return _Silent(self._open)
        if self.mode == "421":
            return _Line(b"421 4.3.2 Service not available, closing transmission channel\r\n")
        return _Smtp(self, self._open)

    async def rcpt(self, address: str) -> str:
        """The answer to RCPT TO."""
        if self.mode == "slow":
            await asyncio.sleep(3)
        if self.mode == "451":
            return "451 4.3.2 Temporary server error. Please try again later"
        user, _, domain = address.lower().rpartition("@")
        if domain not in self.domains:
            return "554 5.7.1 Relay access denied"
        if self.mode == "550" or (self.known is not None and user not in self.known):
            return "550 5.4.1 Recipient address rejected: Access denied"
        return "250 OK"

    async def take(self, envelope: Envelope) -> str:
        """Keep a message; it is on disk before the answer goes out."""
        name = f"{time.time():.6f}.{secrets.token_hex(4)}"
        body = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        await asyncio.to_thread(_store, self.spool, name, body)
        return f"250 2.6.0 Queued as {name}"

    def messages(self) -> list[tuple[int, float]]:
        """Number and arrival of every numbered mail in the spool."""
        return [(n, float(".".join(name.split(".")[:2]))) for name, n in self.kept.numbers().items()]


def _store(folder: Path, name: str, body: bytes) -> None:
    with (folder / "tmp" / name).open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    os.rename(folder / "tmp" / name, folder / "new" / name)


class _Smtp(SMTP):  # type: ignore[misc]
    """aiosmtpd's protocol, with ETRN (RFC 1985) where the host has it."""

    def __init__(self, host: MailHost, open_: set[asyncio.BaseTransport]) -> None:
        super().__init__(_Handler(host), hostname=host.name, enable_SMTPUTF8=False, timeout=60)
        self._lab_host, self._lab_open = host, open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lab_open.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._lab_open.discard(self.transport)
        super().connection_lost(error)

    async def smtp_ETRN(self, argument: str) -> None:
        if isinstance(self._lab_host, RelayHost):
            self._lab_host.flush()
            await self.push("250 2.0.0 Queuing started")
        else:
            await self.push("502 5.5.1 not implemented")


class _Handler:
    def __init__(self, host: MailHost) -> None:
        self.host = host

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.host.rcpt(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return await self.host.take(envelope)


class _Silent(asyncio.Protocol):
    """Completes TCP and says nothing, like a stopped server."""

    def __init__(self, open_: set[asyncio.BaseTransport]) -> None:
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open.add(transport)


class _Line(asyncio.Protocol):
    """One line, then the end."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._line)  # type: ignore[attr-defined]
        transport.close()


class RelayHost(MailHost):
    """Keeps mail in a queue on disk and delivers it to a fixed next hop when asked (never by MX: that would loop)."""

    def __init__(self, name: str, domains: set[str], spool: Path, next_hop: tuple[str, int]) -> None:
        super().__init__(name, domains, spool)
        self.next_hop = next_hop
        self.log = spool / "maillog"
        self.log.touch()
        self.accepted: list[tuple[int, float]] = []
        self._flushing: asyncio.Task[None] | None = None
        self.reasons: dict[str, str] = {}

    async def take(self, envelope: Envelope) -> str:
        """Queue it."""
        name = secrets.token_hex(5).upper()
        body = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        card = json.dumps(
            {"sender": (envelope.mail_from or "").strip("<>"), "recipients": envelope.rcpt_tos, "at": time.time()}
        ).encode()
        await asyncio.to_thread(_store, self.spool, name, card + b"\n" + body)
        found = NUMBER.search(body[:4096])
        if found:
            self.accepted.append((int(found[1]), time.time()))
        return f"250 2.0.0 Ok: queued as {name}"

    def queue(self) -> list[dict[str, Any]]:
        """What ``postqueue -j`` would print."""
        out = []
        for path in sorted((self.spool / "new").iterdir()):
            card = json.loads(path.read_bytes().split(b"\n", 1)[0])
            out.append(
                {
                    "queue_name": "deferred",
                    "queue_id": path.name,
                    "arrival_time": int(card["at"]),
                    "message_size": path.stat().st_size,
                    "sender": card["sender"],
                    "recipients": [
                        {"address": r, "delay_reason": self.reasons.get(path.name, "held")} for r in card["recipients"]
                    ],
                }
            )
        return out

    def numbers(self) -> list[int]:
        """Mails of the lab that it holds."""
        return list(self.kept.numbers().values())

    def flush(self) -> None:
        """Try to deliver everything, oldest first."""
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        for path in sorted((self.spool / "new").iterdir(), key=lambda p: p.stat().st_mtime):
            card_line, body = path.read_bytes().split(b"\n", 1)
            card = json.loads(card_line)
            status, text = await self._deliver(card, body)
            for recipient in card["recipients"]:
                self._write_log(path.name, recipient, status, text)
            if status in {"sent", "bounced"}:
                path.unlink()
            else:
                self.reasons[path.name] = text

    async def _deliver(self, card: dict[str, Any], body: bytes) -> tuple[str, str]:
        try:
            async with aiosmtplib.SMTP(
                hostname=self.next_hop[0], port=self.next_hop[1], timeout=5, start_tls=False
            ) as client:
                await client.mail(card["sender"])
                for recipient in card["recipients"]:
                    await client.rcpt(recipient)
                await client.data(body)
        except (OSError, ValueError, aiosmtplib.SMTPException) as error:
            return "deferred", f"{error}"  # also after a 5xx (soft_bounce): a relay in a drain bounces nothing
        return "sent", "250 2.6.0 Queued"

    def _write_log(self, name: str, recipient: str, status: str, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as out:
            out.write(
                f"{time.strftime('%b %d %H:%M:%S')} relay postfix/smtp[1]: {name}: "
                f"to=<{recipient}>, relay={self.next_hop[0]}, dsn=2.0.0, status={status} ({text})\n"
            )
