"""``smtp``: a backup relay that speaks SMTP, such as Postfix. It is drained by ETRN (RFC 1985) or by a command."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import gzip
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bcp.contracts.dns import MxHost
from bcp.contracts.plugin import Duration, Model
from bcp.contracts.relay import MailFate, QueuedMail, RelayPlugin, RelayProbe, RelaySettings, WayOut
from bcp.contracts.relay_host import RelayHost
from bcp.contracts.relay_machine import HostWord, HostWords, RelayMachine
from bcp.kernel.errors import Permanent, Transient
from bcp.kernel.placeholder import HOST, host_word
from bcp.kit.http import Http
from bcp.kit.postfix_log import fates_of
from bcp.kit.postfix_machines import Machines
from bcp.kit.postfix_queue import parse_queue, read_beside, whole
from bcp.kit.process import run_program
from bcp.kit.relay_probe import addresses_of_host, probe_hosts
from bcp.kit.relay_reach import Reach


def _host_path(path: Path) -> Path:
    """A path, in which ``{host}`` may stand for the host that is meant."""
    return Path(host_word(str(path)))


class QueueSource(Model):
    """How to see the queue: a program, or a URL, that gives what `postqueue -j` prints."""

    command: HostWords = Field(default_factory=list)
    """Program and arguments, such as `[ssh, relay, postqueue, -j]`. No shell. Of several hosts `{host}` is the one that
    is asked, here as in `url`."""
    url: HostWord = ""
    """http(s) URL."""


class SmtpRelaySettings(RelaySettings):
    """A relay."""

    kind: Literal["smtp"] = "smtp"
    """Which plug-in."""
    hosts: Annotated[list[RelayHost], Field(min_length=1)]
    """Its MX hosts."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """SMTP port."""
    probe_recipient: str = ""
    """Address used in probes. Empty: who is in `canary:` (`to`, `known`) of the domain, else its postmaster."""
    queue: QueueSource = QueueSource()
    """How to see its queue. Without it nothing can be accounted for."""
    log: Annotated[Path, AfterValidator(_host_path)] | None = None
    """Postfix log that tells what became of each message; `{host}`: the log of that host. Without it, gone from the
    queue counts as unaccounted."""
    drain: Literal["etrn", "command", "none"] = "etrn"
    """How to ask for delivery. `none`: it delivers by itself."""
    drain_command: HostWords = Field(default_factory=list)
    """Program for `drain: command`, such as `[ssh, relay, postqueue, -f]`; `{host}`: once for each host."""
    timeout: Duration = 10.0
    """For one conversation."""
    kit: RelayMachine = RelayMachine()
    """Its machine, for `bcp relay kit`, `bcp relay recipients` and `bcp relay drain`."""

    def machine(self) -> RelayMachine:
        """What ``kit:`` says."""
        return self.kit

    def published(self) -> tuple[MxHost, ...]:
        """Its hosts, as they would stand in MX."""
        return tuple(MxHost(h.preference, h.host) for h in self.hosts)

    def way_out(self) -> WayOut:
        """The first host."""
        first = self.hosts[0]
        return WayOut(first.host, tuple(first.addresses), self.port, self.probe_recipient)


class SmtpRelay:
    """The relay of these settings."""

    Settings = SmtpRelaySettings

    def __init__(self, name: str, settings: SmtpRelaySettings) -> None:
        self.name, self.settings = name, settings
        self.mx = settings.published()
        self.shape, self.can_release = settings.kit.drain, bool(settings.kit.reach)
        self.can_count = bool(settings.queue.command or settings.queue.url) or self.can_release
        hosts = [h.host.rstrip(".") for h in settings.hosts][: None if _apart(settings) else 1]
        self._machines = Machines({h: Reach(settings.kit.reach, h) for h in hosts}, parse_queue)
        self._arrived: dict[str, float] = {}
        """When each message seen in the queue arrived, in epoch seconds."""

    @property
    def unheard(self) -> Mapping[str, str]:
        """Hosts that did not answer when they were asked last."""
        return dict(self._machines.dead)

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        """RCPT for our domain at each address, and for a domain that is not ours."""
        wanted = recipient or self.settings.whom(domain)
        return await probe_hosts(self.settings.hosts, self.settings.port, wanted, self.settings.timeout)

    async def queue(self) -> list[QueuedMail]:
        """What ``postqueue -j`` says."""
        found = await self._queue()
        self._arrived.update((m.queue_id, m.arrived) for m in found if m.arrived)
        return found

    async def _queue(self) -> list[QueuedMail]:
        source = self.settings.queue
        if source.command or source.url:
            if any(HOST in text for text in (source.url, *source.command)):
                return await self._machines.queue(self._listing)
            return await read_beside(await self._listing(""))
        if self.can_release:
            return await self._machines.queue()
        raise Permanent(f"{self.name} has no way to say what it holds", hint="Set queue: in bcp.yaml.")

    async def _listing(self, host: str) -> str:
        """What the user's command or URL gives, of this host."""
        source, timeout_s = self.settings.queue, self.settings.timeout
        if source.command:
            words = _of(source.command, host)
            ended = await run_program(words, timeout_s=timeout_s, environment={}, cap=50_000_000)
            if ended.code != 0:
                raise _failed(words[0], ended.code, ended.stderr)
            return whole(ended.stdout, ended.truncated)
        http = Http()
        try:
            reply = await http.request("GET", source.url.replace(HOST, host), timeout_s=timeout_s, cap=50_000_000)
        finally:
            await http.close()
        if reply.status != 200:
            raise Transient(f"the queue of {host or self.name} answers {reply.status}", hint="Check queue: url:")
        return whole(reply.body, reply.cut)

    async def drain(self, domains: Sequence[str]) -> str:
        """ETRN for each domain at each address, or the command; ``postqueue -f`` where the machine is ours."""
        if self.can_release and self.settings.drain == "etrn":
            return await self._machines.flush()
        if self.settings.drain == "command":
            if any(HOST in word for word in self.settings.drain_command):
                return await self._machines.each(self._flushed)
            return await self._flushed("")
        if self.settings.drain == "none":
            return "it delivers by itself"
        return await self._etrns(domains)

    async def _flushed(self, host: str) -> str:
        words = _of(self.settings.drain_command, host)
        ended = await run_program(words, timeout_s=self.settings.timeout, environment={}, cap=10_000)
        if ended.code != 0:
            raise _failed(words[0], ended.code, ended.stderr)
        return "asked"

    async def _etrns(self, domains: Sequence[str]) -> str:
        """ETRN at each address that answers. Raises ``Transient`` where none does, and ``Permanent`` where one will
        not."""
        answers, trouble = list[str](), list[Transient]()
        for host in self.settings.hosts:
            for address in host.addresses or await addresses_of_host(host.host):
                try:
                    answers.append(await _etrn(address, self.settings.port, domains, self.settings.timeout))
                except Transient as error:
                    trouble.append(error)
        if trouble and not answers:
            raise trouble[0]
        return "; ".join((*answers, *(t.message for t in trouble)))

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        """From Postfix's log: the final status of each recipient. Files that logrotate moved away are read, too."""
        since = min((self._arrived[q] for q in queue_ids if q in self._arrived), default=0.0)
        now = time.time()  # noqa: TID251 - dates lines of a file
        if self.settings.log is None and self.can_release:
            return await self._machines.fates(queue_ids, lambda t, ids: parse_log(t, ids, since=since, now=now))
        if self.settings.log is None:
            return []
        place = str(self.settings.log)
        if HOST in place:
            return await self._machines.fates(
                queue_ids,
                lambda t, ids: parse_log(t, ids, since=since, now=now),
                lambda host: asyncio.to_thread(_read_log, Path(place.replace(HOST, host))),
            )
        text = await asyncio.to_thread(_read_log, self.settings.log)
        return parse_log(text, set(queue_ids), since=since, now=now)

    async def keep(self, on: bool) -> None:
        """``defer_transports`` on every machine (postconf(5))."""
        await self._machines.keep(on)

    async def release(self, queue_ids: Sequence[str]) -> None:
        """``postqueue -i`` for each: it releases what ``soft_bounce`` and ``defer_transports`` keep, too."""
        await self._machines.release(queue_ids)


