"""What other machines' clocks say, by the ``Date`` of answers that we asked for anyway.

Nobody is asked for it: whoever speaks HTTP notes what came, and only while somebody listens (``listening``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bcp.kernel.clock import Clock

RESOLUTION_S = 1.0
"""A ``Date`` is in whole seconds (RFC 9110 section 5.6.7): the sender's clock was up to so much later."""

HERE = frozenset({"localhost", "127.0.0.1", "::1"})
"""Whoever answers there goes by our own clock."""


@dataclass(frozen=True, slots=True)
class Told:
    """One answer. Our clock is ahead of this host's by ``least`` to ``most`` seconds; less than nothing: behind."""

    host: str
    least: float
    most: float

    @property
    def sure(self) -> float:
        """How far our clock is ahead of it without doubt; less than nothing: behind; 0: it may be right."""
        return max(0.0, self.least) or min(0.0, self.most)


@dataclass(slots=True)
class Ear:
    """Notes what comes while it listens."""

    clock: Clock
    told: list[Told] = field(default_factory=list)

    def note(self, url: str, headers: Mapping[str, str], sent: float) -> None:
        """The host wrote its date after we had sent, and before its answer was here.

        An answer that was kept on the way says when it was made (``Age``, RFC 9111 section 5.1): it is no clock.
        """
        got, found = self.clock.now(), {k.lower(): v for k, v in headers.items()}
        date, host = seconds_of(found.get("date", "")), urlsplit(url).hostname
        if date is None or not host or host in HERE or found.get("age", "0").strip() != "0" or got < sent:
            return
        self.told.append(Told(host, sent - date - RESOLUTION_S, got - date))


_EAR: ContextVar[Ear | None] = ContextVar("bcp-dates", default=None)


@contextmanager
def listening(clock: Clock) -> Iterator[list[Told]]:
    """Dates of all answers in here, also in tasks and threads that are begun in here."""
    ear = Ear(clock)
    token = _EAR.set(ear)
    try:
        yield ear.told
    finally:
        _EAR.reset(token)


class Asked:
    """One request, from the moment when it is sent. Costs nothing where nobody listens."""

    def __init__(self, url: str) -> None:
        self._ear, self._url = _EAR.get(), url
        self._sent = self._ear.clock.now() if self._ear is not None else 0.0

    def answered(self, headers: Mapping[str, str]) -> None:
        """Its answer has begun to come."""
        if self._ear is not None:
            self._ear.note(self._url, headers, self._sent)


def seconds_of(text: str) -> float | None:
    """Seconds since the epoch of a date as HTTP writes it, which is in UTC; ``None``: it is none."""
    from datetime import UTC
    from email.utils import parsedate_to_datetime  # only where somebody asks

    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
