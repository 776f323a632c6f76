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
            "queue": {"command": ["cat", str(self.folder / "queue")]}, "log": str(self.folder / "log"),
            "drain": "command", "drain_command": ["true"],
        }  # fmt: skip

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        rows = [
            {
                "queue_name": "deferred",
                "queue_id": m.queue_id,
                "arrival_time": m.arrived,
                "message_size": 1,
                "sender": m.sender,
                "recipients": [{"address": r, "delay_reason": "later"} for r in m.recipients],
            }
            for m in mails
        ]
        (self.folder / "queue").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def garble(self, listing: bytes) -> None:
        (self.folder / "queue").write_bytes(listing)

    def end(self, fates: Sequence[MailFate]) -> None:
        with (self.folder / "log").open("a") as log:
            for f in fates:
                log.write(
                    f"Jan 22 17:45:01 relay postfix/smtp[1]: {f.queue_id}: to=<{f.recipient}>, "
                    f"relay=mx.test[192.0.2.1]:25, delay=1, dsn=2.0.0, status={f.status} ({f.detail})\n"
                )


class TestHosted(RelaySuite):
    """A service of somebody else's: queue and fates by programs of ours."""

    plugin = registry.find(RelayPlugin, "hosted")

    def settings(self) -> dict[str, Any]:
        for name in ("queue", "fates"):
            (self.folder / name).touch()
        return {
            "hosts": [{"host": "Backup.Service.test", "addresses": ["127.0.0.1"]}], "port": 9,
            "queue": {"command": ["cat", str(self.folder / "queue")]},
            "fates": {"command": ["cat", str(self.folder / "fates")]},
            "drain": {"command": ["true"]},
        }  # fmt: skip

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        rows = [
            {
                "queue_id": m.queue_id,
                "arrival_time": m.arrived,
                "sender": m.sender,
                "recipients": [{"address": r} for r in m.recipients],
            }
            for m in mails
        ]
        (self.folder / "queue").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def garble(self, listing: bytes) -> None:
        (self.folder / "queue").write_bytes(listing)

    def end(self, fates: Sequence[MailFate]) -> None:
        with (self.folder / "fates").open("a") as out:
            out.writelines(
                json.dumps({"queue_id": f.queue_id, "recipient": f.recipient, "status": f.status, "detail": f.detail})
                + "\n"
                for f in fates
            )