def _apart(settings: SmtpRelaySettings) -> bool:
    """Is each host asked by itself? Where nothing says which one is meant, one machine answers for all of them: asked
    for each, it would show every mail once for each."""
    queue, log = settings.queue, str(settings.log or "")
    words = (*settings.kit.reach, *queue.command, queue.url, *settings.drain_command, log)
    return not settings.kit.reach or any(HOST in w for w in words)


def _of(words: Sequence[str], host: str) -> list[str]:
    return [w.replace(HOST, host) for w in words]


def _failed(program: str, code: int, said: str) -> Transient:
    return Transient(f"{program} ended with {code}: {said.strip()[-200:]}", hint="Run it by hand.")


def parse_log(text: str, wanted: set[str], *, since: float = 0.0, now: float | None = None) -> list[MailFate]:
    """The fate of every recipient of these messages that the log tells. ``recipient`` is empty for *all the others*."""
    found: list[MailFate] = []
    for ident, life in fates_of(text, wanted, since=since, now=now).items():
        found += [MailFate(ident, to, status, detail) for to, (status, detail) in life.fates.items()]
        if life.all_left is not None:
            found.append(MailFate(ident, "", *life.all_left))
    return found


def _before(path: Path) -> list[Path]:
    """What was rotated away from this log, the oldest first."""
    found = []
    for file in path.parent.glob(f"{glob.escape(path.name)}[-._]*"):
        with contextlib.suppress(OSError):
            found.append((file.stat().st_mtime, file))
    return [file for _, file in sorted(found)]


