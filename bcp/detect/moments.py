"""Moments of an outage file: so long after its start, or a UTC time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from bcp.kernel.units import format_duration, parse_duration


@dataclass(frozen=True, slots=True)
class When:
    """A moment: after the start, or at a date."""

    offset: float | None
    at: float | None

    def seconds(self, start: float) -> float:
        """Seconds after the start."""
        return self.offset if self.offset is not None else (self.at or 0.0) - start


def when(value: Any) -> Any:
    """Read a moment. Raises ``ValueError`` in words."""
    if isinstance(value, When):
        return value
    if not isinstance(value, str):
        raise ValueError("write 90s, 1h40m after the start, or a UTC time such as 2026-01-22T19:37:00Z")
    try:
        return When(parse_duration(value), None)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{value!r} is neither a duration (1h40m) nor a UTC time (2026-01-22T19:37:00Z)") from None
    return When(None, parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp())


Moment_ = Annotated[
    When,
    BeforeValidator(when),
    WithJsonSchema({"type": "string", "description": "1h40m after the start, or a UTC time."}),
]


def offset_text(seconds: float) -> str:
    """``+1h 40m``."""
    return "+" + format_duration(seconds)
