"""Settings in, live objects out. The one place that knows everybody."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcp import registry
from bcp.comms.answers import tally
from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import Pack, load_pack
from bcp.contacts.directory import Audience, Directory
from bcp.contacts.load import load_contacts
from bcp.contacts.snapshot import Keys, read_snapshot
from bcp.contracts.channel import Channel, Inbound
from bcp.contracts.dns import Dns, Domain, MxHost, MxSet
from bcp.contracts.journal import Journal
from bcp.contracts.relay import Relay
from bcp.contracts.services import Halt, Order, RunInfo, Services
from bcp.detect.decide import SWITCHES, Decision
from bcp.detect.detector import Detector
from bcp.detect.history import History
from bcp.detect.remote import Spool, key_of
from bcp.detect.rules import Rules
from bcp.detect.snapshot import Snapshot, Snapshots
from bcp.detect.watch import LiveLooker, Watcher, to_data
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.dry import DryCourier, DryDns, DryMailer, DryOutside, DryPages, DryRelay, DryReports
from bcp.engine.events import Listener, nobody
from bcp.engine.store import Rest, Runs, RunView
from bcp.kernel.clock import Clock, SystemClock, clock_text, iso
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.names import host_name
from bcp.kit.inbox import read_answers
from bcp.kit.mailer import CanaryMailer
from bcp.kit.outside import RealOutside
from bcp.plan.build import Request
from bcp.playbook.catalogue import ActionSpec, Catalogue, ChannelSpec, MessageSpec
from bcp.playbook.load import Loaded, load, loads
from bcp.settings import Configuration, DetectSettings, DomainSettings, Settings

if TYPE_CHECKING:
    from bcp.reports.write import ReportWriter

SHIPPED = next(
    (p for p in (Path(__file__).parent / "_playbooks", Path(__file__).parent.parent / "playbooks") if p.is_dir()),
    Path("playbooks"),
)
"""Where the shipped playbooks are, in a wheel and in a checkout."""


def action_specs() -> dict[str, ActionSpec]:
    """Every action as lint sees it."""
    out = {}
    for kind, action in registry.actions().items():

        def provides(given: Mapping[str, Any], action: Any = action) -> tuple[str, ...]:
            try:
                return tuple(
                    action.claims_facts(
                        action.Args.model_construct(
                            **{**{n: f.default for n, f in action.Args.model_fields.items()}, **given}
                        )
                    )
                )
            except (TypeError, ValueError, AttributeError):
                return tuple(action.provides)

        summary = (type(action).__doc__ or "").strip().splitlines()[0]
        out[kind] = ActionSpec(
            kind,
            action.access == "write",
            action.Args,
            action.outputs,
            action.undoable,
            provides,
            action.final,
            summary,
        )
    return out


def message_specs(pack: Pack) -> dict[str, MessageSpec]:
    """Every message as lint sees it."""
    return {
        n: MessageSpec(
            frozenset(t.forms()),
            {str(k): v for k, v in t.file.claims_by_class.items()},
            tuple(t.file.claims),
            tuple(t.file.audiences),
            t.file.draft,
        )
        for n in pack.names()
        for t in (pack.get(n),)
    }


def bare_catalogue() -> Catalogue:
    """What lint knows without a configuration."""
    return Catalogue(
        action_specs(),
        message_specs(load_pack([SHIPPED / "messages"])),
        playbooks=frozenset(p.stem for p in SHIPPED.glob("*.yaml")),
    )


def rules_of(settings: Settings) -> Rules:
    """The numbers of detection."""
    return rules_from(settings.detect, max((x.primary_ttl for x in settings.domains), default=0))


def rules_from(d: DetectSettings, ttl: float) -> Rules:
    """The numbers of detection, with the TTL of MX in peacetime in seconds."""
    return Rules(
        interval_s=d.interval,
        threshold=d.threshold,
        reject_threshold=d.reject_threshold,
        suspect=d.suspect,
        need=d.need,
        confirm_for_s=d.interval if d.confirm_for is None else d.confirm_for,
        keep_firing_for_s=d.keep_firing_for,
        flap_high=d.flap_percent,
        flap_low=min(d.flap_low, d.flap_percent),
        partial_share=d.partial_share,
        switch_share=d.switch_share,
        target_share=d.target_share,
        stale_after=d.stale_after,
        skew_s=d.clock_skew,
        decide_b_s=d.decide.b,
        decide_e_s=d.decide.e,
        decide_f_s=d.decide.f,
        dwell_s=max(3600.0, 4.0 * ttl) if d.dwell is None else d.dwell,
    )


class App:
    """Everything that one configuration gives, made when it is first asked for."""

    def __init__(self, configuration: Configuration, clock: Clock | None = None) -> None:
        self.configuration = configuration
        self.settings = configuration.settings
        self.clock: Clock = clock or SystemClock()
        self.seen: Callable[[], Decision] = self._decision
        """What is seen now, for messages and standing approvals; the daemon may know more than the watcher alone."""

    def _decision(self) -> Decision:
        return self.watcher.decision()

    # -- people and texts ----------------------------------------------------------------------------------------

    @cached_property
    def directory(self) -> Directory:
        """Contacts and audiences. Raises ``Invalid``."""
        c = self.settings.contacts
        audiences = {
            n: Audience(n, tuple(a.groups), tuple(a.people), a.where, tuple(a.first), a.quiet, a.timezone)
            for n, a in self.settings.audiences.items()
        }
        people: dict[str, Any] = {}
        taken = 0.0
        if c.snapshot is not None and c.snapshot.exists():
            found, taken, _ = read_snapshot(c.snapshot, self.contact_keys())
            people.update((p.id, p) for p in found)
        if c.file is not None:
            people.update((p.id, p) for p in load_contacts(c.file))
        return Directory(tuple(people.values()), audiences, str(c.file or c.snapshot or ""), taken)

    def contact_keys(self) -> Keys:
        """What protects the snapshot of contacts."""
        c = self.settings.contacts
        return Keys(c.key.reveal() if c.key else "", c.signing_key.reveal() if c.signing_key else "", c.trusted_key)

    @cached_property
    def pack(self) -> Pack:
        """All messages."""
        return load_pack([SHIPPED / "messages", *self.settings.messages])

    def whoami(self, claimed: str = "") -> str:
        """Who is at this terminal: the contact with this login, else the login itself."""
        if claimed:
            return claimed
        login = login_name()
        found = self.directory.by_login(login)
        return found.id if found else login

    def approvers(self, references: Sequence[str]) -> frozenset[str]:
        """Ids of the people behind references such as ``group:oncall``."""
        return frozenset(c.id for c in self.directory.people(references))

    # -- playbooks -----------------------------------------------------------------------------------------------

    def playbook_files(self) -> dict[str, Path]:
        """All playbooks by name; the organisation's own win over shipped ones."""
        files = {p.stem: p for p in sorted(SHIPPED.glob("*.yaml"))}
        for folder in self.settings.playbooks:
            files.update({p.stem: p for p in sorted(folder.glob("*.yaml"))})
        return files

    def playbook(self, name: str) -> Loaded:
        """A playbook by name or path. Raises ``Invalid``."""
        if name.endswith((".yaml", ".yml")) or "/" in name:
            return load(Path(name))
        files = self.playbook_files()
        if name not in files:
            raise Invalid(f"there is no playbook {name!r}", hint=did_you_mean(name, files))
        return load(files[name])

    def facts(self) -> frozenset[str]:
        """What is true now because a run that holds made and verified it: what a message outside of a run may claim."""
        out: set[str] = set()
        for run_id in self.runs.ids()[-20:]:
            try:
                view = self.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.state.status != "holding" or view.plan.get("kind") == "drill":
                continue
            loaded, specs = loads(view.plan["playbook_text"]), action_specs()
            for placed in loaded.steps:
                state = view.state.steps.get(placed.id)
                if state is not None and state.status in {"ok", "unchanged"}:
                    out.update(specs[placed.step.uses].provides(placed.step.with_))
        return frozenset(out)

    def catalogue(self, *, facts: frozenset[str] = frozenset()) -> Catalogue:
        """Everything that playbooks can refer to."""
        directory = self.directory
        fate = {n: tuple(getattr(s, "depends_on", ())) for n, s in self.configuration.plugins["dns"].items()}
        channels = {
            n: ChannelSpec(c.form, (*c.shares_fate_with, *getattr(c.settings, "depends_on", ())))
            for n, c in self.channels.items()
        }
        return Catalogue(
            action_specs(),
            message_specs(self.pack),
            {n: len(directory.members(n)) for n in directory.audiences},
            channels,
            lambda r: len(self.approvers([r])),
            {n: tuple(getattr(s, "depends_on", ())) for n, s in self.configuration.plugins["relays"].items()},
            tuple(sorted({f for d in self.settings.domains for f in fate.get(d.dns, ())})),
            (),
            frozenset(self.playbook_files()),
            facts=facts,
        )

    # -- the world -----------------------------------------------------------------------------------------------

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """Our domains, in order of importance."""
        return {d.name: Domain(d.name, d.dns, self._peacetime_mx(d), d.zone) for d in self.settings.domains}

    def _peacetime_mx(self, d: DomainSettings) -> MxSet | None:
        """From the configuration, else from the last snapshot: Graph's own records first, then what DNS served."""
        if d.primary:
            return MxSet(tuple(MxHost(p.preference, p.host) for p in d.primary), d.primary_ttl)
        facts = self.peace.domains.get(d.name, {}) if self.peace is not None else {}
        relays = {h.host for r in self.configuration.plugins["relays"].values() for h in getattr(r, "hosts", ())}
        served = MxSet.from_data(facts["mx"]) if facts.get("mx") else None
        if records := facts.get("graph"):
            hosts = tuple(MxHost(int(r["preference"] or 0), host_name(str(r["host"]))) for r in records)
            return MxSet(hosts, served.ttl_s if served else int(records[0]["ttl_s"] or d.primary_ttl))
        if served is not None and any(h.host in relays for h in served.hosts):
            return None  # that was no peace
        return served

    @cached_property
    def snapshots(self) -> Snapshots:
        """Snapshots of peacetime."""
        return Snapshots(self.configuration.state / "snapshots")

    @cached_property
    def peace(self) -> Snapshot | None:
        """The last one."""
        return self.snapshots.latest()

    def peace_data(self) -> dict[str, Any]:
        """The same, as expressions of playbooks see it."""
        s = self.peace
        if s is None:
            return {"taken": "", "age": 0.0, "domains": {}}
        return {
            "taken": iso(s.taken),
            "age": max(0.0, self.clock.now() - s.taken),
            "domains": {n: dict(f) for n, f in s.domains.items()},
        }

    @cached_property
    def dns(self) -> dict[str, Dns]:
        """DNS back ends."""
        zones = {d.name: d.zone for d in self.settings.domains if d.zone}
        return {
            n: registry.load("dns", s.kind).create(n, s, self.clock, zones)
            for n, s in self.configuration.plugins["dns"].items()
        }

    @cached_property
    def relays(self) -> dict[str, Relay]:
        """Relays."""
        return {
            n: registry.load("relays", s.kind).create(n, s) for n, s in self.configuration.plugins["relays"].items()
        }

    @cached_property
    def channels(self) -> dict[str, Channel[Any]]:
        """Channels."""
        return {
            n: registry.load("channels", s.kind).create(n, s) for n, s in self.configuration.plugins["channels"].items()
        }

    @cached_property
    def rules(self) -> Rules:
        """How sure detection must be."""
        return rules_of(self.settings)

    @cached_property
    def watcher(self) -> Watcher:
        """The watcher over the configured probes, or the usual ones."""
        d = self.settings.detect
        probes = [registry.load("probes", s.kind).create(n, s, self.clock) for n, s in self._probe_settings().items()]
        return Watcher(
            probes,
            self.rules,
            self.clock,
            concurrency=d.concurrency,
            vantages=(d.vantage, *d.vantages),
            here=d.vantage,
        )

    def _probe_settings(self) -> Mapping[str, Any]:
        """The configured probes, else the usual ones; and people, who can always report."""
        given: dict[str, Any] = dict(self.configuration.plugins["probes"]) or self._usual_probes()
        if given:
            kind = registry.settings_class("probes", "people")
            heard = {s.plane for s in given.values() if s.kind == "people"}
            for plane in ("inbound", "outbound", "mailbox", "auth", "edge"):
                if plane not in heard:
                    given.setdefault(f"people-{plane}", kind(plane=plane))
        return {n: self._in_state(s) for n, s in given.items()}

    def _usual_probes(self) -> dict[str, Any]:
        hosts = {h.host for d in self.domains.values() if d.primary is not None for h in d.primary.hosts}
        to, resolvers = self.settings.canary.to, self.settings.canary.resolvers
        out: dict[str, Any] = {}
        for i, host in enumerate(sorted(hosts)[:4], 1):
            out[f"dns-{i}"] = registry.settings_class("probes", "dns")(
                host=host, resolvers=resolvers, authoritative=[] if resolvers else "auto"
            )
            if to:
                out[f"smtp-{i}"] = registry.settings_class("probes", "smtp")(
                    host=host, recipient=to, port=self.settings.canary.port, resolvers=resolvers
                )
        if out and to:
            self._relay_control(out)
        return out

    def _relay_control(self, out: dict[str, Any]) -> None:
        """The first relay vouches for our own port 25, where its settings say how to reach it."""
        for name, relay in self.configuration.plugins["relays"].items():
            hosts = getattr(relay, "hosts", ())
            if hosts:
                addresses = [str(a) for a in getattr(hosts[0], "addresses", ())]
                out[f"{name}-control"] = registry.settings_class("probes", "smtp")(
                    host=hosts[0].host,
                    addresses=addresses,
                    port=getattr(relay, "port", 25),
                    recipient=getattr(relay, "probe_recipient", "") or f"postmaster@{self.settings.domains[0].name}",
                    resolvers=self.settings.canary.resolvers,
                    control=True,
                )
                return

    def _in_state(self, settings: Any) -> Any:
        """What a probe reads from the state folder, where nobody said otherwise."""
        if not hasattr(settings, "store") or settings.store is not None:
            return settings
        module = registry.load("probes", settings.kind)
        path = next(c.state_path for c in vars(module).values() if hasattr(c, "state_path"))
        return settings.model_copy(update={"store": self.configuration.state / path})

    @cached_property
    def history(self) -> History:
        """What was seen."""
        h = self.settings.detect.history
        return History(self.configuration.state / "history.db", keep_s=h.keep, max_bytes=h.max_mib * 2**20)

    def vantage_keys(self) -> dict[str, bytes]:
        """Keys of the other vantage points."""
        return {n: key_of(v.key.reveal()) for n, v in self.settings.detect.vantages.items()}

    @cached_property
    def spool(self) -> Spool:
        """Where their observations arrive."""
        return Spool(self.configuration.state / "observed", self.vantage_keys())

    def remember(self) -> None:
        """From now on the watcher listens to other vantage points, follows the runs and writes the history."""
        w = self.watcher
        w.listen.append(self.history.note)
        if self.settings.detect.vantages:
            w.sources.append(self.spool.read)
        w.before.append(Follower(self.runs, w.detector, self.clock).follow)
        w.after.append(self._keep)

    def _keep(self, d: Decision) -> None:
        status = {v.name: v.status for v in d.views}
        self.history.round(
            d, self.clock.now(), {**to_data(d), "lines": self.watcher.detector.lines(), "status": status}
        )

    def achieved(self, since: float) -> float | None:
        """RTA of receiving: seconds from ``since`` to the end of the first MX switch that began within a day; ``None`` without one."""
        for run_id in self.runs.ids():
            try:
                view = self.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if (
                view.plan.get("kind") == "drill"
                or view.plan.get("parent")
                or not 0 <= view.state.started - since < 86_400
            ):
                continue
            for step, uses in _uses(view).items():
                state = view.state.steps.get(step)
                if uses == "dns.mx.switch" and state is not None and state.status in {"ok", "unchanged"}:
                    return round(state.ended - since, 1)
        return None

    def recommend(self, decision: Decision) -> str:
        """The playbook for this verdict: one that covers its most urgent class, and moves MX only where that is proposed."""
        return recommended(decision, self._books)

    @cached_property
    def _books(self) -> dict[str, tuple[frozenset[str], bool]]:
        """Of each playbook: the classes it covers, and whether it moves MX."""
        return books_of(self.playbook_files())

    @cached_property
    def looker(self) -> LiveLooker:
        """Looks before a write; the running watcher when there is one."""
        r = self.settings.detect.recheck
        return LiveLooker(self.watcher, looks=r.looks, apart_s=r.apart, reuse_s=r.reuse)

    @cached_property
    def outside(self) -> RealOutside:
        """Programs and HTTP."""
        return RealOutside(self.configuration.folder)

    @cached_property
    def mailer(self) -> CanaryMailer:
        """The canary."""
        c = self.settings.canary
        return CanaryMailer(
            self.clock, to=c.to or "", sender=c.sender, resolvers=c.resolvers, port=c.port, arrival=c.arrival
        )

    @cached_property
    def runs(self) -> Runs:
        """The state folder."""
        return Runs(self.configuration.state, registry.load("engines", "embedded").EmbeddedStore(), self.clock)

    # -- services ------------------------------------------------------------------------------------------------

    def services(
        self, request: Request, run: RunInfo, *, journal: Journal | None, dry: bool, listener: Listener = nobody
    ) -> Services:
        """What actions get. Without a journal, or dry, nothing can be written."""
        drill = request.kind == "drill"
        paces = {
            n: Pace(concurrency=getattr(s, "concurrency", 20))
            for n, s in self.configuration.plugins["channels"].items()
        }
        halt = Halt()
        courier = Courier(
            self.directory,
            self.pack,
            self.channels,
            journal,
            self.clock,
            lambda extra: self.variables(request, run, extra),
            language=self.settings.organisation.language,
            drill=drill,
            paces=paces,
            halt=halt,
        )
        pages = SitePages(self, courier)
        recorded = {d: MxSet.from_data(m) for d, m in request.recorded.items()}
        approvals: Any = DryApprovals(self.approvers, request.initiator)
        if journal is not None and not dry:
            approvals = JournalApprovals(
                journal,
                self.clock,
                self.approvers,
                initiator=request.initiator,
                checksum=run.checksum,
                standing=lambda: self.standing(request),
                listener=listener,
            )
        real = Services(
            self.clock,
            run,
            dry or journal is None,
            self.domains,
            self.dns,
            self.relays,
            courier,
            approvals,
            self.mailer,
            self.outside,
            pages,
            self.looker,
            self.reporter(),
            recorded,
            tuple(self.settings.shell.allow),
            halt,
            Replies(self),
        )
        if not (dry or journal is None):
            return real
        return replace(
            real,
            dns={n: DryDns(d) for n, d in self.dns.items()},
            relays={n: DryRelay(r) for n, r in self.relays.items()},
            courier=DryCourier(courier),
            mailer=DryMailer(self.mailer),
            outside=DryOutside(self.outside),
            pages=DryPages(pages),
            reports=DryReports(),
        )

    def standing(self, request: Request) -> dict[str, str]:
        """People who approved automatic runs of this playbook in advance, for the class that is seen now."""
        if not request.automatic:
            return {}
        seen = self.seen().outage_class
        today = iso(self.clock.now())[:10]
        return {
            s.by: f"standing approval until {s.until}"
            for s in self.settings.approvals.standing
            if s.playbook == request.loaded.book.name and seen in s.classes and today <= s.until
        }

    def variables(self, request: Request, run: RunInfo, extra: Mapping[str, Any]) -> dict[str, Any]:
        """What messages may say."""
        now = self.clock.now()
        book = request.loaded.book
        every = min((s.every for s in book.hold if s.every), default=1800.0)
        decision = self.seen()
        org = self.settings.organisation
        return {
            "org": {
                "name": org.name,
                "hotline": org.hotline,
                "status_page": org.status_page,
                "signature": org.signature,
            },
            "service": self.settings.service,
            "outage_class": decision.outage_class
            if decision.outage_class in book.covers
            else next(iter(book.covers), ""),
            "domains": list(request.domains),
            "inputs": dict(request.inputs),
            "run": {"id": run.id, "kind": run.kind, "playbook": run.playbook},
            "now": clock_text(now)[:5] + " UTC",
            "since": clock_text(decision.since or run.started or now)[:5] + " UTC",
            "next_update": clock_text(now + every)[:5] + " UTC",
            **extra,
        }

    def rest(self, loaded: Loaded) -> Rest:
        """Rules between runs, from the playbook."""
        book = loaded.book
        return Rest(
            book.cooldown.period if book.cooldown else 0.0,
            book.cooldown is None or book.cooldown.lift == "acknowledge",
            book.limits.automatic_runs,
            book.limits.per,
        )

    def reporter(self) -> ReportWriter:
        """Writes reports, with what vendors reported of each message."""
        from bcp.reports.write import ReportWriter  # noqa: PLC0415 - only where one is written

        name = self.settings.organisation.name
        return ReportWriter(self.runs, self.configuration.state / "reports", name, reported=self.reported)

    def reported(self, receipts: Sequence[str]) -> dict[str, str]:
        """The last status that a vendor reported, by receipt."""
        from bcp.incident.receipts import read_receipts  # noqa: PLC0415

        return read_receipts(self.configuration.state / "incidents.db", receipts)

    async def inbound(self, since: float) -> list[Inbound]:
        """What people sent back: asked for at the vendors, and told by them to ``bcp serve``."""
        told = read_answers(self.configuration.state, since)
        return told + [m for c in self.channels.values() for m in await c.answers(since)]

    async def close(self) -> None:
        """Let every connection go."""
        for name in ("channels", "dns"):
            for thing in self.__dict__.get(name, {}).values():
                await thing.close()
        if "outside" in self.__dict__:
            await self.outside.close()


