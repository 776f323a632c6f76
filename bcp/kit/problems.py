"""Reports of people, for plug-ins: they see the kit, not the store room."""

from __future__ import annotations

from bcp.store.files.problems import KEEP_S, MAX_BYTES, Problem, add_problem, read_problems

__all__ = ["KEEP_S", "MAX_BYTES", "Problem", "add_problem", "read_problems"]
