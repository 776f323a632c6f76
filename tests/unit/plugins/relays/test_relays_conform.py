"""Each of our relays keeps what ``bcp.testing.relay`` asks of every relay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bcp import registry
from bcp.contracts.relay import MailFate, QueuedMail, RelayPlugin
from bcp.testing.relay import RelaySuite


class TestSmtp(RelaySuite):
    """Postfix: `postqueue -j` and its log; tests/real looks at Postfix itself."""

    plugin = registry.find(RelayPlugin, "smtp")

    def settings(self) -> dict[str, Any]:
        (self.folder / "queue").touch()
        (self.folder / "log").touch()
        return {
            "hosts": [{"host": "Backup.Relay.test", "addresses": ["127.0.0.1"]}], "port": 9,
            "queue": {"command": ["cat", str(self.folder / "queue")]}, "log": str(self.folder / "log"), "drain": "command", "drain_command": ["true"],
        }  # fmt: skip

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        rows = [{"queue_name": "deferred", "queue_id": m.queue_id, "arrival_time": m.arrived, "message_size": 1, "sender": m.sender, "recipients": [{"address": r, "delay_reason": "later"} for r in m.recipients]} for m in mails]
        (self.folder / "queue").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def garble(self, listing: bytes) -> None:
        (self.folder / "queue").write_bytes(listing)

    def end(self, fates: Sequence[MailFate]) -> None:
        with (self.folder / "log").open("a") as log:
            for f in fates:
                log.write(f"Jan 22 17:45:01 relay postfix/smtp[1]: {f.queue_id}: to=<{f.recipient}>, relay=mx.test[192.0.2.1]:25, delay=1, dsn=2.0.0, status={f.status} ({f.detail})\n")


def test_every_relay_of_ours_is_here() -> None:
    """A new one joins."""
    assert {c.plugin.kind for c in RelaySuite.__subclasses__() if c.__module__ == __name__} == set(registry.own("relays"))
