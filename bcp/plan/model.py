"""The plan file: everything that would be done, its refusals, and the checksum that approvals are bound to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bcp.contracts.action import Change, Forecast, Refusal
from bcp.contracts.traits import BEFORE, Trait
from bcp.kernel import bigjson
from bcp.kernel.errors import Invalid, Refused
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import digest, digest_of_large

SCHEMA = "bcp.plan/1"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step: its arguments now, what it would change, and the outputs it is expected to leave."""

    id: str
    phase: str
    uses: str
    name: str
    would: str
    """``run``, ``skip`` (its condition is false) or ``depends`` (only known when it is reached)."""
    needs: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    traits: tuple[str, ...] | None = None
    """What its action means to others (``contracts.traits``); ``None`` in plans of the time before they said it."""

    def has(self, trait: Trait) -> bool:
        """Has its action this trait?"""
        return trait in (self.traits if self.traits is not None else BEFORE.get(self.uses, ()))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. Frozen; holds references to secrets, never values."""

    id: str
    created: float
    expires: float
    playbook: str
    playbook_file: str
    playbook_text: str
    inputs: Mapping[str, Any]
    domains: tuple[str, ...]
    configuration: str
    kind: str
    initiator: str
    automatic: bool
    steps: tuple[PlannedStep, ...]
    overrides: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    outage: Mapping[str, Any] = field(default_factory=dict)
    """When the outage began, as ``bcp.detect.onset`` writes it."""
    schema: str = SCHEMA
    checksum: str = ""

    def fingerprint(self) -> str:
        """Digest of the facts the plan rests on: the state of the world, as far as it was read."""
        return digest({s.id: [s.would, dict(s.facts)] for s in self.steps})

    def refusals(self) -> list[tuple[str, Refusal]]:
        """Refusals that nobody overrode, with their steps."""
        return [(s.id, r) for s in self.steps for r in s.refusals if not (r.overridable and r.rule in self.overrides)]

    def overridden(self) -> list[tuple[str, Refusal]]:
        """Refusals that were overridden with a reason."""
        return [(s.id, r) for s in self.steps for r in s.refusals if r.overridable and r.rule in self.overrides]

    def changes(self) -> list[Change]:
        """All changes, in order."""
        return [c for s in self.steps for c in s.changes]

    def step(self, step_id: str) -> PlannedStep | None:
        """One step by id."""
        return next((s for s in self.steps if s.id == step_id), None)

    def to_data(self) -> dict[str, Any]:
        """Plain data, as it is after a time in a file: lists for tuples, texts for keys. A step that does not say its
        traits has no such key, nor has a refusal whose hint asks for more than doing it again: an old plan keeps its
        checksum."""
        data: dict[str, Any] = json.loads(json.dumps(_shallow(self), default=_shallow))
        for step in data["steps"]:
            if step["traits"] is None:
                del step["traits"]
            for refusal in step["refusals"]:
                if not refusal["redo"]:
                    del refusal["redo"]
        return data

    def sealed(self) -> Plan:
        """The plan with its checksum."""
        return replace(self, checksum=_checksum(self.to_data()))

    def write(self, path: Path) -> None:
        """Write the plan file. Raises ``StorageError``."""
        write_atomic(
            path, json.dumps({**self.to_data(), "fingerprint": self.fingerprint()}, indent=1, ensure_ascii=False) + "\n"
        )


def _shallow(value: Any) -> dict[str, Any]:
    """The fields of a dataclass; those inside of it are asked for in their turn. ``asdict`` copies every value, which
    takes three times as long for a plan of 10,000 domains. Raises ``TypeError`` for anything else."""
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _checksum(data: Mapping[str, Any]) -> str:
    return digest(_checked(data))


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the checksum is about."""
    return {k: v for k, v in data.items() if k not in {"checksum", "fingerprint"}}


def from_data(data: Any) -> Plan:
    """A plan from plain data.

    Raises:
        Invalid: it is no plan of this version.
        Refused: it was changed after it was made.
    """
    try:
        if data["schema"] != SCHEMA:
            raise Invalid(f"this plan has the schema {data['schema']!r}, not {SCHEMA!r}", hint="Make a new plan.")
        plain = {k: v for k, v in data.items() if k != "fingerprint"}
        steps = tuple(_step(s) for s in plain.pop("steps"))
        plan = Plan(**{**plain, "domains": tuple(plain["domains"]), "steps": steps})
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid("this is not a plan file", hint="Make one with `bcp plan PLAYBOOK`.") from error
    if _is_another(data, plan):
        raise Refused(
            "the plan was changed after it was made", rule="plan-changed", hint="Make a new plan; plans are not edited."
        )
    return plan


