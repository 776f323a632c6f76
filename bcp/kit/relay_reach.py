"""The way to a relay's machine: a program of the user's (mostly ``ssh``) that runs ``bcp-relay`` there."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.kernel.errors import Invalid, Refused, Transient
from bcp.kit.process import run_program

CAP = 100_000_000
"""Bytes of an answer: a queue of 200,000 mails."""
REFUSED = 3
"""With this code ``bcp-relay`` says that it will not, whatever is tried again."""


class Reach:
    """``bcp-relay`` on one host."""

    def __init__(self, words: Sequence[str], host: str, *, timeout_s: float = 60.0) -> None:
        """``{host}`` in ``words`` stands for the host. No words: the host cannot be asked."""
        self.host, self.timeout_s = host.rstrip("."), timeout_s
        self.words = tuple(w.replace("{host}", self.host) for w in words)

    async def ask(self, *words: str, stdin: bytes | None = None, timeout_s: float = 0.0) -> str:
        """What it prints.

        Raises:
            Invalid: no way to it is configured (``relay.no-reach``).
            Refused: it will not (``relay.refuses``).
            Transient: it could not be asked, or failed.
            InDoubt: it did not end in time.
        """
        if not self.words:
            raise Invalid(
                f"the relay {self.host} cannot be asked from here",
                hint="Set kit: reach: of the relay, such as [ssh, bcp-relay@relay.example.net].",
                rule="relay.no-reach",
            )
        ended = await run_program(
            [*self.words, "bcp-relay", *words],
            timeout_s=timeout_s or self.timeout_s,
            environment={},
            cap=CAP,
            stdin=stdin,
        )
        said = (ended.stderr.strip() or ended.stdout.strip())[-300:]
        if ended.code == REFUSED:
            text = f"{self.host} refuses {words[0]}: {said}"
            raise Refused(text, hint="See bcp relay kit --check.", rule="relay.refuses")
        if ended.code != 0 or ended.truncated:
            what = "said more than fits" if ended.truncated else f"ended with {ended.code}: {said}"
            raise Transient(f"bcp-relay {words[0]} on {self.host} {what}", hint="Run it by hand on the relay.")
        return ended.stdout
