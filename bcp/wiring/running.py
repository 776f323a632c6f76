"""Running: the runs of the state folder, and everything that the actions of one run are handed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bcp.comms.courier import Courier, Pace
from bcp.contracts.dns import MxSet
from bcp.contracts.exercise_book import DrillBook
from bcp.contracts.journal import Journal
from bcp.contracts.readiness import ReadinessStore
from bcp.contracts.services import Approvals, Halt, Looker, RunInfo, Services
from bcp.contracts.store import RunCard, RunQuery
from bcp.detect.decide import Decision
from bcp.detect.onset import Onset, from_data, looked
from bcp.drain.driver import Driver
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.dry import DryCourier, DryDns, DryMailer, DryOutside, DryPages, DryRelay, DryReports
from bcp.engine.events import Listener, nobody
from bcp.engine.store import Rest, Runs, RunView
from bcp.kernel.clock import Clock, local_text, moment_text
from bcp.kernel.errors import BcpError, Invalid
from bcp.mx.forecast import Forecast
from bcp.pages.times import date_of
from bcp.plan.build import Request
from bcp.playbook.load import Loaded
from bcp.settings import Configuration
from bcp.store.files.drains import DrainFiles
from bcp.store.sqlite.state import SqliteState
from bcp.wiring.facts import FACTS_LAST_S, facts_of, switch_time
from bcp.wiring.forecast import LOOKED_AT, approval_waits, class_of, expected, ttls_of
from bcp.wiring.onset import onset_of
from bcp.wiring.people import People
from bcp.wiring.relay_books import DrainBooks, RelayBooks
from bcp.wiring.services import Replies, SitePages
from bcp.wiring.watching import Watching
from bcp.wiring.world import UNMOVED, World

if TYPE_CHECKING:
    from bcp.contracts.exercise import DrillRecord
    from bcp.contracts.exercise_parts import Chain
    from bcp.drills.derive import Context
    from bcp.reports.write import Look, ReportWriter


class Running:
    """What a run needs. ``seen`` is what is wrong now, for texts and standing approvals; ``looker`` looks before a
    write."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        people: People,
        world: World,
        *,
        seen: Callable[[], Decision],
        looker: Callable[[], Looker],
        watching: Callable[[], Watching],
    ) -> None:
        self.configuration, self.settings, self.clock = configuration, configuration.settings, clock
        self.people, self.world, self.seen, self._looker = people, world, seen, looker
        self.watching = watching

    @cached_property
    def runs(self) -> Runs:
        """The runs in it."""
        return Runs(self.room, self.clock)

    @cached_property
    def room(self) -> SqliteState:
        """The store room: everything durable, in the state folder."""
        return SqliteState(self.configuration.state)

    @cached_property
    def readiness(self) -> ReadinessStore:
        """The history of readiness."""
        from bcp.store.sqlite.readiness import SqliteReadiness  # most commands need none of it

        return SqliteReadiness(self.configuration.state)

    @cached_property
    def drills(self) -> DrillBook:
        """The drill book: exercises of every kind, behind a chain each."""
        from bcp.store.sqlite.drills import DrillBook as SqliteDrillBook  # most commands need none of it

        return SqliteDrillBook(self.configuration.state / "drills.db", self.clock, self.room.audit)

    @cached_property
    def books(self) -> RelayBooks:
        """What the agents on our relays told."""
        return RelayBooks(self.configuration, self.world, self.clock)

    def rehearsed(self, playbook: str) -> float:
        """When the last drill with this playbook ended, in epoch seconds; 0: there was none that came to its end."""
        last = self._last_drill(playbook)
        return (last.ended or last.started) if last is not None else 0.0

    def rehearsed_text(self, playbook: str) -> str:
        """This playbook as that drill had it; empty: not known. Raises ``StorageError``."""
        last = self._last_drill(playbook)
        return str(self.runs.view(last.id, effects=False).plan.get("playbook_text") or "") if last is not None else ""

    def _last_drill(self, playbook: str) -> RunCard | None:
        cards = self.cards(RunQuery(kind="drill", playbook=playbook, status={"done", "holding"}))
        return max(cards, key=lambda c: c.ended or c.started, default=None)

    def cards(self, query: RunQuery) -> list[RunCard]:
        """Runs as the index knows them, the newest first: asked for, never searched in a window."""
        return self.runs.cards(query)

    def rest(self, loaded: Loaded) -> Rest:
        """Rules between runs, from the playbook."""
        book = loaded.book
        return Rest(
            book.cooldown.period if book.cooldown else 0.0,
            book.cooldown is None or book.cooldown.lift == "acknowledge",
            book.limits.automatic_runs,
            book.limits.per,
        )

    # -- what runs have done -------------------------------------------------------------------------------------

    def facts(self) -> frozenset[str]:
        """What a message outside of a run may claim (``bcp.wiring.facts.facts_of``)."""
        now = self.clock.now()
        vouching = (RunQuery(status={"holding"}), RunQuery(status={"done"}, since=max(now - FACTS_LAST_S, 1.0)))
        return facts_of(self._views(*vouching), now)

    def achieved(self, since: float) -> float | None:
        """RTA of receiving in seconds (``bcp.wiring.facts.switch_time``)."""
        return switch_time(self._views(RunQuery(moves_mx=True, parent="", since=since)), since)

    def _views(self, *queries: RunQuery) -> Iterator[RunView]:
        """Runs that one of these asks for and that can be read, the oldest first."""
        for run_id in sorted({c.id for q in queries for c in self.cards(q)}):
            try:
                yield self.runs.view(run_id, effects=False)
            except BcpError:
                continue

    def onset(self, said: str = "", parent: str = "") -> Onset:
        """When the outage began, as far as anybody here knows (``bcp.wiring.onset``). Raises ``Invalid``."""
        watching = self.watching()
        return onset_of(
            self.configuration.state,
            self.settings.service,
            self.clock,
            watching.history,
            self.runs,
            watching.rules.keep_firing_for_s,
            said=said,
            parent=parent,
        )

    # -- services of one run -------------------------------------------------------------------------------------

    def services(
        self, request: Request, run: RunInfo, *, journal: Journal | None, dry: bool, listener: Listener = nobody
    ) -> Services:
        """What actions get. Without a journal, or dry, nothing can be written."""
        halt = Halt()
        courier = self._courier(request, run, journal, halt)
        world, writes = self.world, journal is not None and not dry
        real = Services(
            clock=self.clock,
            run=run,
            dry=not writes,
            domains=world.domains,
            dns=world.dns,
            relays=world.relays,
            courier=courier,
            approvals=self._approvals(request, run, journal if writes else None, listener),
            mailer=world.mailer,
            outside=world.outside,
            pages=SitePages(world, courier, self.clock),
            looker=self._looker(),
            reports=self.reporter(),
            recorded={d: MxSet.from_data(m) for d, m in request.recorded.items()},
            accepted=world.accepted,
            inside=world.inside,
            outer=world.outer,
            allow_shell=tuple(self.settings.shell.allow),
            halt=halt,
            answers=Replies(self.people, world),
            drains=Driver(DrainFiles(self.configuration.state), self.clock),
            books=DrainBooks(self.books, self.runs),
        )
        return real if writes else _read_only(real, courier)

    def _courier(self, request: Request, run: RunInfo, journal: Journal | None, halt: Halt) -> Courier:
        return Courier(
            self.people.directory,
            self.world.pack,
            self.world.channels,
            journal,
            self.clock,
            lambda extra: self.variables(request, run, extra),
            language=self.settings.organisation.language,
            drill=request.kind == "drill",
            paces={n: Pace(concurrency=c.settings.at_once()) for n, c in self.world.channels.items()},
            halt=halt,
            roles=self.world.roles,
        )

    def _approvals(self, request: Request, run: RunInfo, journal: Journal | None, listener: Listener) -> Approvals:
        if journal is None:
            return DryApprovals(self.people.approvers, request.initiator)
        return JournalApprovals(
            journal,
            self.clock,
            self.people.approvers,
            initiator=request.initiator,
            checksum=run.checksum,
            standing=lambda: self.standing(request),
            listener=listener,
        )

    def standing(self, request: Request) -> dict[str, str]:
        """People who approved automatic runs of this playbook in advance, for the class that is seen now."""
        if not request.automatic:
            return {}
        seen = self.seen().outage_class
        today = date_of(self.clock.now(), self.settings.organisation.timezone)
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
        decision, zone = self.seen(), self.settings.organisation.timezone
        onset = looked(from_data(request.outage), decision.since or 0.0, run.started or now)
        return {
            "org": self.settings.organisation.said(),
            "service": self.settings.service,
            "outage_class": decision.outage_class
            if decision.outage_class in book.covers
            else next(iter(book.covers), ""),
            "domains": list(request.domains),
            "inputs": dict(request.inputs),
            "run": {"id": run.id, "kind": run.kind, "playbook": run.playbook},
            "now": local_text(now, zone),
            "since": moment_text(onset.at, now, zone),
            "since_exact": onset.exact or "since" in extra,
            "next_update": local_text(now + every, zone),
            **extra,
        }

    # -- forecasts -----------------------------------------------------------------------------------------------

    def forecast(self, ttls: Mapping[str, float], outage_class: str = "B", before: float = 0.0) -> Forecast | None:
        """How long an outage would last for senders. ``ttls``: the TTL of the MX of each domain that would be moved, in
        seconds. ``before``: only approvals of runs that were made before that time count."""
        hosts: dict[str, int] = {}
        for domain in ttls:
            if (d := self.world.domains.get(domain)) is not None and d.dns != UNMOVED and d.dns in self.world.dns:
                hosts[d.dns] = hosts.get(d.dns, 0) + 1
        if not hosts:
            return None
        waits = approval_waits(self._views(RunQuery(kind="real", moves_mx=True, newest=LOOKED_AT)), before)
        can = {n: self.world.dns[n].capabilities for n in hosts}
        return expected(
            self.watching().rules,
            self.settings.plan.approval,
            waits,
            {n: (can[n], z) for n, z in hosts.items()},
            max(ttls.values()),
            outage_class,
        )

    def forecast_of(self, plan: Mapping[str, Any]) -> Forecast | None:
        """The same for a plan (its data), with the TTLs that it found; ``None`` where it moves nothing to the relay."""
        if plan.get("parent"):
            return None
        ttls = ttls_of(plan)
        return self.forecast(ttls, class_of(plan), float(plan["created"])) if ttls else None

    # -- reports -------------------------------------------------------------------------------------------------

    def reporter(self) -> ReportWriter:
        """Writes reports, with what vendors reported of each message."""
        from bcp.reports.write import ReportWriter  # only where one is written

        org, folder = self.settings.organisation, self.configuration.state / "reports"
        return ReportWriter(
            self.runs,
            folder,
            org.name,
            reported=self.reported,
            zone=org.timezone,
            internal=self.internal(),
            forecast=self.forecast_of,
            record=self.record_of_run,
            look=self.report_look,
            clock=self.clock,
            mail=self.mail_of,
        )

    def report_look(self) -> Look:
        """How reports look: language and logo of the organisation. A logo that cannot be shown is left out: no report
        is late for it."""
        from bcp.reports.logo import embedded
        from bcp.reports.write import Look

        org, logo = self.settings.organisation, ""
        if org.logo is not None:
            with contextlib.suppress(Invalid):
                logo = embedded(self.configuration.path(org.logo))
        return Look(org.language, logo)

    def record_context(self, chains: tuple[Chain, ...] = ()) -> Context:
        """What records need to know of the organisation."""
        from bcp import __version__
        from bcp.drills.derive import Context

        org = self.settings.organisation
        return Context(
            organisation=org.name,
            zone=org.timezone,
            internal=self.internal(),
            approval_s=self.settings.plan.approval,
            reported=self.reported,
            chains=chains,
            product=f"bcp {__version__}",
            third_parties=self.third_parties(),
            drill_every_s=self.settings.readiness.drill_every,
        )

    def third_parties(self) -> tuple[str, ...]:
        """Outside parties that take part, as the configuration names them."""
        from bcp.drills.outline import third_parties

        families = ("dns", "relays", "channels")
        return third_parties({f: {n: s.kind for n, s in self.configuration.plugins[f].items()} for f in families})

    def record_of_run(self, view: RunView, children: Sequence[RunView]) -> DrillRecord:
        """The record of a single run, without what people wrote."""
        from bcp.drills.alone import record_of_run

        return record_of_run(view, children, self.record_context())

    def mail_of(self, view: RunView, children: Sequence[RunView]) -> dict[str, Any] | None:
        """The account of mail of a run, out of the ledger of relays; ``None`` where it cannot be read."""
        from bcp.reports.mail import mail_account

        try:
            return mail_account(view, children, self.books.account, self.books.without)
        except BcpError:
            return None

    def internal(self) -> frozenset[str]:
        """Audiences of the people on call."""
        serve = self.settings.serve
        return frozenset({serve.oncall, *(g.removeprefix("group:") for g in serve.ask.groups)})

    def reported(self, receipts: Sequence[str]) -> dict[str, str]:
        """The last status that a vendor reported, by receipt."""
        from bcp.incident.receipts import read_receipts

        return read_receipts(self.configuration.state / "incidents.db", receipts)


def _read_only(real: Services, courier: Courier) -> Services:
    """The same, behind wrappers that read through and write nothing."""
    return replace(
        real,
        dns={n: DryDns(d) for n, d in real.dns.items()},
        relays={n: DryRelay(r) for n, r in real.relays.items()},
        courier=DryCourier(courier),
        mailer=DryMailer(real.mailer),
        outside=DryOutside(real.outside),
        pages=DryPages(real.pages),
        reports=DryReports(),
    )
