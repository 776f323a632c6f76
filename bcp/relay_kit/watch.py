"""What a relay is looked at for in peacetime: its own facts, judged. Pure: facts and time come in, checks go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bcp.contracts.readiness import Check, State
from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.errors import Invalid, Transient
from bcp.kernel.json_in import loads
from bcp.kernel.text import one_line, plural
from bcp.kernel.units import format_duration

DAY_S = 86400.0
RENEWED_S = 20 * DAY_S
"""certbot renews a certificate 30 days before its end: one with less than this left is not being renewed."""
CLOCK_S = 5.0
CLOCK_WRONG_S = 60.0
PULSE_S = 600.0
"""An agent that was silent for longer has stopped."""
FEW_INODES = 20_000
GIB = 2**30
SECOND_HAND = "On the relay: journal = yes in place of log in agent.conf, or Postfix's own log (postconf maillog_file)"


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What ``bcp-relay facts`` tells of one host. ``None``: it is not known there."""

    host: str
    now: float
    """Its clock."""
    running: bool
    disk_total: int
    disk_free: int
    inodes_free: int
    minfree: int
    queued: int
    oldest: float | None
    list_made: float | None
    list_count: int
    unknown_code: int
    certificate_end: float | None
    keeps: bool
    soft_bounce: bool
    clock_synchronised: bool | None
    hops: Mapping[str, str]
    """What each next hop said first; empty: nothing."""
    firewall: bool | None = None
    """Are the kit's rules in the kernel? ``None``: its firewall is somebody else's."""
    list_says: float | None = None
    """How many recipients its list says that it has; ``list_count`` is how many Postfix finds."""
    units_off: tuple[str, ...] = ()
    """Services that do not start with the machine, each with why: ``postfix is masked``."""
    loose: tuple[str, ...] = ()
    """Private keys that others than root can read, by their names in ``/etc/bcp-relay``."""
    list_signed: bool | None = None
    """Is its list as our key signed it? ``None``: it came before signatures were kept there."""
    odd_recipients: tuple[str, ...] = ()
    """Some of those whom Postfix finds and the list does not name (``+``), or the other way round (``-``)."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the same host from elsewhere."""

    asked_at: float
    """Our clock, in the middle of the question."""
    listed: Mapping[str, str]
    """What each blocklist says of its addresses: the address that stands there, ``?`` where it did not answer, or
    empty: none."""
    draining: bool = False
    """A drain of it is driven now."""
    agent_at: float | None = None
    """When its agent was last heard of; ``None``: it has none."""
    mails_an_hour: float = 0.0
    """In the busiest hour that the ledger knows; 0: it knows none."""
    mtpd: float = 0.0
    """The longest outage that a playbook which moves MX must bear, in seconds; 0: none says."""
    agent_trouble: str = ""
    """Why its agent does not read, as it says itself; empty: it reads."""
    agent_doubt: str = ""
    """Why its log may lack lines, as it says itself; empty: it sees no reason."""


_NUMBERS = ("now", "disk_total", "disk_free", "inodes_free", "minfree", "queued", "list_count", "unknown_code")
_FLAGS = ("running", "keeps", "soft_bounce")
_MAYBE = ("oldest", "list_made", "certificate_end", "list_says")


def facts_in(text: str) -> MachineFacts:
    """Read what the relay printed. Raises ``Transient`` where it is something else."""
    try:
        raw = loads(text)
    except Invalid as error:
        raise _nonsense(text) from error
    if not isinstance(raw, dict) or not _sound(raw):
        raise _nonsense(text)
    hops = {str(h["hop"]): str(h.get("says", "")) for h in raw.get("hops", []) if isinstance(h, dict) and "hop" in h}
    synchronised, firewall, signed = (raw.get(k) for k in ("clock_synchronised", "firewall", "list_signed"))
    number = {k: int(raw[k]) for k in _NUMBERS}
    maybe = {k: None if raw.get(k) is None else float(raw[k]) for k in _MAYBE}
    return MachineFacts(
        str(raw.get("host", "")),
        float(raw["now"]),
        raw["running"],
        number["disk_total"],
        number["disk_free"],
        number["inodes_free"],
        number["minfree"],
        number["queued"],
        maybe["oldest"],
        maybe["list_made"],
        number["list_count"],
        number["unknown_code"],
        maybe["certificate_end"],
        raw["keeps"],
        raw["soft_bounce"],
        synchronised if isinstance(synchronised, bool) else None,
        hops,
        firewall if isinstance(firewall, bool) else None,
        maybe["list_says"],
        tuple(one_line(str(u), 60) for u in raw.get("units_off") or []),
        tuple(one_line(str(u), 60) for u in raw.get("loose") or []),
        signed if isinstance(signed, bool) else None,
        tuple(one_line(str(a), 200) for a in raw.get("odd_recipients") or []),
    )


