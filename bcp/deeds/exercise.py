"""What people write of an exercise: made, noted, signed, closed. Each is an event of a named person in the drill book.

An event that changes what was signed makes the signature fall; how findings are followed up does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from bcp.contracts.exercise import SCHEMA, DrillRecord, Kind, Participant, PlaybookRef, Retention, Scenario
from bcp.contracts.exercise_plain import to_data
from bcp.deeds.announce import must_know
from bcp.deeds.exercises import exercise_of, incident_id, record_of, record_of_incident
from bcp.deeds.told import told
from bcp.deeds.who import RUN, Ground, Who
from bcp.drills.fold import Exercise
from bcp.drills.measure import objective_of
from bcp.drills.outline import assumptions as assumed
from bcp.drills.outline import components, must_be_set, read_goal, read_objectives, split_person
from bcp.drills.play import Play
from bcp.drills.signed import digest_of
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.kernel.hashing import digest_text
from bcp.kernel.ids import new_id, new_token
from bcp.kernel.text import one_line
from bcp.wiring import App

NOTES = ("observation", "decision", "deviation", "feedback", "conclusion", "third-party", "communication")
SEVERITIES = ("low", "medium", "high", "critical")
STATES = ("proposed", "open", "done", "dismissed")


@dataclass(frozen=True, slots=True)
class New:
    """An exercise that somebody wants."""

    kind: Kind
    scenario: Scenario
    play: Play = field(default_factory=Play)
    title: str = ""
    objectives: tuple[str, ...] = ()
    """As ``outline.read_objective`` reads them; of those that are not named the playbook's count."""
    people: tuple[str, ...] = ()
    """``alice=facilitator``: contacts or names, with roles."""
    scope_in: tuple[str, ...] = ()
    scope_out: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    expected: str = ""
    bia: str = ""
    third_parties: tuple[str, ...] = ()
    retention_years: float = 5.0
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteOf:
    """Something to be written down."""

    text: str
    kind: str = "observation"
    reaches: str = ""
    """Of a decision in a tabletop: the objective that it reaches, ``rto_communicate:employees``."""
    rating: int | None = None
    """Of feedback: 1 to 5."""


@dataclass(frozen=True, slots=True)
class FindingOf:
    """A finding, new or changed. ``None``: as it was."""

    id: str = ""
    """Empty: a new one; ``last``: the newest."""
    title: str | None = None
    severity: str | None = None
    cause: str | None = None
    owner: str | None = None
    due: str | None = None
    retest: str | None = None
    urgent: bool | None = None
    state: str | None = None
    proposal: str | None = None
    place: str | None = None
    code: str | None = None
    evidence: tuple[str, ...] | None = None


def make(ground: Ground, who: Who, wanted: New) -> str:
    """A new exercise; returns its id. Plays nothing.

    Raises:
        Refused: ``not-allowed``.
        Missing: ``no-such-playbook``, ``no-such-audience``.
        Invalid: ``no-such-objective``, ``no-volunteers``, ``no-drill-domain``, a text that is too long.
    """
    who.must(RUN)
    app = ground.app
    wanted = replace(wanted, incidents=tuple(incident_id(app, i) for i in wanted.incidents))
    _check(app, wanted)
    playbook = _playbook(app, wanted.play.playbook or _fitting(app, wanted))
    drill = new_id("drill", app.clock.now())
    record = DrillRecord(
        drill,
        wanted.kind,
        one_line(wanted.title or wanted.scenario.title or wanted.scenario.name),
        scenario=wanted.scenario,
        bia=wanted.bia,
        scope_in=wanted.scope_in or tuple(wanted.play.domains or app.world.domains),
        scope_out=wanted.scope_out,
        assumptions=assumed(wanted.kind, wanted.assumptions),
        expected=wanted.expected,
        method=wanted.kind,
        components=components(wanted.kind),
        playbooks=(playbook,) if playbook is not None else (),
        third_parties=wanted.third_parties or app.running.third_parties(),
        retention=Retention(wanted.retention_years, rule="organisation"),
        objectives=_objectives(app, wanted),
        participants=tuple(_participant(app, p) for p in wanted.people),
    )
    app.running.drills.append(
        drill,
        "created",
        who.person,
        {"record": _planned(record), "play": wanted.play.to_data(), "how": who.how},
        after=0,
    )
    for incident in wanted.incidents:
        app.running.drills.append(drill, "incident", who.person, {"incident": incident})
    if wanted.kind == "incident":  # it has happened: what people write of it comes now
        app.running.drills.append(drill, "began", who.person, {"how": who.how})
        app.running.drills.append(drill, "ended", who.person, {"outcome": "completed"})
    return drill


