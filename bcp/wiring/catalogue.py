"""What there is to refer to: actions, messages and playbooks as lint and detection see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp import registry
from bcp.comms.pack import Pack, load_pack
from bcp.contracts.traits import traits_of
from bcp.kernel.errors import Invalid
from bcp.kernel.text import summary
from bcp.playbook.catalogue import ActionSpec, Catalogue, MessageSpec
from bcp.playbook.load import load
from bcp.playbook.model import Playbook
from bcp.wiring.choose import Candidate
from bcp.wiring.shipped import SHIPPED


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

        said = summary(type(action))
        out[kind] = ActionSpec(
            kind,
            action.access == "write",
            action.Args,
            action.outputs,
            action.undoable,
            provides,
            action.final,
            said,
            frozenset(traits_of(action)),
            action.to_relay,
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


def moves_mx(book: Playbook) -> bool:
    """Does a step of its activation change where mail goes?"""
    known = registry.actions()
    return any(s.uses in known and known[s.uses].moves_mx for s in book.activation)


def candidates_of(files: Mapping[str, Path]) -> dict[str, Candidate]:
    """Every playbook that can be read, as the choice for an outage sees it."""
    out: dict[str, Candidate] = {}
    for name, path in files.items():
        try:
            book = load(path).book
        except Invalid:
            continue
        moves = moves_mx(book)
        out[name] = Candidate(frozenset(book.covers), moves, book.recovery.playbook if book.recovery else "")
    return out


def shipped_candidates() -> dict[str, Candidate]:
    """The same of the shipped ones."""
    return candidates_of({p.stem: p for p in sorted(SHIPPED.glob("*.yaml"))})