def _sound(raw: Mapping[str, Any]) -> bool:
    numbers = [raw.get(k) for k in _NUMBERS] + [raw[k] for k in _MAYBE if raw.get(k) is not None]
    return (
        all(isinstance(n, (int, float)) and not isinstance(n, bool) and abs(n) < 1e18 for n in numbers)
        and all(isinstance(raw.get(k), bool) for k in _FLAGS)
        and all(isinstance(raw.get(k) or [], list) for k in ("hops", "units_off", "loose", "odd_recipients"))
    )


def _nonsense(text: str) -> Transient:
    return Transient(f"what the relay tells is not what bcp-relay tells: {text[:80]!r}", hint="Is the kit installed?")


def judge(facts: MachineFacts, machine: RelayMachine, around: Around) -> list[Check]:
    """Every promise of one relay host."""
    return [
        _running(facts),
        _disk(facts, machine, around),
        _queue(facts, machine, around),
        _list(facts, machine),
        _certificate(facts, machine),
        _exchange(facts),
        _clock(facts, around),
        *_firewall(facts),
        *_keeps(facts, around),
        *_blocklists(facts, around),
        *_agent(facts, machine, around),
    ]


def _running(f: MachineFacts) -> Check:
    off = ", ".join(f.units_off)
    if f.running and off:
        text = f"Postfix runs on {f.host}, and not all comes back after a restart of the machine: {off}"
        hint = "There: run install.sh of the kit again; a service that is masked first needs systemctl unmask UNIT"
        return Check("relay-running", f.host, "risk", text, hint)
    if f.running:
        return Check("relay-running", f.host, "ok", f"Postfix runs on {f.host}")
    return Check(
        "relay-running", f.host, "fail", f"Postfix does not run on {f.host}", "Start it: systemctl start postfix"
    )


def needed(machine: RelayMachine, mails_an_hour: float, mtpd: float = 0.0) -> float:
    """Bytes that an outage as long as it may last would bring, beside what must stay free; 0: not known. In peacetime
    little comes by the relay: what the ledger knows can be more than the settings say, and never makes it less."""
    watch = machine.watch
    hourly = max(mails_an_hour, watch.mails_an_hour)
    return machine.minfree + hourly * max(watch.outage, mtpd) / 3600 * watch.mail_size if hourly else 0.0


def _disk(f: MachineFacts, machine: RelayMachine, around: Around) -> Check:
    need = needed(machine, around.mails_an_hour, around.mtpd)
    who, free = f.host, f"{f.disk_free / GIB:.1f} GiB free"
    more = "Give its spool a larger disk."
    if f.disk_free <= f.minfree:
        return Check(
            "relay-disk", who, "fail", f"{who} takes no mail: {free}, and it must keep {f.minfree} bytes", more
        )
    if f.inodes_free < FEW_INODES:
        return Check("relay-disk", who, "fail", f"{who} can make {f.inodes_free} more files: a mail is two", more)
    longest = format_duration(max(machine.watch.outage, around.mtpd))
    wanted = f"an outage of {longest} brings {need / GIB:.1f} GiB"
    if need and f.disk_free < need:
        return Check("relay-disk", who, "fail", f"{free} on {who}, and {wanted}", more)
    if not machine.watch.mails_an_hour:
        known = f"; its busiest hour so far had {around.mails_an_hour:.0f} mails" if around.mails_an_hour else ""
        text = f"{free} on {who}; whether that is enough for an outage of {longest} is not known{known}"
        return Check("relay-disk", who, "risk", text, "Set kit: watch: mails_an_hour: from message trace.")
    state: State = "risk" if f.disk_free < 2 * need else "ok"
    return Check("relay-disk", who, state, f"{free} on {who}; {wanted}", more if state == "risk" else "")


