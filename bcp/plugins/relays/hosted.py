"""``hosted``: a relay that is somebody's service (a mail gateway, a hosted backup MX).

From outside it can be seen that it takes mail. What it holds and what became of it is known as far as a command or URL
of yours tells; all else is taken on its word, and plans and reports say which.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.dns import MxHost
from bcp.contracts.plugin import Duration, Model
from bcp.contracts.relay import FATES, MailFate, QueuedMail, RelayPlugin, RelayProbe, RelaySettings, WayOut
from bcp.contracts.relay_host import RelayHost
from bcp.kernel.errors import Invalid, Permanent, Transient
from bcp.kernel.json_in import loads, rows
from bcp.kernel.secret import Secret
from bcp.kernel.text import one_line
from bcp.kit.http import Http
from bcp.kit.log_dates import AHEAD_S
from bcp.kit.postfix_queue import MAX_TIME, read_beside, whole
from bcp.kit.process import run_program
from bcp.kit.relay_probe import probe_hosts

CAP = 50_000_000
ROUNDED_S = 60.0
"""Some services tell times in whole minutes."""


class Told(Model):
    """A program, or a URL, that asks the service. One of both."""

    command: list[str] = Field(default_factory=list)
    """Program and arguments. No shell. Queue ids come on its standard input, one a line."""
    url: str = ""
    """http(s) URL. Queue ids are sent as the body of a POST, one a line; without any it is a GET."""
    token: Secret | None = None
    """Sent as `Authorization: Bearer` to the URL."""


class HostedSettings(RelaySettings):
    """A service."""

    kind: Literal["hosted"] = "hosted"
    """Which plug-in."""
    hosts: Annotated[list[RelayHost], Field(min_length=1)]
    """Its MX hosts, as it told you."""
    vendor: str = "the service"
    """Whose it is, for plans and reports."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """SMTP port."""
    probe_recipient: str = ""
    """Address used in probes. Empty: who is in `canary:` (`to`, `known`) of the domain, else its postmaster."""
    keeps: Duration = 5 * 86400.0
    """How long it says that it keeps mail. Taken on its word."""
    queue: Told = Told()
    """What it holds, as lines of JSON like those of `postqueue -j`: queue_id, sender, arrival_time, recipients."""
    fates: Told = Told()
    """What became of messages: lines of JSON with queue_id, recipient, status (sent, bounced, expired,
    deleted; deferred: not yet), detail, and time (epoch seconds or RFC 3339). The newest of a recipient counts."""
    drain: Told = Told()
    """How it is asked to deliver. Without it: it delivers by itself."""
    timeout: Duration = 10.0
    """For one conversation."""

    def published(self) -> tuple[MxHost, ...]:
        """Its hosts, as they would stand in MX."""
        return tuple(MxHost(h.preference, h.host) for h in self.hosts)

    def way_out(self) -> WayOut | None:
        """None: probing a service from here says something of its network, not of ours."""
        return None


class Hosted:
    """The service of these settings."""

    Settings = HostedSettings

    def __init__(self, name: str, settings: HostedSettings) -> None:
        self.name, self.settings = name, settings
        self.mx = settings.published()
        self.can_count = bool(settings.queue.command or settings.queue.url)
        self.on_its_word = _words(settings)
        self._arrived: dict[str, float] = {}
        """When each message that was seen in its queue arrived, by its own word."""

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        """RCPT for our domain at each address, and for a domain that is not ours."""
        wanted = recipient or self.settings.whom(domain)
        return await probe_hosts(self.settings.hosts, self.settings.port, wanted, self.settings.timeout)

    async def queue(self) -> list[QueuedMail]:
        """What the command or URL tells."""
        if not self.can_count:
            vendor = self.settings.vendor
            raise Permanent(f"{vendor} does not tell what it holds", hint="Set queue: of the relay, if it has an API.")
        found = await read_beside(await self._ask(self.settings.queue, "the queue"))
        if nobody := next((m for m in found if not m.recipients), None):  # whose it is would be nobody's: not counted
            text = f"{self.settings.vendor} does not say whom {one_line(nobody.queue_id, 40)!r} in its queue is for"
            raise Transient(text, hint="Let queue: tell the recipients of each message.")
        self._arrived.update((m.queue_id, m.arrived) for m in found if m.arrived)
        return found

    async def drain(self, domains: Sequence[str]) -> str:
        """Ask it, where it can be asked."""
        if not (self.settings.drain.command or self.settings.drain.url):
            return f"{self.settings.vendor} delivers by itself"
        await self._ask(self.settings.drain, "delivery", list(domains), post=True)
        return "asked"

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        """What the command or URL tells of them; of others nothing is believed."""
        source = self.settings.fates
        if not queue_ids or not (source.command or source.url):
            return []
        text, now = await self._ask(source, "fates", list(queue_ids), post=True), time.time()  # noqa: TID251
        found, odd = read_fates(text, set(queue_ids), self._arrived, now)
        days = odd.pop(OF_ANOTHER_DAY, 0)
        self.on_its_word = (*_words(self.settings), *_not_known(self.settings.vendor, odd))
        if days:
            others = (
                f"{days} row(s) of what {self.settings.vendor} tells have a time before the mail came, or in the future"
            )
            self.on_its_word += (f"{others}, and are not counted: they are of other mails, or its clock is wrong",)
        return found

    async def _ask(self, source: Told, what: str, lines: Sequence[str] = (), *, post: bool = False) -> str:
        body = "".join(f"{line}\n" for line in lines)
        if source.command:
            ended = await run_program(
                source.command, timeout_s=self.settings.timeout, environment={}, cap=CAP, stdin=body.encode()
            )
            if ended.code != 0:
                text = f"{source.command[0]} ended with {ended.code}: {ended.stderr.strip()[-200:]}"
                raise Transient(text, hint="Run it by hand.")
            return whole(ended.stdout, ended.truncated)
        http = Http()
        headers = {"Authorization": f"Bearer {source.token.reveal()}"} if source.token is not None else {}
        try:
            reply = await http.request(
                "POST" if post else "GET",
                source.url,
                headers=headers,
                data=body.encode() if post else None,
                timeout_s=self.settings.timeout,
                cap=CAP,
            )
        finally:
            await http.close()
        if not 200 <= reply.status < 300:
            raise Transient(f"{self.settings.vendor} answers {reply.status} to {what}", hint="Check its URL and token.")
        return whole(reply.body, reply.cut)


def _words(settings: HostedSettings) -> tuple[str, ...]:
    """What nobody but the service can know, as things are configured."""
    vendor, days = settings.vendor, settings.keeps / 86400
    found = [f"{vendor} keeps mail for {days:g} days", f"{vendor} sends it to Exchange itself, and not by MX"]
    if settings.queue.command or settings.queue.url:
        found.append(f"{vendor} holds what it tells, and nothing else (queue:)")
    else:
        found.append(f"{vendor} holds nothing any more when it says so (no queue: is configured)")
    if settings.fates.command or settings.fates.url:
        found.append(f"what became of a mail is what {vendor} tells of it (fates:)")
    else:
        found.append(f"{vendor} delivered what it took (no fates: are configured)")
    return tuple(found)


def _not_known(vendor: str, odd: Mapping[str, int]) -> list[str]:
    """Rows that cannot be counted, in words."""
    if not odd:
        return []
    names = ", ".join(f"{n!r}" for n in sorted(odd)[:3]) + (" and others" if len(odd) > 3 else "")
    rows_ = f"{sum(odd.values())} row(s) of what {vendor} tells have a status that is not known ({names})"
    return [f"{rows_} and are not counted: let fates: say one of {', '.join(sorted(FATES | WAITS))}"]


WAITS = frozenset({"deferred", "queued", "held"})
"""Words for a recipient whose mail has not ended: no fate, and no mistake."""


def parse_fates(text: str, wanted: set[str]) -> list[MailFate]:
    """Lines of JSON; the last word about each recipient counts. Raises ``Transient`` where a line is none."""
    return read_fates(text, wanted)[0]


OF_ANOTHER_DAY = "\n"
"""No status: rows whose time cannot be one of that mail."""


def read_fates(
    text: str, wanted: set[str], arrived: Mapping[str, float] | None = None, now: float = MAX_TIME
) -> tuple[list[MailFate], Counter[str]]:
    """The same, and statuses that nobody here knows, with how many rows have each. What became of a mail before it
    ``arrived`` is another mail's, under the same id. The last word is the newest one
    where both rows have a time, else the one that stands last; that it waits is a word, too."""
    last: dict[tuple[str, str], tuple[float | None, MailFate]] = {}
    odd = Counter[str]()
    for line in rows(text):
        row = _row(line)
        ident, to, status = row["queue_id"], row.get("recipient", "").lower(), row["status"].strip().lower()
        if ident not in wanted:
            continue
        if status not in FATES | WAITS:
            odd[one_line(status, 30)] += 1
            continue
        at, (before, _) = _time(row.get("time")), last.get((ident, to), (None, None))
        if at is not None and not (arrived or {}).get(ident, at) - ROUNDED_S <= at <= now + AHEAD_S:
            odd[OF_ANOTHER_DAY] += 1
            continue
        if at is None or before is None or at >= before:
            last[(ident, to)] = at, MailFate(ident, to, status, str(row.get("detail", ""))[:500])
    waiting = {i for (i, to), (_, f) in last.items() if to and f.status in WAITS}
    found = [f for _, f in last.values() if f.status in FATES and (f.recipient or f.queue_id not in waiting)]
    return found, odd


def _row(line: str) -> dict[str, Any]:
    try:
        row = loads(line)
    except Invalid:
        row = None
    named = isinstance(row, dict) and all(isinstance(row.get(k), str) for k in ("queue_id", "status"))
    if not isinstance(row, dict) or not named or not isinstance(row.get("recipient", ""), str):
        text = f"the fates are not lines of JSON with queue_id, recipient and status: {line[:80]!r}"
        raise Transient(text, hint="Check fates: of the relay.")
    return row


def _time(value: object) -> float | None:
    """Epoch seconds, or RFC 3339; ``None``: it is neither."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if abs(value) < MAX_TIME else None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() if found is not None else None


PLUGIN = RelayPlugin(api=1, settings=HostedSettings, make=Hosted)
