"""Does the MX stay where a run put it? Somebody's console, or infrastructure as code, may put it back. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from bcp.contracts.dns import Answer, MxSet


def put_there(outputs: Iterable[Mapping[str, Any]]) -> dict[str, MxSet]:
    """Where the switch steps of a run have put each domain, from their outputs: only what was really moved."""
    out: dict[str, MxSet] = {}
    for one in outputs:
        after, left = one.get("after"), one.get("left") or {}
        for domain, mx in after.items() if isinstance(after, Mapping) else ():
            if domain not in left and isinstance(mx, Mapping) and "hosts" in mx:
                out[domain] = MxSet.from_data(mx)
    return out


def reverted(answers: Iterable[Answer], wanted: Mapping[str, MxSet], several: Container[str] = ()) -> dict[str, str]:
    """Domains of which no server that answers serves what was put there, and what they serve instead.

    One server that still has it is enough not to cry: the others may be behind. Silence says nothing. ``several``:
    domains whose zone several hosts serve: there one server that does not have it is a mixture.
    """
    said: dict[str, list[MxSet | None]] = {}
    for answer in answers:
        if not answer.problem and answer.domain in wanted:
            said.setdefault(answer.domain, []).append(answer.mx)
    wrong = {d: [s for s in sets if not wanted[d].same(s)] for d, sets in said.items()}
    return {d: str(w[0] or "no MX") for d, w in wrong.items() if w and (d in several or len(w) == len(said[d]))}


def sentence(found: Mapping[str, str]) -> str:
    """The alarm in words."""
    first = "; ".join(f"{d} is {mx} now" for d, mx in list(found.items())[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return f"MX does not stand where this run put it: {first}{more}. Somebody, or infrastructure as code, put it back."
