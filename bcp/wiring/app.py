"""Settings in, live objects out. The one place that knows everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcp import registry
from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import Pack, load_pack
from bcp.contacts.directory import Audience, Directory
from bcp.contacts.load import load_contacts
from bcp.contacts.snapshot import Keys, read_snapshot
from bcp.contracts.channel import Channel, Inbound
from bcp.contracts.dns import Dns, Domain, MxHost, MxSet
from bcp.contracts.journal import Journal
from bcp.contracts.relay import Relay
from bcp.contracts.services import Halt, RunInfo, Services
from bcp.detect.decide import Decision
from bcp.detect.history import History
from bcp.detect.remote import Spool, key_of
from bcp.detect.rules import Rules
from bcp.detect.snapshot import Snapshot, Snapshots
from bcp.detect.watch import LiveLooker, Watcher, to_data
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.dry import DryCourier, DryDns, DryMailer, DryOutside, DryPages, DryRelay, DryReports
from bcp.engine.events import Listener, nobody
from bcp.engine.store import Rest, Runs
from bcp.kernel.clock import Clock, SystemClock, clock_text, iso
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.names import host_name
from bcp.kit import words
from bcp.kit.inbox import read_answers
from bcp.kit.mailer import CanaryMailer
from bcp.kit.optouts import read_optouts
from bcp.kit.outside import RealOutside
from bcp.plan.build import Request
from bcp.playbook.catalogue import Catalogue, ChannelSpec
from bcp.playbook.load import Loaded, load, loads
from bcp.settings import Configuration, DomainSettings

if TYPE_CHECKING:
    from bcp.reports.write import ReportWriter

from bcp.wiring.catalogue import SHIPPED, action_specs, books_of, message_specs, recommended
from bcp.wiring.services import Replies, SitePages, login_name
from bcp.wiring.watching import Follower, Heeder, rules_of, uses_of

FACTS_LAST_S = 7 * 86_400.0
"""How long a run that is over vouches for what it made."""


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
        out = read_optouts(self.configuration.state)
        people = {
            i: replace(p, optout=(*p.optout, "sms")) if p.phone in out and "sms" not in p.optout else p
            for i, p in people.items()
        }
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
        """What is true now because a run made and verified it: what a message outside of a run may claim.

        Runs that hold, and those that ended well in the last week: that mail was delivered stays true until mail moves
        to the relay again. Where MX points is what the newest of them did.
        """
        out: set[str] = set()
        since = self.clock.now() - FACTS_LAST_S
        for run_id in self.runs.ids()[-20:]:
            try:
                view = self.runs.view(run_id, effects=False)
            except BcpError:
                continue
            if view.state.status not in {"holding", "done"} or view.plan.get("kind") == "drill":
                continue
            if view.state.status == "done" and float(view.plan["created"]) < since:
                continue
            loaded, specs = loads(view.plan["playbook_text"]), action_specs()
            for placed in loaded.steps:
                state = view.state.steps.get(placed.id)
                if state is not None and state.status in {"ok", "unchanged"}:
                    made = specs[placed.step.uses].provides(placed.step.with_)
                    out = (
                        set()
                        if "mx-on-relay" in made
                        else out - ({"mx-on-relay"} if "mx-on-primary" in made else set())
                    )
                    out.update(made)
        return frozenset(out - {"service-healthy"})  # how it is now, a look says

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
            networks={d.vantage: d.network, **{n: v.network for n, v in d.vantages.items()}},
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
            mine = self._domains_at(host) if len(hosts) > 1 else []
            out[f"dns-{i}"] = registry.settings_class("probes", "dns")(
                host=host, resolvers=resolvers, authoritative=[] if resolvers else "auto", domains=mine
            )
            if to:
                out[f"smtp-{i}"] = registry.settings_class("probes", "smtp")(
                    host=host, recipient=to, port=self.settings.canary.port, resolvers=resolvers, domains=mine
                )
        if out and to:
            self._relay_control(out)
        return out

    def _domains_at(self, host: str) -> list[str]:
        """Our domains whose mail goes to this host: what fails there moves no other."""
        return [
            n for n, d in self.domains.items() if d.primary is not None and host in {h.host for h in d.primary.hosts}
        ]

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
        w.before.append(Heeder(self.configuration.state / words.FILE, w.detector).heed)
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
            for step, uses in uses_of(view).items():
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
        return {
            "org": self.settings.organisation.said(),
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
