"""The ledger of relays with a million recipients: each question beside the same SQL by hand on the same file.

Also what the agent costs for a message: a log of Postfix read to its end.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from bcp.contracts.relay_ledger import MAIL, Fate, Told, Wanted
from bcp.relay.books import account_of
from bcp.store.sqlite.relay_ledger import LedgerStore

HOUR = 1_795_773_600
FATES = ("sent",) * 46 + ("bounced", "expired", "deferred", "removed")


def fill(store: LedgerStore, people: int) -> None:
    """Five recipients a message, 2,000 messages a batch, over three days."""
    messages = people // 5
    for start in range(0, messages, 2000):
        told = []
        for n in range(start, min(start + 2000, messages)):
            taken = HOUR + n * 259_200 / messages
            rows = tuple(
                Fate(
                    "mx-backup", f"q{n}.1", f"q{n}", MAIL, f"u{(n * 5 + i) % 50_000}@corp.test", "x",
                    FATES[(n * 5 + i) % 50], taken, "250 2.6.0 Queued mail for delivery", "mx[192.0.2.1]:25", str(n), 1,
                    int(n % 1000 == 0), "", 1, taken, f"s{n % 9000}@side.test", 9999,
                    f"m{n % (messages - 50)}@side.test",
                    "c[192.0.2.7]", "TLSv1.3",
                )
                for i in range(5)
            )  # fmt: skip
            told.append(Told(f"q{n}.1", taken, rows))
        source = store.source("mx-backup")
        from dataclasses import replace

        store.take(replace(source, stream="s", seq=source.seq + 1, digest="d", heard=HOUR), told, [])


def timed(work) -> tuple[float, float]:
    """The best of three, in seconds: CPU and wall."""
    best = (9e9, 9e9)
    for _ in range(3):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        best = min(best, (time.process_time() - cpu, time.perf_counter() - wall))
    return best


def main(people: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relays.db"
        store, began = LedgerStore(path), time.perf_counter()
        fill(store, people)
        filled = time.perf_counter() - began
        bare = sqlite3.connect(path)
        sums = (
            "select cast(taken/3600 as int), status, told, sum(people) from fate where kind = 'mail' group by 1, 2, 3"
        )
        one = "select * from fate f join mail m on m.id = f.mail where recipient = 'u77@corp.test' order by taken desc"
        bad = "select sum(people) from fate where kind = 'mail' and status = 'bounced'"
        asked = {
            "totals": (lambda: store.totals(Wanted()), sums),
            "recipient": (lambda: store.fates(Wanted(recipient="u77@corp.test")), one),
            "bounced": (lambda: store.count(Wanted(statuses=("bounced",))), bad),
        }
        out = {"people": people, "filled_s": round(filled, 1), "mib": round(path.stat().st_size / 2**20)}
        for name, (work, sql) in asked.items():
            ours, theirs = timed(work), timed(lambda sql=sql: bare.execute(sql).fetchall())
            out[name] = {
                "ms": round(ours[1] * 1000, 1),
                "bare_ms": round(theirs[1] * 1000, 1),
                "ratio": round(ours[0] / theirs[0], 2),
            }
        whole = timed(lambda: account_of(store, ["mx-backup"], ["corp.test"], since=HOUR - 1.0, now=HOUR))
        out["account_ms"] = round(whole[1] * 1000, 1)
        out["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(json.dumps(out))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