def _queue(f: MachineFacts, machine: RelayMachine, around: Around) -> Check:
    who = f.host
    if not f.queued or f.oldest is None:
        return Check("relay-queue-age", who, "ok", f"nothing waits on {who}")
    age = max(0.0, f.now - f.oldest)
    text = f"{plural(f.queued, 'message waits', 'messages wait')} on {who}, the oldest for {format_duration(age)}"
    if age > machine.watch.queue_age and not around.draining:
        hint = "See why: bcp-relay queue. To let them go: bcp relay drain."
        return Check("relay-queue-age", who, "risk", text, hint)
    return Check("relay-queue-age", who, "ok", text)


def _list(f: MachineFacts, machine: RelayMachine) -> Check:
    who, limit = f.host, machine.recipients.max_age
    if f.list_made is None or not f.list_count:
        text = f"{who} knows no recipient: it takes no mail for anybody"
        return Check("relay-list-age", who, "fail", text, "bcp relay recipients sync")
    if f.list_says is not None and f.list_says != f.list_count:
        text = f"{who} knows {f.list_count} recipients, and its list says {f.list_says:.0f}: somebody changed it there"
        return Check("relay-list-age", who, "fail", text, "bcp relay recipients sync")
    if f.list_signed is False:
        text = f"the list of recipients on {who} is not as it was signed: changed by hand"
        return Check("relay-list-age", who, "fail", text, "bcp relay recipients sync")
    if f.odd_recipients:  # as many as before: one for another
        text = f"Postfix on {who} looks up others than its list names ({', '.join(f.odd_recipients)}): changed by hand"
        return Check("relay-list-age", who, "fail", text, "bcp relay recipients sync")
    age = max(0.0, f.now - f.list_made)
    text = f"{who} knows {f.list_count} recipients, by a list that is {format_duration(age)} old"
    if age > limit:
        hint = "Unknown recipients get 450 until it is renewed: bcp relay recipients sync"
        return Check("relay-list-age", who, "risk", text, hint)
    if f.unknown_code != 550:
        hint = "Does its timer run? systemctl status bcp-relay-age.timer"
        return Check("relay-list-age", who, "risk", f"{text}, and still answers {f.unknown_code} to strangers", hint)
    return Check("relay-list-age", who, "ok", text)


def _certificate(f: MachineFacts, machine: RelayMachine) -> Check:
    who, hint = f.host, "Run bcp-relay certificate there, and see what certbot says."
    if f.certificate_end is None:
        return Check("relay-renewal", who, "fail", f"{who} has no certificate", hint)
    left = f.certificate_end - f.now
    if left <= 0:
        return Check("relay-renewal", who, "fail", f"the certificate of {who} has ended", hint)
    text = f"the certificate of {who} is good for {left / DAY_S:.0f} days"
    if left < RENEWED_S:
        renewed = " and should have been renewed" if machine.certificate.challenge != "own" else ""
        return Check("relay-renewal", who, "risk", f"{text}{renewed}", hint)
    return Check("relay-renewal", who, "ok", text)


def _exchange(f: MachineFacts) -> Check:
    silent = [h for h, said in f.hops.items() if not said.startswith("220")]
    if not f.hops:
        return Check("relay-exchange", f.host, "unknown", f"{f.host} does not say where its mail goes", "bcp relay kit")
    if silent:
        said = f.hops[silent[0]] or "no answer"
        text = f"{f.host} does not reach Exchange at {silent[0]}: {said}"
        hint = "Is port 25 open on the way out? Many clouds close it. Is Exchange up?"
        return Check("relay-exchange", f.host, "fail", text, hint)
    return Check("relay-exchange", f.host, "ok", f"{f.host} reaches Exchange at {', '.join(f.hops)}")


