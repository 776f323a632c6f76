"""A log read in a test: what it says, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Reader
from bcp.relay.listen import Listener
from bcp.relay.lives import Lives
from bcp.relay.mail import Mail

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 27, 10, 0, tzinfo=UTC).timestamp()
Q = "4fR1Qx2hZnz9tK"


class Empty:
    """A shelf with nothing on it."""

    def by_key(self, key: str) -> Mail | None:
        return None

    def by_uid(self, uid: str) -> Mail | None:
        return None


class Log:
    """A log of Postfix, one second a line unless a test says more."""

    def __init__(self, zone: tzinfo = UTC, now: float = NOW, copies: tuple[str, ...] = ()) -> None:
        self.lives = Lives(Empty(), copies=copies)
        self.listener = Listener(Reader(Dating(zone, now)), self.lives)
        self.second = 0
        self.said = list[str]()

    def say(self, daemon: str, text: str, *, after: int = 1, instance: str = "postfix", pid: int = 11) -> Log:
        self.second += after
        stamp = datetime.fromtimestamp(AT + self.second, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        self.said.append(f"{stamp} relay {instance}/{daemon}[{pid}]: {text}")
        self.listener.hear([self.said[-1].encode()])
        return self

    def taken(
        self, *, ident: str = Q, people: int = 1, sender: str = "out@side.test", mid: str = "m1@side.test"
    ) -> Log:
        """A message comes in by SMTP."""
        self.say("smtpd", f"{ident}: client=mail.side.test[192.0.2.7]")
        self.say("cleanup", f"{ident}: message-id=<{mid}>")
        return self.say("qmgr", f"{ident}: from=<{sender}>, size=1234, nrcpt={people} (queue active)")

    def tried(
        self, to: str, status: str, answer: str = "250 2.0.0 Ok: queued as AAA1", *, ident: str = Q, **more
    ) -> Log:
        orig = f", orig_to=<{more.pop('orig')}>" if "orig" in more else ""
        via = more.pop("via", "mx.corp.test[192.0.2.1]:25")
        daemon = more.pop("daemon", "smtp")
        text = f"to=<{to}>{orig}, relay={via}, delay=9, delays=1/2/3/3, dsn=2.0.0, status={status} ({answer})"
        return self.say(daemon, f"{ident}: {text}", **more)

    def gone(self, ident: str = Q) -> Log:
        return self.say("qmgr", f"{ident}: removed")

    @property
    def mails(self) -> list[Mail]:
        return list(self.lives._mails.values())

    def mail(self, ident: str = Q) -> Mail:
        """The last message that had this id."""
        return [m for m in self.mails if ident in m.ids][-1]

    def fates(self, ident: str = Q) -> dict[str, str]:
        return {p.orig or p.to: p.status for p in self.mail(ident).people}
