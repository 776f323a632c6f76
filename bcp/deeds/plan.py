"""Make a plan: what a playbook would do now, and what speaks against it. Writes nothing but the plan itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bcp import registry
from bcp.contracts.services import RunInfo
from bcp.deeds.bind import bind
from bcp.deeds.named import as_configured
from bcp.deeds.recorded import recorded_mx
from bcp.deeds.volunteers import as_exercised
from bcp.deeds.who import RUN, Ground, Who
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.kernel.ids import new_id
from bcp.plan.affected import SAYS, left_alone, moves_to_relay
from bcp.plan.build import Request, build
from bcp.plan.model import Plan, read_plan
from bcp.playbook.lint import lint
from bcp.playbook.load import Loaded, input_values, loads
from bcp.wiring import App


def request_for(
    app: App,
    loaded: Loaded,
    *,
    inputs: Mapping[str, str],
    kind: str = "real",
    initiator: str = "",
    automatic: bool = False,
    overrides: Mapping[str, str] | None = None,
    domains: Sequence[str] = (),
    parent: str = "",
    since: str = "",
) -> Request:
    """What is to be planned. ``since``: when the outage began, as a person says it.

    Raises ``Invalid``: lint errors, unknown domains, wrong inputs, a time that is none.
    """
    facts = app.running.facts() if loaded.book.name == "comms-send" else frozenset[str]()
    problems = [p for p in lint(loaded, app.playbooks.catalogue(facts=facts)) if p.severity == "error"]
    if problems:
        raise Invalid.of(problems)
    domains = as_configured(app, domains)
    recorded = {}
    if parent:
        away = app.running.runs.view(parent)
        recorded = recorded_mx(away)
        if away.plan["kind"] == "drill":  # the way back of an exercise is one, too, whoever goes it
            kind = "drill"
            as_exercised(app, parent)
    return Request(
        loaded=loaded,
        inputs=input_values(loaded.book, dict(inputs)),
        domains=tuple(domains) or tuple(app.world.domains),
        service=app.settings.service,
        configuration=app.configuration.fingerprint(),
        kind=kind,
        initiator=initiator or app.people.whoami(),
        automatic=automatic,
        overrides=dict(overrides or {}),
        parent=parent,
        recorded=recorded,
        plan_id=new_id("plan", app.clock.now()),
        valid_for_s=app.settings.plan.valid_for,
        snapshot=app.world.peace_data(),
        outage=app.running.onset(since, parent).to_data(),
        all_domains=not domains and not parent,
    )


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What somebody wants to have planned."""

    playbook: str
    """By name, or by path where the door lets people name files."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    """Empty: all in bcp.yaml."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Rules that are to be overridden, each with its reason."""
    parent: str = ""
    """The run that is to be gone back from."""
    since: str = ""
    """When the outage began, as a person says it (``bcp.detect.onset.read_since``); empty: what we know ourselves."""


async def make(ground: Ground, who: Who, wanted: PlanRequest) -> Plan:
    """Plan a playbook, and keep the plan. Reads the facts; writes nothing but the plan.

    Raises what ``propose`` raises, and:
        StorageError: it cannot be kept.
    """
    made = await propose(ground, who, wanted)
    made.write(plan_path(ground.app, made.id))
    return made


async def propose(ground: Ground, who: Who, wanted: PlanRequest) -> Plan:
    """Plan a playbook. Reads the facts; writes nothing.

    Raises:
        Refused: ``not-allowed``.
        Missing: ``no-such-playbook``.
        Invalid: lint errors, wrong inputs, unknown domains.
    """
    who.must(RUN)
    app = ground.app
    request = request_for(
        app,
        app.playbooks.load(wanted.playbook),
        inputs=wanted.inputs,
        initiator=who.person,
        overrides=wanted.overrides,
        domains=wanted.domains,
        parent=wanted.parent,
        since=wanted.since,
    )
    return await make_plan(app, request)


