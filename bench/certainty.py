"""How often is a share called certain by luck? Ten hours of rounds, played by the thousand from a seed.

Usage: bench/certainty.py [worlds]. A row is a true share, the configured one, and how many of the worlds ever call it
certain; of shares above the configured one also after how many rounds half of them do.
"""

from __future__ import annotations

import random
import sys

from bcp.detect.memory import PlaneMemory

ROUNDS = 600
FROM = 20
"""Failing rounds before which no class but F is decided."""


def first(share: float, least: float, seed: int) -> int | None:
    """The round in which ``least`` is certain first, as a failing round asks."""
    chance, memory, failing = random.Random(seed), PlaneMemory(), 0
    for n in range(ROUNDS):
        bad = n == 0 or chance.random() < share  # it begins with a failing look
        memory.shares.append(float(bad))
        memory.weights.append(1.0)
        failing += bad
        if bad and failing >= FROM and memory.sure_share() >= least:
            return n
    return None


if __name__ == "__main__":
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for least, shares in ((0.5, (0.45, 0.5, 0.6, 0.7, 0.8)), (0.6, (0.5, 0.55, 0.6, 0.75, 0.8, 0.9))):
        for share in shares:
            found = sorted(n for seed in range(worlds) if (n := first(share, least, seed)) is not None)
            half = found[len(found) // 2] if share > least and len(found) * 2 > worlds else ""
            print(f"share {share}, configured {least}: {len(found)} of {worlds}", half, flush=True)
