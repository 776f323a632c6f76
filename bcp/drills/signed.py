"""What a signature covers: the drill's chain up to it, and the head of every run at that moment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bcp.kernel.hashing import digest


def digest_of(head: str, runs: Mapping[str, str]) -> str:
    """SHA-256 over the head of the drill's chain and the heads of its runs."""
    return digest({"head": head, "runs": dict(runs)})


def still_stands(runs: Mapping[str, str], hashes: Mapping[str, Collection[str]]) -> bool:
    """Does the chain of every run that was signed still hold the head that was signed?

    ``runs``: heads that were signed, by run. ``hashes``: all hashes of each run's chain today.
    """
    return all(head in hashes.get(run, ()) for run, head in runs.items())
