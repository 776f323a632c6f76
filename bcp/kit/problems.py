"""Reports of people, under the name they had before the store room."""

from __future__ import annotations

from bcp.store.files.problems import KEEP_S, MAX_BYTES, Problem, add_problem, read_problems

__all__ = ["KEEP_S", "MAX_BYTES", "Problem", "add_problem", "read_problems"]
