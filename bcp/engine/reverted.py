"""Which domains do not stand where a run put them, as its last look saw it. Pure: it reads the events of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from bcp.mx.stays import sentence


class Noted(Protocol):
    """An event of a run."""

    @property
    def kind(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def reverted_in(events: Iterable[Noted]) -> dict[str, str]:
    """By domain what it is now, where somebody put it back while the run held; empty: all stand, as far as is known."""
    gone: dict[str, str] = {}
    for event in events:
        domains = event.data.get("domains")
        if event.kind == "mx_reverted" and isinstance(domains, Mapping):
            gone.update({str(d): str(mx) for d, mx in domains.items()})
        elif event.kind == "mx_stands" and isinstance(domains, list):
            gone = {d: mx for d, mx in gone.items() if d not in domains}
    return gone


def advice(gone: Mapping[str, str], run: str) -> str:
    """What to do about it."""
    names = ", ".join(list(gone)[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
    return (
        f"Mail of {names} does not go where this run put it. Pause what put it back: `bcp dns check` names the tool "
        f"where it left marks. Then `bcp failback {run}`, and run the playbook again."
    )


def told(gone: Mapping[str, str], run: str) -> tuple[str, ...]:
    """What it is, and what to do; empty where all stand."""
    return (sentence(gone), advice(gone, run)) if gone else ()