_FIXED = (
    "kind", "title", "scenario", "bia", "scope_in", "scope_out", "assumptions", "expected", "method", "components",
    "playbooks", "third_parties", "retention", "objectives", "participants",
)  # fmt: skip


def _planned(record: DrillRecord) -> dict[str, Any]:
    data = to_data(record)
    assert data["schema"] == SCHEMA
    return {k: data[k] for k in _FIXED}


def _check(app: App, wanted: New) -> None:
    """What this kind needs."""
    for text in (wanted.title, wanted.expected, wanted.bia, *wanted.scope_in, *wanted.scope_out, *wanted.assumptions):
        told(text, empty=True, lines=text is not wanted.title)
    _check_inputs(app, wanted.play)
    if wanted.kind == "incident":
        _check_incidents(app, wanted.incidents)
    if wanted.kind != "live":
        return
    unknown = [d for d in wanted.play.domains if d not in app.world.domains]
    if not wanted.play.domains or unknown:
        hint = "Put a domain that carries no mail of yours under domains: in bcp.yaml, and name it with --domain."
        what = f"{unknown[0]} is not in bcp.yaml" if unknown else "a live drill needs domains that may really be moved"
        raise Invalid(what, rule="no-drill-domain", hint=hint)
    if wanted.play.volunteers not in app.settings.audiences:
        hint = "Name an audience of bcp.yaml with --volunteers: real texts go to these people only."
        named = wanted.play.volunteers
        what = f"there is no audience {named!r}" if named else "a live drill needs volunteers"
        raise Invalid(what, rule="no-volunteers", hint=hint)


def _check_incidents(app: App, names: Sequence[str]) -> None:
    """The record of an incident is of one that is over."""
    if not names:
        raise Invalid("which incident?", rule="no-incident", hint="bcp drill new incident --incident INCIDENT")
    for name in names:
        if record_of_incident(app, name).state != "closed":
            raise Refused(f"{name} is not closed", rule="incident-open", hint="First the outage: bcp incident close")


def _check_inputs(app: App, play: Play) -> None:
    """Every input is one of the playbook, or of its way back."""
    if not play.playbook or not play.inputs:
        return
    book = app.playbooks.load(play.playbook).book
    known = set(book.inputs)
    if book.recovery is not None and book.recovery.playbook in app.playbooks.files():
        known |= set(app.playbooks.load(book.recovery.playbook).book.inputs)
    for name in play.inputs:
        if name not in known:
            hint = f"Known: {', '.join(sorted(known)) or 'none'}"
            raise Invalid(
                f"neither {book.name} nor its way back has an input {name[:40]!r}", rule="no-input", hint=hint
            )


def _fitting(app: App, wanted: New) -> str:
    """Of a tabletop for which nobody named one: the playbook that this organisation has for such an outage."""
    if wanted.kind != "tabletop" or not wanted.scenario.outage_class:
        return ""
    moving, staying = app.playbooks.chosen().get(wanted.scenario.outage_class, ("", ""))
    return moving or staying


def _playbook(app: App, name: str) -> PlaybookRef | None:
    if not name:
        return None
    loaded = app.playbooks.load(name)
    book = loaded.book
    text = loaded.document.text
    return PlaybookRef(
        book.name, book.title, str(book.version), loaded.document.file.rpartition("/")[2], digest_text(text)
    )