def _read_log(path: Path) -> str:
    """The log with the files before it (``mail.log.1``, ``mail.log-20261127.gz``), oldest first: logrotate may have
    come in between, and may be packing one."""
    parts = []
    for file in (*_before(path)[-2:], path):
        try:
            raw = file.read_bytes()
            parts.append((gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8", "replace"))
        except (OSError, EOFError, zlib.error) as error:
            if file == path:
                raise Transient(
                    f"the relay's log {path} cannot be read: {getattr(error, 'strerror', None) or error}",
                    hint="Check log: in bcp.yaml.",
                ) from error
    return "\n".join(parts)


async def _etrn(address: str, port: int, domains: Sequence[str], timeout_s: float) -> str:
    """One connection, one ETRN a domain."""
    import aiosmtplib

    client = aiosmtplib.SMTP(hostname=address, port=port, timeout=timeout_s, start_tls=False, use_tls=False)
    said = []
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            await client.ehlo()
            for domain in domains:
                answer = await client.execute_command(b"ETRN", domain.encode("ascii"))
                said.append(f"{domain}: {answer.code} {answer.message}")
                if answer.code >= 500:
                    raise Permanent(
                        f"the relay at {address} refuses ETRN: {answer.code} {answer.message}",
                        hint="Allow it (Postfix: smtpd_etrn_restrictions, fast_flush_domains), or use drain: command.",
                    )
            await client.quit()
    except (OSError, TimeoutError, aiosmtplib.SMTPException) as error:
        raise Transient(f"the relay at {address} cannot be asked to deliver: {error}", hint="Is it up?") from error
    finally:
        client.close()
    return "; ".join(said)


PLUGIN = RelayPlugin(api=1, settings=SmtpRelaySettings, make=SmtpRelay)