def books_of(files: Mapping[str, Path]) -> dict[str, tuple[frozenset[str], bool]]:
    """Of each playbook that can be read: the classes it covers, and whether it moves MX."""
    out: dict[str, tuple[frozenset[str], bool]] = {}
    for name, path in files.items():
        try:
            book = load(path).book
        except Invalid:
            continue
        out[name] = (frozenset(book.covers), any(s.uses == "dns.mx.switch" for s in book.activation))
    return out


def shipped_books() -> dict[str, tuple[frozenset[str], bool]]:
    """The same of the shipped ones."""
    return books_of({p.stem: p for p in sorted(SHIPPED.glob("*.yaml"))})


def recommended(decision: Decision, books: Mapping[str, tuple[frozenset[str], bool]]) -> str:
    """A playbook's name, or empty. Where MX is not to be moved, none that moves it is named."""
    if decision.action == "failback":
        return next((n for n in books if n.endswith("failback")), "")
    moves = decision.action in {"switch", "wait", "ask"}
    for letter in decision.classes:
        fitting = [n for n, (covers, mx) in books.items() if letter in covers and mx == (moves and letter in SWITCHES)]
        if fitting:
            return min(fitting, key=lambda n: (len(books[n][0]), n))
    return ""


class Follower:
    """Tells the detector what runs have done: decided, active, failback, draining, closed."""

    def __init__(self, runs: Runs, detector: Detector, clock: Clock) -> None:
        self.runs, self.detector, self.clock = runs, detector, clock
        self._told = ""

    def follow(self) -> None:
        """Look at the newest runs."""
        event = self._event()
        if event and event != self._told:
            self.detector.event(event, self.clock.monotonic())
        self._told = event or self._told

    def _event(self) -> str:
        for run_id in reversed(self.runs.ids()[-5:]):
            try:
                view = self.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.plan.get("kind") == "drill" or "dns.mx.switch" not in _uses(view).values():
                continue
            return _event_of(view)
        return ""


