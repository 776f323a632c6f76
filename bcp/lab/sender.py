"""An outside sender that behaves like an MTA: looks MX up itself, queues, retries, and gives up only on a 5xx."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiosmtplib
import dns.exception
import dns.message
import dns.rdatatype

from bcp.lab.net import read_dns


@dataclass
class Mail:
    """One numbered mail and its fate."""

    number: int
    made: float
    attempts: int = 0
    delivered: float = 0.0
    taken_by: str = ""
    bounced: str = ""
    last: str = ""


@dataclass
class Sender:
    """Sends numbered mails at a steady rate through a caching resolver."""

    resolver: tuple[str, int]
    port: int
    domain: str
    every_s: float = 0.5
    backoff_s: float = 3.0
    timeout_s: float = 2.0
    mails: list[Mail] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Make mails until told to stop."""
        while not self._stop.is_set():
            mail = Mail(len(self.mails) + 1, time.time())
            self.mails.append(mail)
            task = asyncio.get_running_loop().create_task(self._work(mail))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            try:
                await asyncio.wait_for(self._stop.wait(), self.every_s)
            except TimeoutError:
                continue

    def finish(self) -> None:
        """Make no more mails; what is queued is still tried."""
        self._stop.set()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is queued here."""
        deadline = time.monotonic() + timeout_s
        while self._tasks and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return not self._tasks

    def close(self) -> None:
        """Give up what is queued."""
        for task in list(self._tasks):
            task.cancel()

    async def _work(self, mail: Mail) -> None:
        while not mail.delivered and not mail.bounced:
            mail.attempts += 1
            await self._attempt(mail)
            if not mail.delivered and not mail.bounced:
                await asyncio.sleep(self.backoff_s)

    async def _attempt(self, mail: Mail) -> None:
        hosts = await self._ask(self.domain, "MX")
        if not hosts:
            mail.last = "MX cannot be looked up"
            return
        for _, host in sorted((int(h.split()[0]), h.split()[1]) for h in hosts):
            for address in await self._ask(host, "A"):
                if await self._deliver(mail, host, address):
                    return

    async def _deliver(self, mail: Mail, host: str, address: str) -> bool:
        """True when nothing more is to be tried now."""
        body = (
            f"From: sender@outside.test\r\nTo: alice@{self.domain}\r\nSubject: mail {mail.number}\r\n"
            f"Message-ID: <lab-{mail.number}@outside.test>\r\n"
            f"X-Lab-Number: {mail.number}\r\n\r\nMail number {mail.number}.\r\n"
        ).encode()
        try:
            await asyncio.wait_for(
                aiosmtplib.send(
                    body,
                    sender="sender@outside.test",
                    recipients=[f"alice@{self.domain}"],
                    hostname=address,
                    port=self.port,
                    timeout=self.timeout_s,
                    start_tls=False,
                ),
                self.timeout_s + 1,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._refused(mail, error.recipients[0].code, error.recipients[0].message)
        except aiosmtplib.SMTPResponseException as error:
            return self._refused(mail, error.code, error.message)
        except (OSError, TimeoutError, aiosmtplib.SMTPException) as error:
            mail.last = f"{type(error).__name__}"
            return False
        mail.delivered, mail.taken_by = time.time(), host
        return True

    def _refused(self, mail: Mail, code: int, text: str) -> bool:
        mail.last = f"{code} {text}"
        if 500 <= code < 600:
            mail.bounced = mail.last
            return True
        return False

    async def _ask(self, name: str, kind: str) -> list[str]:
        wire = dns.message.make_query(name if name.endswith(".") else name + ".", kind).to_wire()
        writer = None
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(*self.resolver)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                answer = await read_dns(reader)
                reply = dns.message.from_wire(answer or b"")
        except (OSError, TimeoutError, dns.exception.DNSException):
            return []
        finally:
            if writer is not None:
                writer.close()
        wanted = dns.rdatatype.from_text(kind)
        return [rd.to_text() for s in reply.answer if s.rdtype == wanted for rd in s]
