"""SMTP sessions of smtpd: whose TLS a message came with, and how many messages a session says that it left. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from bcp.relay import said as ev
from bcp.relay.cabinet import Cabinet, Shelf
from bcp.relay.mail import Mail
from bcp.relay.said import Event


@dataclass(slots=True)
class Session:
    """An SMTP session of one smtpd process."""

    tls: str = ""
    keys: list[str] = field(default_factory=list)
    ahead: tuple[str, ...] = ()
    """A rule (``hold``, ``discard``, ``redirect``) for the message that comes next, whom it is to and from."""


class Sessions(Cabinet):
    """``instances``: prefixes of the queue ids of each instance of Postfix (postmulti(1)) that was heard."""

    def __init__(self, shelf: Shelf, sessions: dict[str, Session] | None = None) -> None:
        super().__init__(shelf)
        self.sessions: dict[str, Session] = sessions if sessions is not None else {}
        self.instances = {"", *(f"{k.rpartition(':')[0]}:" for k in self.sessions if ":" in k)}

    def _accepted(self, mail: Mail, at: float) -> None:
        mail.accepted = mail.accepted or at

    def _session(self, pid: str, event: Event, at: float) -> None:
        if isinstance(event, ev.Encrypted):
            self.sessions[pid] = Session(event.tls)
        elif isinstance(event, ev.RuleAhead):
            self.sessions.setdefault(pid, Session()).ahead = (event.rule, event.to, event.sender)
        elif isinstance(event, ev.Hung) and (session := self.sessions.pop(pid, None)) is not None:
            mails = [m for m in map(self._mail, session.keys) if m is not None]
            if event.taken != len(session.keys) or len(mails) != len(session.keys):
                return
            for mail in mails:
                self._left(mail, event.recipients if len(mails) == 1 else 0, at)

    def _left(self, mail: Mail, recipients: int, at: float) -> None:
        """Its session ended well. ``recipients``: how many it had, unless qmgr said so; 0: nobody knows."""
        thrown_away = mail.rest == "removed" and not mail.recipients
        if mail.rest != "refused" and (thrown_away or not mail.accepted):
            self._accepted(mail, at)
            mail.recipients = max(mail.recipients, recipients)
            self._touch(mail, at)
