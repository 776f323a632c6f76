"""Our clock against those of vendors, by the dates of their answers. Facts in, a check out. Pure.

One of them proves nothing: its clock may be wrong, or somebody on the way may have kept its answer. Two that are
independent and say the same are believed, unless as many say that our clock is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bcp.contracts.readiness import Check, State
from bcp.kernel.units import format_duration
from bcp.kit.dates import Told
from bcp.ready.machine import WRONG_S

APART_S = 10.0
"""From here on it is a risk. Below, nothing breaks, and dates are in whole seconds. An answer that took longer says
nothing of a clock."""
ALIKE_S = 2.0
"""Two clocks that are no farther apart say the same."""
NAMED = 3
"""So many hosts are named."""
BREAKS = "signatures and tokens are refused, authenticator codes fail, plans and questions expire at the wrong time"
MEND = f"Set it right, and see that chrony or systemd-timesyncd runs: meanwhile {BREAKS}."
DOUBT = (
    f"Compare it with another clock, or name a time server: readiness: time:. If it is ours that is wrong, {BREAKS}."
)


def vendor_clocks(told: Iterable[Told]) -> list[Check]:
    """Nothing where no date came."""
    found = _one_each(told)
    right = [t for t in found if abs(t.sure) < APART_S]
    others = [t for t in found if abs(t.sure) >= APART_S]
    wrong = _together(others)
    if len(wrong) > max(1, len(right)):
        return [_wrong(wrong, right)]
    if right:
        but = "".join(f"; {t.host} alone says that it is {_apart([t])}" for t in others)
        return [_check("ok", f"this machine's clock is right, as {_names(right)} say{_s(right)}{but}")]
    return [_doubted(others)] if others else []


def _check(state: State, says: str, hint: str = "") -> Check:
    return Check("clock-vendors", "", state, says, hint)


def _wrong(wrong: Sequence[Told], right: Sequence[Told]) -> Check:
    """Several that know nothing of each other say the same."""
    but = f"; {_names(right)} alone says that it is right" if right and len(right) == 1 else ""
    text = f"this machine's clock is {_apart(wrong)}, as {_names(wrong)} say{but}"
    sure = min(abs(t.sure) for t in wrong)
    return _check("fail" if sure >= WRONG_S else "risk", text, MEND)


def _doubted(found: Sequence[Told]) -> Check:
    """Nobody says that our clock is right, and no two say the same."""
    text = " and ".join(f"{_apart([t])} by {t.host}" for t in found[:NAMED])
    why = "nobody else gave a date" if len(found) == 1 else "no two of them say the same"
    return _check("risk", f"this machine's clock may be wrong: it is {text}; {why}", DOUBT)


def _one_each(told: Iterable[Told]) -> list[Told]:
    """Of each owner the answer that says most."""
    best: dict[str, Told] = {}
    for one in told:
        if one.most - one.least >= APART_S:
            continue
        old = best.get(_owner(one.host))
        if old is None or one.most - one.least < old.most - old.least:
            best[_owner(one.host)] = one
    return sorted(best.values(), key=lambda t: t.host)


def _owner(host: str) -> str:
    """Hosts of one domain (its last two labels) are one witness; an address is its own."""
    if ":" in host or host.replace(".", "").isdigit():
        return host
    return ".".join(host.rstrip(".").lower().split(".")[-2:])


def _together(found: Sequence[Told]) -> list[Told]:
    """The most of them that say the same: as many as have one moment in common (Marzullo's agreement)."""
    groups = ([o for o in found if o.least - ALIKE_S <= t.least <= o.most + ALIKE_S] for t in found)
    return max(groups, key=len, default=[])


def _names(found: Sequence[Told]) -> str:
    names = [t.host for t in found]
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " and ".join(p for p in (", ".join(names[:-1]), names[-1]) if p)


def _s(found: Sequence[Told]) -> str:
    return "s" if len(found) == 1 else ""


def _apart(found: Sequence[Told]) -> str:
    """How far and which way, in whole seconds as the dates are."""
    near = (max(t.least for t in found) + min(t.most for t in found)) / 2
    return f"{format_duration(round(abs(near)))} {'ahead' if near > 0 else 'behind'}"