def _uses(view: RunView) -> dict[str, str]:
    """The action of each step."""
    return {str(s["id"]): str(s["uses"]) for s in view.plan["steps"]}


def _event_of(view: RunView) -> str:
    """How far the incident is, by its newest run that moves MX."""
    status, back = view.status(), bool(view.plan.get("parent"))
    if status in {"new", "running", "waiting", "undoing"}:
        drains = [step for step, uses in _uses(view).items() if uses == "relay.drain"]
        draining = any(view.state.steps[s].status in {"running", "ok"} for s in drains if s in view.state.steps)
        return ("draining" if draining else "failback") if back else "decided"
    if status == "holding" and not back:
        return "active"
    return "closed" if status == "done" and back else ""


class Replies:
    """What people sent back on any channel, counted by person."""

    def __init__(self, app: App) -> None:
        self.app = app

    def people(self, audience: str) -> int:
        """How many are in this audience."""
        return len(self.app.directory.members(audience))

    async def count(self, audience: str, since: float, digits: Sequence[str]) -> int:
        """How many different people have answered so."""
        inbound = await self.app.inbound(since)
        found = tally(self.app.directory.members(audience), inbound, since, dict.fromkeys(digits, ""))
        return len(found.answered)


class SitePages:
    """The status page as actions see it: the first ``status-page`` channel."""

    def __init__(self, app: App, courier: Courier) -> None:
        self.app, self.courier = app, courier

    def _site(self) -> Any:
        for channel in self.app.channels.values():
            if channel.kind == "status-page":
                return channel.site  # type: ignore[attr-defined]
        raise Invalid("there is no status page", hint="Add a channel of kind: status-page.")

    def render_order(self, order: Order) -> Mapping[str, Any]:
        """The entry a message gives."""
        message = self.courier.render_for(order, "page", self.app.settings.organisation.language)
        return {
            "title": message.subject,
            "html": message.html,
            "text": message.body,
            "template": message.template,
            "language": message.language,
            "phase": self.app.pack.get(order.template).file.phase,
        }

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        """Publish it."""
        from bcp.kit.site import Entry  # noqa: PLC0415

        site = self._site()
        site.put(Entry(key, self.app.clock.now(), **entry))
        return site.url or str(site.folder)

    async def has(self, key: str) -> bool:
        """Is it there?"""
        return bool(self._site().has(key))

    async def withdraw(self, key: str) -> None:
        """Take it back."""
        self._site().remove(key)


def login_name() -> str:
    """The login of whoever runs this process, by user id, not by what the environment claims."""
    try:
        import pwd  # noqa: PLC0415

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()
