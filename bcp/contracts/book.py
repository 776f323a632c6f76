"""What the book of incidents promises: rows behind one chain of hashes, every deed in it one transaction.

What an answer means, which codes are right and when a question is over is decided in ``bcp.incident``; the book
keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from bcp.contracts.hook import Alert
from bcp.contracts.incident import Asked, Event, Incident, Question, Taken
from bcp.kernel.clock import Clock


class QuestionRows(Protocol):
    """Questions and whom they were put to."""

    def add_question(self, question: Question) -> None:
        """Write down a new question."""

    def question_at(self, run: str, step: str, opened: float) -> Question | None:
        """The question about this gate, when it was written down before."""

    def question(self, name: str) -> Question | None:
        """The question with this id; ``None`` when there is none."""

    def questions(self, *, incident: str | None = None, state: str = "", newest: int = 0) -> list[Question]:
        """Of an incident the newest first, else by the time they were opened."""

    def close_question(self, name: str, result: str) -> bool:
        """False when it was closed before."""

    def add_asked(self, question: str, asked: Asked, *, yes: str, no: str, link: str) -> bool:
        """Claim one asking, with the digests of its codes and its link; False when it was claimed before."""

    def settle_asked(self, question: str, person: str, channel: str, cycle: int, state: str, receipt: str) -> None:
        """Write down how an asking ended: its state, and the receipt of the channel."""

    def asked_of(self, question: str) -> list[Asked]:
        """Who was asked, by what, the first one first."""

    def proofs(self, question: str, person: str) -> list[tuple[str, str]]:
        """Digests of *yes* and *no* of every asking of this person."""

    def by_link(self, mark: str) -> tuple[str, str] | None:
        """Question and person of a link, by its digest."""

    def doubt_claimed(self) -> int:
        """Askings that were claimed and never settled: put aside, so that they are made again; how many."""

    def wrong_tries(self, question: str, person: str) -> int:
        """How many wrong codes this person has given to this question."""

    def add_wrong(self, question: str, person: str) -> int:
        """Count one more wrong code of this person; returns how many there are now."""

    def answers(self, question: Question) -> list[Event]:
        """The answers to this question, the oldest first."""


class Book(QuestionRows, Protocol):
    """Every method is one transaction, or part of the one that ``begin`` opened or ``with`` holds."""

    clock: Clock

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None: ...

    def begin(self) -> None:
        """Several calls become one transaction."""

    def commit(self) -> None:
        """End the transaction; it is on disk when this returns."""

    def rollback(self) -> None:
        """End the transaction and undo every change that was made in it."""

    def close(self) -> None:
        """Close the database."""

    def note(self, kind: str, incident: str = "", actor: str = "", **data: Any) -> None:
        """Append an event to the hash chain."""

    def events(self, incident: str | None = None, *, limit: int = 500, before: int = 0) -> list[Event]:
        """The newest events, oldest first; of one incident, or of all."""

    def damage(self) -> str:
        """What is wrong with the chain; empty: nothing."""

    def head(self) -> str:
        """Hash of the newest event of the chain."""

    def incidents(self, *, limit: int = 50) -> list[Incident]:
        """The newest incidents, the newest first, ``limit`` at most."""

    def incident(self, name: str) -> Incident:
        """One of them; ``last`` is the newest, and the beginning of an id is enough. Raises ``Invalid``."""

    def current(self, service: str) -> Incident | None:
        """This service's incident that is not closed; ``None`` when there is none."""

    def incident_of(self, run_id: str) -> str:
        """The incident that a run belongs to; empty: none."""

    def open(self, service: str, title: str, mode: str, actor: str, **data: Any) -> tuple[Incident, bool]:
        """The current incident, or a new one; True when it is new."""

    def change(self, incident: str, kind: str, actor: str = "bcp", *, fields: Mapping[str, Any], **data: Any) -> None:
        """Change ``fields`` of an incident, and append the event ``kind`` to the chain."""

    def receive(self, source: str, service: str, alerts: Sequence[Alert], mode: str) -> Taken:
        """Take one body of a monitoring system: everything or nothing."""

    def firing(self, incident: str) -> int:
        """How many alerts of this incident still fire."""

    def alerts(self, incident: str, *, limit: int = 50) -> list[dict[str, Any]]:
        """What the senders said of it: what still fires before what does not, each the newest first."""

    def was_heard(self, channel: str, name: str) -> bool:
        """Was the message with this id, on this channel, handled before?"""

    def note_heard(self, channel: str, name: str) -> None:
        """Remember that the message with this id, on this channel, is handled."""

    def note_receipt(self, mark: str, status: str, rank: int, error: str) -> bool:
        """A delivery report; False when it says no more than what is known."""
