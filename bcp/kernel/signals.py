"""Which signals end what is being done."""

from __future__ import annotations

import signal


def enders() -> list[int]:
    """TERM, INT and HUP; HUP not where whoever started us has it ignored (``nohup``): it outlives its terminal."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [int(signal.SIGTERM), int(signal.SIGINT), *([int(signal.SIGHUP)] if hangs_up else [])]
