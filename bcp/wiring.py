"""Settings in, live objects out. The one place that knows everybody."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bcp import registry
from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import Pack, load_pack
from bcp.contacts.directory import Audience, Directory
from bcp.contacts.load import load_contacts
from bcp.contacts.snapshot import read_snapshot
from bcp.contracts.channel import Channel
from bcp.contracts.dns import Dns, Domain, MxHost, MxSet
from bcp.contracts.journal import Journal
from bcp.contracts.relay import Relay
from bcp.contracts.services import Order, RunInfo, Services
from bcp.detect.decide import Rules
from bcp.detect.watch import LiveLooker, Watcher
from bcp.engine.approvals import DryApprovals, JournalApprovals
from bcp.engine.dry import DryCourier, DryDns, DryMailer, DryOutside, DryPages, DryRelay, DryReports
from bcp.engine.events import Listener, nobody
from bcp.engine.store import Rest, Runs
from bcp.kernel.clock import Clock, SystemClock, clock_text, iso
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid
from bcp.kit.mailer import CanaryMailer
from bcp.kit.outside import RealOutside
from bcp.plan.build import Request
from bcp.playbook.catalogue import ActionSpec, Catalogue, ChannelSpec, MessageSpec
from bcp.playbook.load import Loaded, load
from bcp.settings import Configuration

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
        n: MessageSpec(frozenset(t.forms()), tuple(t.file.claims), tuple(t.file.audiences))
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


class App:
    """Everything that one configuration gives, made when it is first asked for."""

    def __init__(self, configuration: Configuration, clock: Clock | None = None) -> None:
        self.configuration = configuration
        self.settings = configuration.settings
        self.clock: Clock = clock or SystemClock()
        self.watcher_is_live = False

    # -- people and texts ----------------------------------------------------------------------------------------

    @cached_property
    def directory(self) -> Directory:
        """Contacts and audiences. Raises ``Invalid``."""
        c = self.settings.contacts
        audiences = {n: Audience(n, tuple(a.groups), tuple(a.people)) for n, a in self.settings.audiences.items()}
        people: dict[str, Any] = {}
        taken = 0.0
        if c.snapshot is not None and c.snapshot.exists():
            found, taken, _ = read_snapshot(c.snapshot)
            people.update((p.id, p) for p in found)
        if c.file is not None:
            people.update((p.id, p) for p in load_contacts(c.file))
        return Directory(tuple(people.values()), audiences, str(c.file or c.snapshot or ""), taken)

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

    def catalogue(self) -> Catalogue:
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
        )

    # -- the world -----------------------------------------------------------------------------------------------

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """Our domains, in order of importance."""
        return {
            d.name: Domain(
                d.name,
                d.dns,
                MxSet(tuple(MxHost(p.preference, p.host) for p in d.primary), d.primary_ttl) if d.primary else None,
                d.zone,
            )
            for d in self.settings.domains
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
        d = self.settings.detect
        return Rules(d.threshold, d.need, d.confirm_for)

    @cached_property
    def watcher(self) -> Watcher:
        """The watcher over the configured probes, or the usual ones."""
        probes = [registry.load("probes", s.kind).create(n, s, self.clock) for n, s in self._probe_settings().items()]
        return Watcher(probes, self.rules, self.clock, interval_s=self.settings.detect.interval)

    def _probe_settings(self) -> Mapping[str, Any]:
        given = self.configuration.plugins["probes"]
        if given:
            return given
        hosts = {h.host for d in self.settings.domains for h in d.primary}
        to, resolvers = self.settings.canary.to, self.settings.canary.resolvers
        out: dict[str, Any] = {}
        for i, host in enumerate(sorted(hosts)[:4], 1):
            out[f"dns-{i}"] = registry.settings_class("probes", "dns")(host=host, resolvers=resolvers)
            if to:
                out[f"smtp-{i}"] = registry.settings_class("probes", "smtp")(
                    host=host, recipient=to, port=self.settings.canary.port, resolvers=resolvers
                )
        return out

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
        )
        pages = SitePages(self, courier)
        recorded = {d: MxSet.from_data(m) for d, m in request.recorded.items()}
        from bcp.reports.write import ReportWriter  # noqa: PLC0415 - only where a run is made

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
            ReportWriter(self.runs, self.configuration.state / "reports", self.settings.organisation.name),
            recorded,
            tuple(self.settings.shell.allow),
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
        seen = self.watcher.decision().outage_class
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
        decision = self.watcher.decision()
        org = self.settings.organisation
        return {
            "org": {
                "name": org.name,
                "hotline": org.hotline,
                "status_page": org.status_page,
                "signature": org.signature,
            },
            "service": self.settings.service,
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

    async def close(self) -> None:
        """Let every connection go."""
        for name in ("channels", "dns"):
            for thing in self.__dict__.get(name, {}).values():
                await thing.close()
        if "outside" in self.__dict__:
            await self.outside.close()


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