def _objectives(app: App, wanted: New) -> tuple[Any, ...]:
    """Those that were named, then those of the playbook that nobody named."""
    given = read_objectives(wanted.objectives)
    for name in {a for _, a, _ in given if a} if wanted.kind in {"dry", "lab", "live"} else ():  # these tell people
        must_know(app, name)
    found = [objective_of(code, target, audience) for code, audience, target in given]
    named = {code for code, _, _ in given}
    if wanted.play.playbook:
        own = app.playbooks.load(wanted.play.playbook).book.objectives.model_dump(mode="json")
        found += [objective_of(c, float(t)) for c, t in own.items() if t is not None and c not in named]
    return tuple(found)


def _participant(app: App, text: str) -> Participant:
    who, role = split_person(told(text))
    contact = app.people.directory.person(who)
    return Participant(contact.name if contact is not None else who, role, contact.id if contact is not None else "")


def _open(ground: Ground, who: Who, drill: str) -> Exercise:
    """The exercise, if one may still write in it. Raises ``Refused`` (``not-allowed``, ``drill-closed``)."""
    who.must(RUN)
    found = exercise_of(ground.app, drill)
    if found.record.state == "closed":
        hint = (
            "What is found now belongs into the next one; findings are still followed up: bcp drill finding ID --done"
        )
        raise Refused(f"{found.record.id} is closed", rule="drill-closed", hint=hint)
    return found


def _write(ground: Ground, who: Who, found: Exercise, kind: str, data: Mapping[str, Any]) -> None:
    ground.app.running.drills.append(found.record.id, kind, who.person, {**data, "how": who.how}, after=found.seq)


def note(ground: Ground, who: Who, drill: str, wanted: NoteOf) -> str:
    """Write something down; returns the drill's id.

    Raises:
        Refused: ``not-allowed``, ``drill-closed``, ``drill-moved``.
        Invalid: ``no-such-note``, ``no-such-objective``, ``no-rating``, ``no-text``.
    """
    found = _open(ground, who, drill)
    if wanted.kind not in NOTES:
        raise Invalid(f"{wanted.kind[:40]!r} is no kind of note", rule="no-such-note", hint=", ".join(NOTES))
    data: dict[str, Any] = {"text": told(wanted.text, lines=True), "kind": wanted.kind}
    if wanted.rating is not None:
        if wanted.kind != "feedback" or not 1 <= wanted.rating <= 5:
            raise Invalid("a rating is 1 to 5, and of feedback", rule="no-rating", hint="--feedback TEXT --rating 4")
        data["rating"] = wanted.rating
    if wanted.reaches:
        code, audience = read_goal(wanted.reaches)
        must_be_set(found.record.objectives, code, audience)
        data |= {"reaches": code, "audience": audience, "kind": "decision"}
    _write(ground, who, found, "note", data)
    return found.record.id


def attend(
    ground: Ground, who: Who, drill: str, person: str, *, role: str = "", absent: bool = False, left: bool = False
) -> str:
    """Write down that somebody is there, is not, or has left. Raises as ``note``."""
    found = _open(ground, who, drill)
    contact = ground.app.people.directory.person(person)
    name = contact.name if contact is not None else told(person)
    data = {"name": name, "contact": contact.id if contact is not None else "", "role": role, "attended": not absent}
    _write(ground, who, found, "attend", {**data, "left": left})
    return found.record.id


def finding(ground: Ground, who: Who, drill: str, wanted: FindingOf) -> str:
    """Raise a finding, or change one; returns its id. Of a closed exercise only how it is followed up may change.

    Raises:
        Refused: ``not-allowed``, ``drill-closed``, ``drill-moved``.
        Missing: ``no-such-finding``.
        Invalid: ``no-text``, ``no-such-severity``, ``no-such-state``, ``no-date``.
    """
    who.must(RUN)
    found = exercise_of(ground.app, drill)
    data = {k: v for k, v in asdict(wanted).items() if v is not None and k != "id"}
    _check_finding(data)
    known = {f.id: None for f in found.record.findings}
    if wanted.id == "last" and known:
        wanted = replace(wanted, id=list(known)[-1])
    if wanted.id and wanted.id not in known:
        hint = f"Known: {', '.join(sorted(known)) or 'none'}"
        raise Missing(f"{found.record.id} has no finding {wanted.id[:40]!r}", rule="no-such-finding", hint=hint)
    tracked = bool(wanted.id) and set(data) <= {"state", "owner", "due", "retest"}
    if not tracked:
        found = _open(ground, who, drill)
    if not wanted.id:
        told(str(data.get("title", "")))
        data = {"state": "open", **data, "new": True}
    name = wanted.id or f"f-{new_token(4)}"
    _write(ground, who, found, "finding", {"id": name, **data})
    return name