class TestHostedOnItsWord(RelaySuite):
    """The same with nothing to ask it by."""

    plugin = registry.find(RelayPlugin, "hosted")
    counts, tells_fates = False, False

    def settings(self) -> dict[str, Any]:
        return {"hosts": [{"host": "Backup.Service.test", "addresses": ["127.0.0.1"]}], "port": 9}

    def test_what_is_taken_on_its_word_is_said(self) -> None:
        """All of it; with a queue and fates, less."""
        from bcp.contracts.relay import taken_on_word

        said = taken_on_word(self.make(vendor="Acme", keeps="30d"))
        assert "Acme keeps mail for 30 days" in said and "no queue:" in said and "no fates:" in said
        assert "no queue:" not in taken_on_word(self.make(queue={"command": ["x"]}))
        assert self.run(self.make().drain([])) == "the service delivers by itself"

    def test_fates_that_are_none_are_no_fates(self) -> None:
        """An error of the tree; what was not asked for, and what is no end, is not believed."""
        from bcp.kernel.errors import Transient
        from bcp.plugins.relays.hosted import parse_fates

        good = '{"queue_id": "A", "recipient": "X@corp.test", "status": "sent"}'
        assert parse_fates(good, {"A"}) == [MailFate("A", "x@corp.test", "sent", "")]
        assert parse_fates(good, {"B"}) == [] == parse_fates(good.replace("sent", "deferred"), {"A"})
        nobody = good.replace('"X@corp.test"', "null")
        for bad in ("<html>", "[]", "{}", '{"queue_id": 1, "status": "sent"}', nobody, nobody.replace("null", '["x"]')):
            found = self.run(self.outcome(self.wrapped(parse_fates, bad)))
            assert isinstance(found, Transient), bad

    def test_the_newest_word_counts_and_a_word_that_nobody_knows_is_said(self, tmp_path) -> None:
        """By its time where there is one; that it waits again takes an end back, also one of all the others."""
        from bcp.contracts.relay import taken_on_word
        from bcp.plugins.relays.hosted import parse_fates

        def told(*words: object) -> list[str]:
            rows = [w if isinstance(w, tuple) else (w, None) for w in words]
            text = "\n".join(
                json.dumps({"queue_id": "A", "recipient": "a@c.test", "status": s, **({"time": t} if t else {})})
                for s, t in rows
            )
            return [f.status for f in parse_fates(text, {"A"})]

        early, late = "2026-11-27T10:00:00+01:00", "2026-11-27T09:30:00Z"
        assert told("bounced", "deferred") == [] and told("deferred", "Bounced ") == ["bounced"]
        assert told(("sent", late), ("bounced", early)) == ["sent"] == told(("sent", 20), ("deferred", 10.5))
        assert told(("sent", early), ("deferred", late)) == [] and told(("sent", 20), "bounced") == ["bounced"]
        assert told(("sent", "yesterday"), ("bounced", True)) == ["bounced"] == told(("sent", 1e300), "bounced")
        rest = {"queue_id": "A", "status": "sent"}
        one = {**rest, "recipient": "a@c.test", "status": "held"}
        assert parse_fates(f"{json.dumps(rest)}\n{json.dumps(one)}", {"A"}) == []
        (tmp_path / "told").write_text(
            "".join(json.dumps({**rest, "recipient": f"{s}@c.test", "status": s}) + "\n" for s in ("delivered", "sent"))
        )
        relay = self.make(vendor="Acme", fates={"command": ["cat", str(tmp_path / "told")]})
        assert self.run(relay.fates(["A"])) == [MailFate("A", "sent@c.test", "sent", "")]
        assert "1 row(s) of what Acme tells have a status that is not known ('delivered')" in taken_on_word(relay)
        (tmp_path / "told").write_text("")
        assert self.run(relay.fates(["A"])) == [] and "not known" not in taken_on_word(relay)

    def test_what_became_of_it_before_it_came_is_another_mails(self, tmp_path) -> None:
        """Ids come again after days: such a row is not counted, and plans and reports say that there was one."""
        from bcp.contracts.relay import taken_on_word

        came = 1_795_000_000.0
        mail = {
            "queue_id": "A1",
            "sender": "s@o.test",
            "arrival_time": came,
            "recipients": [{"address": "a@corp.test"}],
        }
        (tmp_path / "q").write_text(json.dumps(mail))
        cat = {k: {"command": ["cat", str(tmp_path / n)]} for k, n in (("queue", "q"), ("fates", "f"))}
        relay = self.make(vendor="Acme", **cat)
        self.run(relay.queue())

        def told(at: object) -> int:
            row = {"queue_id": "A1", "recipient": "a@corp.test", "status": "sent", "time": at}
            (tmp_path / "f").write_text(json.dumps(row))
            return len(self.run(relay.fates(["A1"])))

        for wrong in ("2019-01-01T00:00:00Z", -1, came - 61, 9e10):
            assert told(wrong) == 0, wrong
            assert "1 row(s) of what Acme tells have a time before the mail came" in taken_on_word(relay)
        for right in (came, came - 59, came + 5, None):
            assert told(right) == 1, right
            assert "before the mail came" not in taken_on_word(relay)

    def test_what_a_command_tells_is_its_word_too(self) -> None:
        """Nobody here can look: an empty queue, and a mail that was delivered, are what the service says."""
        from bcp.contracts.relay import taken_on_word

        said = taken_on_word(self.make(vendor="Acme", queue={"command": ["x"]}, fates={"url": "http://127.0.0.1/"}))
        assert "Acme holds what it tells, and nothing else" in said and "is what Acme tells of it (fates:)" in said

    def test_a_mail_for_nobody_is_not_passed_over(self, tmp_path) -> None:
        """A queue of mails without recipients would look empty to whoever drains it."""
        from bcp.kernel.errors import Transient

        (tmp_path / "q").write_text('{"queue_id": "A1", "sender": "s@o.test", "arrival_time": 5, "recipients": []}\n')
        found = self.run(self.outcome(self.make(queue={"command": ["cat", str(tmp_path / "q")]}).queue()))
        assert isinstance(found, Transient) and "whom 'A1' in its queue is for" in found.message

    async def wrapped(self, parse: Any, text: str) -> Any:
        return parse(text, {"A"})


def test_every_relay_of_ours_is_here() -> None:
    """A new one joins."""
    assert {
        c.plugin.kind for c in RelaySuite.__subclasses__() if c.__module__ == __name__ and hasattr(c, "plugin")
    } == set(registry.own("relays"))