def in_the_way(app: App, made: Plan) -> Refused | None:
    """Another run, or a rest, that would refuse this plan if it were started now; ``None``: nothing."""
    rest = app.running.rest(loads(made.playbook_text, made.playbook_file))
    return app.running.runs.in_the_way(made.to_data(), rest, made.parent)


def plan_path(app: App, plan: str) -> Path:
    """Where a plan is kept."""
    return app.configuration.state / "plans" / f"{plan}.json"


def kept(app: App, plan: str, checksum: str = "") -> Plan:
    """A plan that was made before. ``checksum``: the beginning of what was shown.

    Raises:
        Missing: ``no-such-plan``.
        Refused: ``wrong-checksum``, ``plan-changed``.
    """
    path = plan_path(app, plan)
    if not plan.replace("-", "").isalnum() or not _is_file(path):
        raise Missing(f"there is no plan {plan[:60]!r}", rule="no-such-plan", hint="Make a new one.")
    found = read_plan(path)
    if checksum and not found.checksum.startswith(checksum):
        raise Refused("this is another plan now", rule="wrong-checksum", hint="Look at it again.")
    return found


def _is_file(path: Path) -> bool:
    """A name that is longer than a file's may be is no file, and no fault."""
    try:
        return path.is_file()
    except OSError:
        return False


async def make_plan(app: App, request: Request) -> Plan:
    """Read the facts and say what would be done. Writes nothing.

    Where mail would be moved to the relay, a domain that our own look sees well apart from the others, or that nobody
    sees, is left out; one that somebody named is refused, unless that is overridden.

    Raises:
        Refused: ``domain-well``, ``domain-unseen``.
    """
    made = await _built(app, request)
    alone = {} if request.parent else left_alone(made)
    if not alone or not moves_to_relay(request.loaded, registry.actions()):
        return made
    left = tuple(d for d in request.domains if not any(d in names for names in alone.values()))
    if request.all_domains and left:
        return await _built(app, replace(request, domains=left, all_domains=False))
    for rule, names in alone.items():
        if rule not in request.overrides:
            raise Refused(
                f"{', '.join(names)}: {SAYS[rule]}",
                rule=rule,
                hint=f"Name the others with --domain, or say that you know better: --override {rule} --reason '...'",
            )
    return made


async def _built(app: App, request: Request) -> Plan:
    # As long as the run's own name, which nobody knows yet: texts are counted with it, and nobody shall look for it.
    placeholder = "run-" + request.plan_id.removeprefix("plan-")[:-4] + "XXXX"
    run = RunInfo(
        id=placeholder,
        playbook=request.loaded.book.name,
        kind=request.kind,
        initiator=request.initiator,
        checksum="",
        parent=request.parent,
        started=app.clock.now(),
        zone=app.settings.organisation.timezone,
    )
    services = bind(app, app.running.services(request, run, journal=None, dry=True))
    return await build(request, registry.actions(), services)


def request_of_plan(app: App, plan: Plan, loaded: Loaded, *, kind: str = "") -> Request:
    """The request that gave this plan, whole: with the service and the peacetime that its expressions see.

    ``kind``: another kind of run than the plan's, such as ``dry``.
    """
    return Request(
        loaded=loaded,
        inputs=plan.inputs,
        domains=plan.domains,
        service=app.settings.service,
        configuration=plan.configuration,
        kind=kind or plan.kind,
        initiator=plan.initiator,
        automatic=plan.automatic,
        overrides=plan.overrides,
        parent=plan.parent,
        recorded=plan.recorded,
        plan_id=plan.id,
        snapshot=app.world.peace_data(),
        outage=plan.outage,
    )


def run_info(app: App, plan: Plan, run_id: str, *, kind: str = "") -> RunInfo:
    """Which run of this plan it is."""
    return RunInfo(
        id=run_id,
        playbook=plan.playbook,
        kind=kind or plan.kind,
        initiator=plan.initiator,
        checksum=plan.checksum,
        parent=plan.parent,
        started=app.clock.now(),
        zone=app.settings.organisation.timezone,
    )