def _check_finding(data: Mapping[str, Any]) -> None:
    for key in ("title", "cause", "owner", "retest", "proposal", "place"):
        told(str(data.get(key, "")), empty=True, lines=key in {"cause", "retest", "proposal"})
    if data.get("severity") not in {None, *SEVERITIES}:
        raise Invalid("no such severity", rule="no-such-severity", hint=", ".join(SEVERITIES))
    if data.get("state") not in {None, *STATES}:
        raise Invalid("no such state", rule="no-such-state", hint=", ".join(STATES))
    if due := data.get("due"):
        try:
            date.fromisoformat(str(due))
        except ValueError as error:
            raise Invalid(f"{due!r} is no date", rule="no-date", hint="For example 2027-01-31.") from error


def sign(ground: Ground, who: Who, drill: str, role: str = "") -> str:
    """A named person's yes to the record as it is now. Whoever signs is known by the door, never typed.

    Raises:
        Refused: ``not-allowed``, ``no-person``, ``drill-closed``, ``drill-running``, ``drill-damaged``.
    """
    found = _open(ground, who, drill)
    who.must_be_a_person()
    contact = ground.app.people.directory.person(who.contact)
    if contact is None:
        hint = "Add them to the contacts, or sign as somebody else: --as CONTACT"
        raise Refused(f"{who.contact} is not in the contacts", rule="no-person", hint=hint)
    if not found.over:
        hint = "It is signed when it has been played: bcp drill run, bcp drill close."
        raise Refused(f"{found.record.id} is {found.record.state}", rule="drill-running", hint=hint)
    record = record_of(ground.app, found.record.id)
    broken = [c for c in record.integrity.chains if c.damage]
    if broken:
        hint = "bcp audit verify says what; nobody signs what cannot be proved."
        raise Refused(f"{broken[0].what}: {broken[0].damage}", rule="drill-damaged", hint=hint)
    runs = {c.what: c.head for c in record.integrity.chains if c.what in record.runs}
    data = {
        "name": contact.name,
        "contact": who.contact,
        "role": told(role, empty=True),
        "head": found.head,
        "runs": runs,
        "digest": digest_of(found.head, runs),
    }
    _write(ground, who, found, "signed", data)
    return found.record.id


def close(ground: Ground, who: Who, drill: str, *, without: str = "") -> str:
    """Nothing more is written in it. It must have been signed; ``without``: why it was not.

    Raises:
        Refused: ``not-allowed``, ``drill-closed``, ``drill-running``, ``not-signed``.
    """
    found = _open(ground, who, drill)
    if not found.over:
        begun = f"End it: bcp drill run {found.record.id}, then x (a tabletop), or Ctrl-C where it is played"
        planned = f"Play it first, or cancel it: bcp drill schedule {found.record.id} --cancel REASON"
        hint = begun if found.record.started else planned
        raise Refused(f"{found.record.id} is {found.record.state}", rule="drill-running", hint=hint)
    signed = [s for s in record_of(ground.app, found.record.id).signatures if s.stands]
    if not signed and not without.strip():
        hint = "bcp drill sign; or say why nobody signs: --unsigned 'reason'"
        raise Refused(f"nobody has signed {found.record.id} as it is now", rule="not-signed", hint=hint)
    _write(ground, who, found, "closed", {"without": told(without, empty=True, lines=True)})
    return found.record.id


def cancel(ground: Ground, who: Who, drill: str, reason: str) -> str:
    """It will not be played. Raises ``Refused`` (``drill-running``: it has begun) and as ``note``."""
    found = _open(ground, who, drill)
    if found.record.state != "planned":
        hint = "bcp drill close"
        raise Refused(f"{found.record.id} is {found.record.state}", rule="drill-running", hint=hint)
    _write(ground, who, found, "cancelled", {"reason": told(reason, lines=True)})
    return found.record.id
