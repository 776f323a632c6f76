"""Everything that can be known to be wrong with a playbook before it is run.
Pure: a playbook and a catalogue in, problems out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bcp.contracts.traits import Trait
from bcp.kernel.document import Document, Path_, did_you_mean
from bcp.kernel.errors import Problem
from bcp.playbook.catalogue import Catalogue
from bcp.playbook.check import type_of, type_of_text
from bcp.playbook.expr import ExpressionError
from bcp.playbook.lint_args import check_arguments
from bcp.playbook.lint_comms import check_notify, check_relays, check_shared_fate
from bcp.playbook.lint_needs import check_needs
from bcp.playbook.load import Loaded, Placed
from bcp.playbook.model import Undo
from bcp.playbook.scope import ancestors, base_scope, outputs_type, steps_scope

Rule = Callable[[Loaded, Catalogue], Iterator[Problem]]


def lint(loaded: Loaded, catalogue: Catalogue) -> list[Problem]:
    """All problems, in file order. Those of severity ``warning`` do not stop a plan."""
    structure = list(_structure(loaded, catalogue))
    if any(p.severity == "error" for p in structure):
        return sorted(structure, key=lambda p: (p.line, p.column))
    found = [*structure, *_flow(loaded, catalogue)]
    if any(p.severity == "error" and p.rule in {"cycle", "unknown-need", "need-across-phases"} for p in found):
        return sorted(found, key=lambda p: (p.line, p.column))  # what follows rests on the order of steps
    for rule in (_expressions, _arguments, _undo, _approvals, check_notify, check_relays, check_shared_fate, _book):
        found.extend(rule(loaded, catalogue))
    return sorted(found, key=lambda p: (p.line, p.column))


def _structure(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    """Names must be there before anything else can be asked."""
    document, seen = loaded.document, {}
    for placed in loaded.steps:
        if placed.id in seen:
            yield document.problem(
                (*placed.path, "id"),
                f"the step id {placed.id!r} is used twice",
                rule="duplicate-id",
                hint="Ids are unique in the whole playbook.",
            )
        seen[placed.id] = placed
        if placed.step.uses not in catalogue.actions:
            yield document.problem(
                (*placed.path, "uses"),
                f"there is no action {placed.step.uses!r}",
                hint=did_you_mean(placed.step.uses, catalogue.actions),
                rule="unknown-action",
            )
        undo = placed.step.undo
        if isinstance(undo, Undo) and undo.uses not in catalogue.actions:
            yield document.problem(
                (*placed.path, "undo", "uses"),
                f"there is no action {undo.uses!r}",
                hint=did_you_mean(undo.uses, catalogue.actions),
                rule="unknown-action",
            )
    if not loaded.book.activation:
        yield document.problem(
            ("activation",),
            "a playbook without activation steps does nothing",
            rule="empty-activation",
            key=True,
            hint="Add a step.",
        )


def _flow(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    by_id = {s.id: s for s in loaded.steps}
    document = loaded.document
    for placed in loaded.steps:
        yield from check_needs(document, placed, by_id)
        if placed.step.every is not None and placed.phase != "hold":
            yield document.problem(
                (*placed.path, "every"),
                "`every` is for hold steps",
                rule="every-outside-hold",
                hint="Move the step to hold:.",
                key=True,
            )
        if placed.step.every is not None and placed.step.every < 1:
            yield document.problem(
                (*placed.path, "every"), "more often than once a second", rule="every-too-often", hint="30m is usual."
            )
        if placed.phase == "hold" and placed.step.every is None:
            yield document.problem(
                placed.path, "a hold step says how often: every: 30m", rule="hold-without-every", hint="Add every:."
            )
        if placed.phase in {"ready", "before"} and catalogue.actions[placed.step.uses].writes:
            yield document.problem(
                (*placed.path, "uses"),
                f"{placed.step.uses} writes; checks only read",
                rule="write-in-check",
                hint="Move it to activation:.",
            )
        if (
            placed.step.within is not None
            and catalogue.actions[placed.step.uses].writes
            and not catalogue.has(placed.step.uses, Trait.TRIES)
        ):
            yield document.problem(
                (*placed.path, "within"),
                "`within` repeats a check; this step writes",
                rule="within-on-write",
                hint="Use retry:.",
                key=True,
            )
    yield from _cycles(loaded, by_id)


def _cycles(loaded: Loaded, by_id: dict[str, Placed]) -> Iterator[Problem]:
    state: dict[str, int] = {}

    def visit(step_id: str, trail: tuple[str, ...]) -> tuple[str, ...] | None:
        state[step_id] = 1
        for need in by_id[step_id].needs:
            if need == step_id or need not in by_id:
                continue
            if state.get(need) == 1:
                return (*trail[trail.index(need) :], need) if need in trail else (need, step_id, need)
            if state.get(need) is None and (found := visit(need, (*trail, need))):
                return found
        state[step_id] = 2
        return None

    for step_id in by_id:
        if state.get(step_id) is None and (found := visit(step_id, (step_id,))):
            yield loaded.document.problem(
                (*by_id[step_id].path, "needs"),
                f"these steps wait for each other: {' -> '.join(found)}",
                rule="cycle",
                hint="Remove one of the needs.",
            )
            return


def _expressions(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    by_id = {s.id: s for s in loaded.steps}
    document, base = loaded.document, base_scope(loaded)
    never: set[str] = set()
    for placed in loaded.steps:
        scope = {
            **base,
            "steps": steps_scope({i: by_id[i] for i in ancestors(loaded, placed.id) if i in by_id}, catalogue),
        }
        step, path = placed.step, placed.path
        if step.for_each is not None:
            yield from _for_each(loaded, placed, scope)
        if step.when:
            yield from _condition(document, (*path, "when"), step.when, scope)
            if step.when.strip().lower() in {"false", "not true"}:
                never.add(placed.id)
                yield document.problem(
                    (*path, "when"),
                    f"{placed.id!r} is never reached: its condition is always false",
                    rule="unreachable",
                    hint="Remove the step.",
                )
        blocked = sorted(never.intersection(placed.needs))
        if blocked and placed.id not in never:
            never.add(placed.id)
            yield document.problem(
                path,
                f"{placed.id!r} is never reached: it needs {blocked[0]!r}, which is never reached",
                rule="unreachable",
                hint="Remove the step.",
            )
        if step.expect:
            seen = {**scope, "outputs": outputs_type(placed, catalogue)}
            yield from _condition(document, (*path, "expect"), step.expect, seen)


def _condition(document: Document, place: Path_, text: str, scope: Mapping[str, Any]) -> Iterator[Problem]:
    """The problem of an expression that is neither true nor false, or cannot be understood; its key names it."""
    try:
        if (kind := type_of(text, scope)).name not in {"boolean", "any"}:
            raise ExpressionError(f"a condition is true or false, this is a {kind}")
    except ExpressionError as error:
        yield document.problem(place, f"{place[-1]}: {error}", rule="expression")


def _for_each(loaded: Loaded, placed: Placed, scope: dict[str, Any]) -> Iterator[Problem]:
    from bcp.playbook.types import ANY

    value, place = placed.step.for_each, (*placed.path, "for_each")
    scope["item"] = ANY
    if isinstance(value, list):
        if not value:
            yield loaded.document.problem(
                place, "for_each over an empty list does nothing", rule="unreachable", hint="Remove the step."
            )
        return
    try:
        kind = type_of_text(str(value), {k: v for k, v in scope.items() if k != "item"})
        if kind.name not in {"list", "any"}:
            raise ExpressionError(f"needs a list, this is a {kind}")
        scope["item"] = kind.item or ANY
    except ExpressionError as error:
        yield loaded.document.problem(
            place, f"for_each: {error}", rule="expression", hint='Write for_each: "{{ domains }}" or a list.'
        )


def _arguments(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    by_id = {s.id: s for s in loaded.steps}
    base = base_scope(loaded)
    for placed in loaded.steps:
        scope = {
            **base,
            "steps": steps_scope({i: by_id[i] for i in ancestors(loaded, placed.id) if i in by_id}, catalogue),
        }
        if placed.step.for_each is not None:
            from bcp.playbook.types import ANY

            scope["item"] = ANY
        yield from check_arguments(
            loaded.document, (*placed.path, "with"), catalogue.actions[placed.step.uses], placed.step.with_, scope
        )
        if isinstance(placed.step.undo, Undo):
            inner = {**scope, "outputs": outputs_type(placed, catalogue)}
            yield from check_arguments(
                loaded.document,
                (*placed.path, "undo", "with"),
                catalogue.actions[placed.step.undo.uses],
                placed.step.undo.with_,
                inner,
            )


def _undo(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    for placed in loaded.steps:
        spec, step = catalogue.actions[placed.step.uses], placed.step
        if step.undo == "automatic" and not spec.undoable:
            yield loaded.document.problem(
                (*placed.path, "undo"),
                f"{spec.kind} cannot undo by itself",
                rule="undo-impossible",
                hint="Give a step: undo: {uses: ..., with: ...}" if spec.writes else "Remove undo: it only reads.",
            )
        if (
            not spec.writes
            or spec.final
            or step.irreversible
            or step.undo != "none"
            or placed.phase in {"hold", "always"}
        ):
            continue
        hint = "Add undo: automatic" if spec.undoable else "Add undo: {uses: ..., with: ...}"
        yield loaded.document.problem(
            placed.path,
            f"{placed.id!r} changes the world and says nothing about undoing it",
            rule="write-without-undo",
            hint=f"{hint}, or irreversible: <reason>.",
        )


def _approvals(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    gates = {s.id for s in loaded.steps if catalogue.has(s.step.uses, Trait.GATE)}
    for placed in loaded.steps:
        step = placed.step
        if placed.id in gates:
            yield from _one_gate(loaded, placed, catalogue)
        elif (
            catalogue.has(step.uses, Trait.MOVES_MX)
            and placed.phase == "activation"
            and not gates & ancestors(loaded, placed.id)  # one that stands before it and is not waited for is no gate
        ):
            yield loaded.document.problem(
                placed.path,
                f"{placed.id!r} moves MX and nobody is asked before",
                rule="ungated-switch",
                severity="warning",
                hint="Put an approval step before it.",
            )


def _one_gate(loaded: Loaded, placed: Placed, catalogue: Catalogue) -> Iterator[Problem]:
    with_, place = placed.step.with_, (*placed.path, "with")
    sources, count = with_.get("from"), with_.get("min", 1)
    if placed.phase not in {"activation"}:
        yield loaded.document.problem(
            placed.path,
            f"an approval in {placed.phase} is never answered in time",
            rule="approval-unanswerable",
            hint="Approvals belong in activation.",
        )
    if not isinstance(sources, list) or not isinstance(count, int) or isinstance(count, bool):
        return
    if not sources:
        yield loaded.document.problem(
            (*place, "from"), "nobody may approve this", rule="approval-unanswerable", hint="from: [group:oncall]"
        )
    if not sources or count < 1 or any(isinstance(s, str) and "{{" in s for s in sources):
        return
    if catalogue.approvers is None or not all(isinstance(s, str) for s in sources):
        return
    total = 0
    for i, source in enumerate(sources):
        people = catalogue.approvers(source)
        total += people
        if not people and "{{" not in source:
            yield loaded.document.problem(
                (*place, "from", i),
                f"{source!r} leads to nobody",
                rule="approval-unanswerable",
                hint="Check groups in the contacts file.",
            )
            return
    needed = count + (0 if with_.get("initiator_may_approve") is True else 1)
    if count > total:
        yield loaded.document.problem(
            (*place, "min"),
            f"{count} approvals are needed and only {total} people may give one",
            rule="approval-unanswerable",
            hint="Lower min, or add people.",
        )
    elif needed > total:
        yield loaded.document.problem(
            (*place, "from"),
            f"{total} may approve and {count} must: too few are left when one of them starts the run, who may not",
            rule="approval-thin",
            severity="warning",
            hint="Add people to the group.",
        )


def _book(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    book, document = loaded.book, loaded.document
    base = base_scope(loaded)
    if book.concurrency is not None:
        try:
            type_of_text(book.concurrency.group, base)
        except ExpressionError as error:
            yield document.problem(("concurrency", "group"), f"group: {error}", rule="expression")
    if book.recovery is not None and catalogue.playbooks and book.recovery.playbook not in catalogue.playbooks:
        yield document.problem(
            ("recovery", "playbook"),
            f"there is no playbook {book.recovery.playbook!r}",
            hint=did_you_mean(book.recovery.playbook, catalogue.playbooks),
            rule="unknown-playbook",
        )
    stem = document.file.rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml")
    if document.file.endswith((".yaml", ".yml")) and stem != book.name:
        yield document.problem(
            ("name",),
            f"the file is called {stem}, the playbook {book.name}",
            rule="playbook-name",
            hint="Make them equal.",
        )
    moving = [s for s in loaded.steps if catalogue.has(s.step.uses, Trait.MOVES_MX)]
    switches = any(s.phase == "activation" for s in moving)
    harmful = sorted(set(book.covers) & set("ACDGH"))
    to_relay = any(catalogue.actions[s.step.uses].to_relay(s.step.with_) for s in moving)
    if switches and to_relay and harmful:
        yield document.problem(
            ("covers",),
            f"moving MX does not help, and can harm, in class {', '.join(harmful)}",
            rule="switch-does-not-help",
            hint="Use a playbook that communicates, such as exchange-mailbox-access.",
        )
    if switches and book.concurrency is None:
        yield document.problem(
            ("activation",),
            "this playbook moves MX and names no concurrency group: only its domains are kept apart",
            rule="no-concurrency",
            key=True,
            hint="Add concurrency: {group: \"mx:{{ domains | join(',') }}\"}",
        )
