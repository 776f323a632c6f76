"""What there is to refer to: actions, messages and playbooks as lint and detection see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcp import registry
from bcp.comms.pack import Pack, load_pack
from bcp.detect.decide import SWITCHES, Decision
from bcp.kernel.errors import Invalid
from bcp.playbook.catalogue import ActionSpec, Catalogue, MessageSpec
from bcp.playbook.load import load

if TYPE_CHECKING:
    pass


SHIPPED = next(
    (p for p in (Path(__file__).parents[1] / "_playbooks", Path(__file__).parents[2] / "playbooks") if p.is_dir()),
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
                return ()

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
    moves = decision.action in {"switch", "wait"} or (decision.action == "ask" and decision.moves)
    for letter in decision.classes:
        fitting = [n for n, (covers, mx) in books.items() if letter in covers and mx == (moves and letter in SWITCHES)]
        if fitting:
            return min(fitting, key=lambda n: (len(books[n][0]), n))
    return ""
