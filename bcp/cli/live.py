"""Progress of a run as it happens: one line for each thing that a person wants to know."""

from __future__ import annotations

import sys
from typing import Any

from bcp.cli.render import OUT, clock, outcome, paint, say, status_word
from bcp.engine.events import Progress
from bcp.kernel.text import one_or_many
from bcp.kernel.units import format_duration

_MARKS = {
    "ok": "✓",
    "unchanged": "=",
    "failed": "✗",
    "skipped": "-",
    "not_reached": "-",
    "in_doubt": "?",
    "would_run": "~",
    "undone": "↶",
    "undo_failed": "✗",
}
PHASE_WORDS = {
    "ready": "Is everything ready?",
    "before": "Is it true?",
    "activation": "Activation",
    "after": "Does it hold?",
    "hold": "Holding",
    "always": "At the end",
}


def phase_words(phase: str) -> str:
    """A phase of a playbook, as a person asks about it."""
    return PHASE_WORDS.get(phase, phase)


def _can(mark: str) -> bool:
    try:
        mark.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Timeline:
    """A listener that prints. With a rich console it also shows what is waited for, on one moving line."""

    def __init__(self, start: float | None = None, run_id: str = "") -> None:
        self.start, self.run_id = start, run_id
        self._status: Any = None
        self._retried: dict[str, str] = {}
        self._plain = not _can("✓")

    def __call__(self, progress: Progress) -> None:
        """One piece of progress."""
        if OUT.quiet:
            return
        line = self._line(progress)
        if line is None:
            return
        self._rest()
        # what a run that was resumed asked before is told again, with the time at which it was asked
        stamp = f"+{max(0.0, progress.at - self.start):6.1f}s" if self.start is not None else clock(progress.at)
        say(f"{paint(stamp, 'soft', sys.stderr)}  {line}")

    def _line(self, p: Progress) -> str | None:
        handler = getattr(self, "_on_" + p.kind, None)
        if handler is not None:
            return handler(p)  # type: ignore[no-any-return]
        texts = {
            "phase_started": paint(phase_words(str(p.data.get("phase"))), "bold", sys.stderr),
            "resumed": "resumed",
            "undo_started": paint("undoing", "warn", sys.stderr),
            "stopped": outcome("stopped", p.text, between=" ", stream=sys.stderr),
            "aborting": paint(f"aborting {p.text}".rstrip(), "warn", sys.stderr),
            "recovered": "mail is back where it was",
            "mx_reverted": status_word("failed", sys.stderr) + f" {p.text}",
            "mx_stands": p.text,
            "serial_backwards": paint(p.text, "warn", sys.stderr),
            "note": p.text,
        }
        return texts.get(p.kind)

    def _on_step_started(self, p: Progress) -> str | None:
        if not OUT.json and sys.stderr.isatty() and OUT.colour:
            from rich.console import Console  # only for a person at a terminal

            self._rest()
            self._status = Console(stderr=True).status(f"{p.step} ...")
            self._status.start()
        return None

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _on_step_finished(self, p: Progress) -> str:
        status = str(p.data["status"])
        partly = status == "ok" and bool((p.data.get("outputs") or {}).get("left"))  # some of it was not done
        mark = "!" if partly else "*" if self._plain else _MARKS.get(status, "*")
        word = status_word(status, sys.stderr) if status not in {"ok"} else ""
        colour = "ok" if status in {"ok", "unchanged", "would_run"} and not partly else "warn"
        text = p.text if partly else one_or_many(p.text)  # scripts look for the words of a switch that left some
        said = f"{' ' + word if word else ''}{': ' + text if text else ''}"
        return f"{paint(mark, colour, sys.stderr)} {paint(p.step, 'bold', sys.stderr)}{said}"

    _on_undo_finished = _on_step_finished

    def _on_gate(self, p: Progress) -> str:
        left = format_duration(max(0.0, float(p.data["deadline"]) - p.at))
        who = ", ".join(p.data["approvers"])
        run = f" bcp approve {self.run_id}" if self.run_id else " bcp approve"
        if about := str(p.data.get("about") or ""):
            rows = "".join(f"\n    {r}" for r in about.splitlines())
            return paint(f"? {p.step}: {who}: please do this; closes in {left}.{run}{rows}", "warn", sys.stderr)
        plan = str(p.data["checksum"])[:12]
        return paint(
            f"? {p.step}: {one_or_many(p.text)} from {who}; closes in {left}. Plan {plan}.{run}",
            "warn",
            sys.stderr,
        )

    def _on_answer_refused(self, p: Progress) -> str:
        return paint(f"! {p.text}", "warn", sys.stderr)

    def _on_holding(self, p: Progress) -> str:
        at = clock(float(p.data["next"]), seconds=False)
        return (
            f"{status_word('holding', sys.stderr)}; next update at {at}. The way back: bcp failback {self.run_id}"
        ).rstrip()

    def _on_step_retry(self, p: Progress) -> str | None:
        if self._retried.get(p.step) == p.text:  # once is enough: it goes on until the step ends
            return None
        self._retried[p.step] = p.text
        return paint(f"  {p.step}: {p.text}; trying again", "soft", sys.stderr)

    def _on_step_progress(self, p: Progress) -> str:
        return paint(f"  {p.step}: {p.text}", "soft", sys.stderr)

    def _on_run_finished(self, p: Progress) -> str:
        return outcome(str(p.data["status"]), p.text, between=" ", stream=sys.stderr)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._rest()
