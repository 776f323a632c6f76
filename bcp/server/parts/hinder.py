"""What keeps playbooks from being proposed or started now: told once, shown until it is over."""

from __future__ import annotations

from pathlib import Path

from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.store.files.hindrance import Hindrance, note_hindrances, read_hindrances


class Hindrances:
    """By playbook and the run that it goes back from."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self._state, self._clock = state, clock
        self._now: dict[tuple[str, str], Hindrance] = {}
        self._told: dict[tuple[str, str], set[str]] = {}
        if read_hindrances(state):  # of a daemon before this one
            note_hindrances(state, ())

    @property
    def all(self) -> list[Hindrance]:
        """Those of now, the oldest first."""
        return list(self._now.values())

    def hinder(self, playbook: str, parent: str, error: BcpError) -> bool:
        """This error is in the way. True: people have not heard of its kind since it could go last."""
        key, told = (playbook, parent), self._told.setdefault((playbook, parent), set())
        kind = error.rule or type(error).__name__
        new = kind not in told
        told.add(kind)
        hint = "" if error.redo else error.hint  # it is done again by itself
        self._now[key] = Hindrance(self._clock.now(), playbook, parent, error.message, hint, error.rule)
        note_hindrances(self._state, self.all)
        return new

    def clear(self, playbook: str, parent: str) -> None:
        """It goes, or is not wanted any more."""
        self._told.pop((playbook, parent), None)
        if self._now.pop((playbook, parent), None) is not None:
            note_hindrances(self._state, self.all)

    def turned(self, *, back: bool) -> None:
        """From now on only ways back are wanted (``back``), or only switches."""
        for playbook, parent in [k for k in self._told if bool(k[1]) is not back]:
            self.clear(playbook, parent)
