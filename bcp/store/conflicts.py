"""Who may work beside whom: the rules of leases that every store keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bcp.contracts.store import UNREADABLE, RunCard, RunQuery, RunStore
from bcp.kernel.errors import Refused
from bcp.store.targets import overlap


def related(run: str, parent: str, other: str, theirs: str) -> bool:
    """A run and the one that goes back from it may work side by side."""
    return (bool(parent) and other == parent) or (bool(theirs) and theirs == run)


def check_unfinished(runs: RunStore, run: str, wanted: frozenset[str], parent: str) -> None:
    """Runs that are not over keep their targets, whether anybody works on them or not. Raises ``Refused``."""
    for card in runs.cards(RunQuery(unfinished=True)):
        if card.id == run or related(run, parent, card.id, card.parent):
            continue
        unknown = card.status == UNREADABLE and not card.targets
        shared = overlap(wanted, card.targets)
        if shared or unknown:
            raise unfinished(card, shared or wanted, runs.is_live)


def still_held(runs: RunStore, run: str, names: Collection[str]) -> frozenset[str]:
    """What a run that was given these names has of them still: it may have given some up since."""
    released = runs.card(run).released if runs.exists(run) else ()
    return frozenset(names) - frozenset(released)


def unfinished(card: RunCard, shared: frozenset[str], is_live: Callable[[str], bool]) -> Refused:
    """The refusal, with what to do about that run."""
    if card.status == UNREADABLE:
        return Refused(
            f"{said(shared)}: run {card.id} may still have it: {card.reason or 'its file cannot be read'}",
            rule="one-run-per-target",
            hint="Repair or restore its file; or, when you are sure that it is over, move the file out of the folder,"
            f" then `bcp acknowledge {card.id}`.",
        )
    live = is_live(card.id)
    state = card.status if live or card.status not in {"new", "running", "waiting", "undoing"} else "interrupted"
    goes = f"Go on with it (bcp resume {card.id}), end it (bcp abort {card.id})"
    back = f", or go back (bcp failback {card.id})" if not card.parent else ""
    return Refused(
        f"{said(shared)}: run {card.id} is not over ({state})", rule="one-run-per-target", hint=f"{goes}{back}."
    )


def said(names: Collection[str]) -> str:
    """Targets for people: three of them, and how many more."""
    some = sorted(names)
    return ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")


def lost(run: str, shared: Collection[str]) -> Refused:
    """That run was begun, nothing says that it ended, and its file is gone."""
    return Refused(
        f"{said(shared)}: the file of run {run} is gone, and the run was not over: nobody knows where it left mail",
        rule="one-run-per-target",
        hint=f"Put the file back from a copy. If there is none: see where MX points, then `bcp acknowledge {run}`.",
    )


def taken(run: str, shared: Collection[str]) -> Refused:
    """A process works on that run this moment."""
    return Refused(
        f"{said(shared)}: run {run} is on it", rule="one-run-per-target", hint=f"Look at it: bcp status {run}"
    )
