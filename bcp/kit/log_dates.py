"""When a line of a log was written, in epoch seconds. Pure: the zone and the time of reading are given.

The classic form of syslog (RFC 3164, section 4.1.2) has no year and no zone. The year is the last one in which the date
is not in the future. In the hour that a zone has twice a year's end of summer time, a clock that goes back by more than
half a minute has begun it the second time.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

AHEAD_S = 36 * 3600.0
"""A date up to so far ahead of the time of reading is one of a clock that is wrong, not one of last year."""
JITTER_S = 30.0
"""Lines of several daemons are out of order by so much at most."""
NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {m: i for i, m in enumerate(NAMES, 1)}


class Dating:
    """``now``: when the lines are read. ``last``: when the line before was written; 0 when nothing is known of it."""

    def __init__(self, zone: tzinfo, now: float, last: float = 0.0) -> None:
        self.zone, self.now, self.last = zone, now, last
        self._minute: tuple[str, float] = ("", 0.0)
        """The last date down to its minute, and when that began: most lines share it with the line before."""

    def iso(self, text: str) -> float | None:
        """RFC 3339, and what ISO 8601 allows beside it. Without an offset it is local time."""
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        at = self._local(found, 0.0) if found.tzinfo is None else found.timestamp()
        self.last = at
        return at

    def epoch(self, seconds: float) -> float:
        """Seconds since 1970."""
        self.last = seconds
        return seconds

    def classic(self, text: str, year: int | None = None) -> float | None:
        """``Nov 27 10:00:01``, perhaps with a fraction."""
        minute, seconds = f"{year or ''}{text[:12]}", text[13:]
        try:
            rest = float(seconds)
            if minute != self._minute[0]:
                began = self._began(text, year, rest)
                if began is None:
                    return None
                self._minute = (minute, began)
        except ValueError:
            return None
        at = self._minute[1] + rest
        if at < self.last - JITTER_S:  # perhaps the same minute for the second time: look again
            began = self._began(text, year, rest)
            self._minute = (minute, self._minute[1] if began is None else began)
            at = self._minute[1] + rest
        self.last = at
        return at

    def _began(self, text: str, year: int | None, seconds: float) -> float | None:
        """When the minute began, if its line was written so many seconds after."""
        month, day = MONTHS.get(text[:3], 0), int(text[4:6])
        hour, minute = int(text[7:9]), int(text[10:12])
        this = datetime.fromtimestamp(self.now + AHEAD_S, UTC).year
        for guess in (year,) if year is not None else range(this, this - 9, -1):  # 29 February has 8 years at most
            try:
                at = self._local(datetime(guess, month, day, hour, minute), seconds)
            except (ValueError, OverflowError):
                continue
            if year is not None or at <= self.now + AHEAD_S:
                return at
        return None

    def _local(self, naive: datetime, after: float) -> float:
        """Of two times that a clock can mean, the first; the second when the line before was later than that."""
        first = naive.replace(tzinfo=self.zone, fold=0).timestamp()
        second = naive.replace(tzinfo=self.zone, fold=1).timestamp()
        late = first + after + JITTER_S < self.last <= second + after + JITTER_S
        return second if late and second > first else first