def _clock(f: MachineFacts, around: Around) -> Check:
    off = f.now - around.asked_at
    text = f"the clock of {f.host} is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    hint = "Synchronise it: timedatectl set-ntp true"
    if abs(off) > CLOCK_WRONG_S:
        return Check("relay-clock", f.host, "fail", text, hint)
    if abs(off) > CLOCK_S or f.clock_synchronised is False:
        unsynchronised = " and nothing sets it" if f.clock_synchronised is False else ""
        return Check("relay-clock", f.host, "risk", text + unsynchronised, hint)
    return Check("relay-clock", f.host, "ok", f"the clock of {f.host} is right")


def _firewall(f: MachineFacts) -> list[Check]:
    if f.firewall is None:
        return []
    if f.firewall:
        return [Check("relay-firewall", f.host, "ok", f"the firewall of {f.host} is loaded")]
    text = f"the firewall of {f.host} is not loaded: whatever listens there can be reached"
    return [Check("relay-firewall", f.host, "fail", text, "There: nft -f /etc/nftables.d/bcp-relay.nft")]


def _keeps(f: MachineFacts, around: Around) -> list[Check]:
    """States that a drain or a person left behind."""
    out = []
    if f.keeps and not around.draining:
        text = f"{f.host} keeps what comes until it is released, and no drain is running"
        out.append(Check("relay-keeps", f.host, "risk", text, "bcp relay drain, or bcp-relay flow on the relay"))
    if not f.soft_bounce:
        text = f"{f.host} lets refusals of Exchange bounce: in an outage it would send mail back for good"
        out.append(Check("relay-soft-bounce", f.host, "risk", text, "bcp-relay bounce off on the relay"))
    return out


def _blocklists(f: MachineFacts, around: Around) -> list[Check]:
    if not around.listed:
        return []
    found = {name: said for name, said in around.listed.items() if said not in {"", "?"}}
    if found:
        name, said = next(iter(found.items()))
        text = f"{said} of {f.host} stands on {', '.join(found)}: its bounces are refused, and Exchange may refuse more"
        return [Check("relay-blocklist", f.host, "risk", text, f"Ask {name} to take it off.")]
    silent = [name for name, said in around.listed.items() if said == "?"]
    if silent:
        text = f"whether {f.host} stands on {', '.join(silent)} cannot be asked through this resolver"
        return [Check("relay-blocklist", f.host, "unknown", text, "Name another under kit: watch: resolvers:.")]
    return [Check("relay-blocklist", f.host, "ok", f"{f.host} stands on none of {', '.join(around.listed)}")]


def _agent(f: MachineFacts, machine: RelayMachine, around: Around) -> list[Check]:
    if not machine.agent:
        return []
    return [pulse(f.host, around.agent_at, around.asked_at, around.agent_trouble, around.agent_doubt)]


def pulse(place: str, heard: float | None, now: float, trouble: str = "", doubt: str = "") -> Check:
    """Does the agent there live, and read? ``place``: its host, or its relay. ``heard``: when it told something last;
    ``None``: never. ``trouble``: why it does not read, as it says itself. ``doubt``: why it may not read all."""
    hint = "systemctl status bcp-relay-agent on the relay, and: bcp relay pull"
    if heard is None:
        return Check("relay-agent", place, "unknown", f"nothing was heard of the agent on {place} yet", hint)
    age = max(0.0, now - heard)
    if trouble and age <= PULSE_S:
        text = f"the agent on {place} does not read, and no mail is counted there: {trouble}"
        return Check("relay-agent", place, "fail", text, "Mend that on the relay: it reads on where it was.")
    if doubt and age <= PULSE_S:
        return Check("relay-agent", place, "risk", f"the agent on {place} may not see all: {doubt}", SECOND_HAND)
    state: State = "fail" if age > PULSE_S else "ok"
    text = f"the agent on {place} was heard of {format_duration(age)} ago"
    return Check("relay-agent", place, state, text, hint if state == "fail" else "")


def unreachable(host: str, why: str) -> Check:
    """A relay that could not be asked: nothing is known of it."""
    return Check("relay-reach", host, "unknown", f"{host} cannot be asked: {why}", "Can you reach it by kit: reach:?")
