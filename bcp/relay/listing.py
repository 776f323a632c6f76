"""The queue's own listing, as ``postqueue -j`` (postqueue(1)) prints it. Pure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from bcp.kernel.json_in import rows


def listing(text: str) -> dict[str, tuple[str, list[tuple[str, str]]]] | None:
    """By queue id: its queue, and its recipients with why each waits; ``None``: it is something else."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    try:
        for line in rows(text):
            row = json.loads(line)
            people = [(str(r["address"]), str(r.get("delay_reason", ""))) for r in row["recipients"]]
            found[str(row["queue_id"])] = (str(row["queue_name"]), people)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found


def unlisted(command: Sequence[str], error: OSError | subprocess.SubprocessError) -> str:
    """Why the queue cannot be listed, and what is not known then."""
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode("utf-8", "replace").strip() if error.stderr else ""
        why = said.splitlines()[-1][:100] if said else f"it ended with {error.returncode}"
    elif isinstance(error, subprocess.TimeoutExpired):
        why = f"no answer for {error.timeout:.0f} s"
    else:
        why = getattr(error, "strerror", None) or str(error)
    return (
        f"the queue cannot be listed ({' '.join(command)}: {why}): whom no line names has no name here, and a mail "
        "whose last line is lost stays open"
    )