def _is_another(data: Mapping[str, Any], plan: Plan) -> bool:
    """Does the checksum belong to something else? In a thread this may take as long as it wants: others go on."""
    given = digest_of_large(_checked(data))
    return given != plan.checksum and _checksum(plan.to_data()) != plan.checksum  # the second: defaults were left out


def bare(data: Mapping[str, Any]) -> Plan:
    """What a plan is about, without its steps and unproved: for showing, never for doing."""
    plain = {k: v for k, v in data.items() if k not in {"fingerprint", "steps"}}
    return Plan(**{**plain, "domains": tuple(plain["domains"]), "steps": ()})


def _step(data: Mapping[str, Any]) -> PlannedStep:
    return PlannedStep(
        **{
            **data,
            "needs": tuple(data["needs"]),
            "notes": tuple(data["notes"]),
            "traits": tuple(data["traits"]) if "traits" in data else None,
            "changes": tuple(Change(**c) for c in data["changes"]),
            "refusals": tuple(Refusal(**r) for r in data["refusals"]),
            "forecasts": tuple(Forecast(**{**f, "warnings": tuple(f["warnings"])}) for f in data["forecasts"]),
        }
    )


def read_plan(path: Path) -> Plan:
    """A plan file; the errors of ``from_data``."""
    try:
        data = bigjson.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror or error}", hint="Check the path.", rule="plan-unreadable"
        ) from error
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path} is not a plan file", hint="Make one with `bcp plan PLAYBOOK`.") from error
    return from_data(data)


UNREAD = frozenset({"dns.silent", "dns.unreadable"})


def differences(old: Plan, new: Plan) -> list[str]:
    """What moved between two plans of the same playbook, for people."""
    out = []
    for step in old.steps:
        now = new.step(step.id)
        if now is None:
            out.append(f"{step.id} is gone")
        elif (step.would, dict(step.facts)) != (now.would, dict(now.facts)):
            out.append(
                f"{step.id}: was {_short(step.facts)}, is {_short(now.facts)}"
                if step.facts != now.facts
                else f"{step.id}: would {now.would}, not {step.would}"
            )
    out += [f"{s.id} is new" for s in new.steps if old.step(s.id) is None]
    return out


def said_by(step: str, refusal: Refusal) -> str:
    """A refusal, with the step that says so."""
    return refusal.message if refusal.message.startswith(f"{step}:") else f"{step}: {refusal.message}"


def _short(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


def check_runnable(plan: Plan, now: float, *, configuration: str, playbook_text: str | None) -> None:
    """Pure part of *may this plan still be run?*

    Raises:
        Refused: expired, refused by a rule, made under another configuration or from another text of the playbook.
    """
    if now > plan.expires:
        raise Refused("the plan has expired", rule="plan-expired", hint="Make a new plan.")
    if now < plan.created - 60:
        raise Refused(
            "the plan was made in the future: this machine's clock was set back",
            rule="plan-expired",
            hint="Set the clock, then make a new plan.",
        )
    if configuration != plan.configuration:
        raise Refused(
            "the configuration was changed since the plan was made", rule="plan-stale", hint="Make a new plan."
        )
    if playbook_text is not None and playbook_text != plan.playbook_text:
        raise Refused("the playbook was changed since the plan was made", rule="plan-stale", hint="Make a new plan.")
    refuse(plan.refusals())


def refuse(refusals: Sequence[tuple[str, Refusal]]) -> None:
    """Say the first of these refusals and how many more there are; nothing where there is none.

    Raises:
        Refused: the first.
    """
    if not refusals:
        return
    (step, refusal), more = refusals[0], len(refusals) - 1
    hint = refusal.hint + (
        f" Or, if you know better: --override {refusal.rule} --reason '...'" if refusal.overridable else ""
    )
    raise Refused(said_by(step, refusal) + (f" (and {more} more)" if more else ""), rule=refusal.rule, hint=hint)


def unread(plan: Plan) -> list[tuple[str, Refusal]]:
    """Refusals for something that could not be read: the world did not move, nobody knows how it is."""
    return [(s, r) for s, r in plan.refusals() if r.rule in UNREAD]
