"""Times of the evidence that cannot be, and what named persons said of them. A part of the exported ``verify.py``.

What stands below the line is written into one file with the rest; nothing of it may need more than Python.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from bcp.store.standalone import APART_S, Chain, moment, said

# -- the clock -------------------------------------------------------------------------------------------------------

AUDIT, HEADS = "the audit file", "the signed heads"


class Odd(NamedTuple):
    """Events of a chain whose times cannot be."""

    kind: str
    """``back``: before the event before it. ``dated``: not between two heads. ``head``: not as an authority says."""
    chain: str
    first: int
    last: int
    text: str


def clock_damage(statements: Sequence[Mapping[str, Any]], audit: Chain, chains: Mapping[str, Chain]) -> List[str]:
    """Times that cannot be and that nobody explained: going back within a chain, or not between the heads that were
    taken before and after."""
    return [o.text for o in odd(statements, audit, chains) if not _explanation(o, statements)]


def explained(statements: Sequence[Mapping[str, Any]], audit: Chain, chains: Mapping[str, Chain]) -> List[str]:
    """Times that cannot be, each with who explained it, when, and how."""
    told = [(o, _explanation(o, statements)) for o in odd(statements, audit, chains)]
    return [f"{o.text}: {e['by']} explained it on {said(e['at'])}: {e['reason']}" for o, e in told if e]


def odd(statements: Sequence[Mapping[str, Any]], audit: Chain, chains: Mapping[str, Chain]) -> List[Odd]:
    """Everything of which the time cannot be, as it was written."""
    heads: Chain = [(float(s["at"]), "") for s in statements]
    out: List[Odd] = []
    for name, chain in sorted({**chains, AUDIT: audit, HEADS: heads}.items()):
        for i, (before, after) in enumerate(zip(chain, chain[1:]), 2):
            if after[0] < before[0] - APART_S:
                text = f"event {i} is dated {said(after[0])}, the one before it {said(before[0])}"
                out.append(Odd("back", name, i, i, f"the clock went back in {name}: {text}"))
    return out + _between(statements, chains)


def _between(statements: Sequence[Mapping[str, Any]], chains: Mapping[str, Chain]) -> List[Odd]:
    out: List[Odd] = []
    seen: Dict[str, int] = {}
    earlier = 0.0
    for s in statements:
        now = moment(s)
        if s["stamped"] and abs(float(s["at"]) - now) > APART_S:
            text = f"it said {said(float(s['at']))}, an authority {said(now)}"
            out.append(
                Odd("head", HEADS, s["seq"], s["seq"], f"the clock was wrong at the signed head {s['seq']}: {text}")
            )
        for name, (seq, _) in sorted(s["chains"].items()):
            first, chain = seen.get(name, 0), chains.get(name, [])
            wrong = [
                i
                for i in range(first, min(int(seq), len(chain)))
                if not earlier - APART_S <= chain[i][0] <= now + APART_S
            ]
            out += [_dated(name, chain, run, earlier, now) for run in _runs(wrong)]
            seen[name] = max(first, int(seq))
        earlier = now if s["stamped"] else earlier
    return out


def _runs(numbers: Sequence[int]) -> List[Tuple[int, int]]:
    """Numbers that follow one another, as first and last."""
    out: List[Tuple[int, int]] = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1] = (out[-1][0], n)
        else:
            out.append((n, n))
    return out


def _dated(name: str, chain: Chain, run: Tuple[int, int], earlier: float, now: float) -> Odd:
    first, last = run[0] + 1, run[1] + 1
    which = f"event {first}" if first == last else f"events {first} to {last}"
    verb = "is" if first == last else "are"
    made = f"made between {said(earlier) if earlier else 'the beginning'} and {said(now)}"
    text = f"{which} of {name} {verb} dated {said(chain[run[0]][0])}, and {'was' if first == last else 'were'} {made}"
    return Odd("dated", name, first, last, text)


def _explanation(one: Odd, statements: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Who explained it; empty: nobody. Nothing can be explained before it is there."""
    known: Dict[str, int] = {}
    for s in statements:
        known.update({n: int(h[0]) for n, h in s["chains"].items()})
        limit = {AUDIT: int(s["audit"][0]), HEADS: int(s["seq"])}.get(one.chain, known.get(one.chain, 0))
        for told in s["explained"]:
            for kind, chain, first, last in told["covers"]:
                if (kind, chain) == (one.kind, one.chain) and first <= one.first <= one.last <= min(last, limit):
                    return dict(told)
    return {}
