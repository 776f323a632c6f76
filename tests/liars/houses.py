"""Houses: which vendor stands behind each channel that the shipped playbooks name, and which probes look.

The playbooks say ``sms`` and ``slack``; what is configured under these names may be anything. So the shipped playbooks
make every vendor's calls, each at the points where a company with that vendor would make them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

GRAPH = {"tenant_id": "t", "client_id": "c", "client_secret": "file:secrets/graph", "timeout": "3s"}
TWILIO = {
    "account_sid": "file:secrets/twilio-sid",
    "auth_token": "file:secrets/twilio-token",
    "from": "+15005550006",
    "timeout": "5s",
}
SLACK = {"token": "file:secrets/slack", "timeout": "5s"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the vendors are."""

    web: str
    resolver: str
    mail: str
    smtp_port: int
    imap_port: int


@dataclass(frozen=True, slots=True)
class House:
    """Channels by name (``sms``, ``slack`` are what the playbooks call them), more probes, and more steps.

    ``forms``: what the shipped messages lack for these channels; it is made from their chat form.
    """

    channels: Mapping[str, Any]
    probes: Mapping[str, Any] = field(default_factory=dict)
    steps: str = ""
    forms: tuple[str, ...] = ()
    only: tuple[str, ...] = ("",)
    """Lies are told at points that begin so: what is asked in every house alike is lied to in one."""
    share: int = 10
    """Of a hundred games."""
    relay: Mapping[str, Any] = field(default_factory=dict)


def twilio_slack(at: Place) -> House:
    """The usual one: texts, a chat, and looks at the web."""
    return House(
        {
            "sms": {"kind": "twilio-sms", "api_url": at.web, **TWILIO},
            "slack": {"kind": "slack", "channel": "C0LAB000001", "api_url": at.web, **SLACK},
        },
        {"owa": {"kind": "https", "url": f"{at.web}/owa", "timeout": "2s"}},
        share=34,
    )


def voice_teams(at: Place) -> House:
    """Calls, and a Teams workflow."""
    return House(
        {
            "sms": {"kind": "twilio-voice", "api_url": at.web, **TWILIO},
            "slack": {"kind": "teams", "url": "file:secrets/teams", "timeout": "5s"},
        },
        forms=("voice",),
        only=("twilio.", "teams."),
    )


def graph(at: Place) -> House:
    """What the provider says of itself, and mailboxes that are opened."""
    return replace(
        twilio_slack(at),
        probes={
            "provider": {"kind": "status-page", "url": f"{at.web}/provider", "timeout": "2s"},
            "health": {"kind": "graph-health", "api_url": at.web, **GRAPH},
            "boxes": {"kind": "graph-mailbox", "api_url": at.web, "mailboxes": ["a@corp.test"], **GRAPH},
        },
        only=("provider.", "graph.", "entra."),
        share=10,
    )


def email_ntfy(at: Place) -> House:
    """Mail by a relay elsewhere, pushes, a ticket, and the sign-in."""
    return House(
        {
            "sms": {
                "kind": "email", "host": at.mail, "port": at.smtp_port, "from": "it@lab.example", "timeout": "5s",
                "avoid_domains": ["corp.test"],
            },
            "slack": {"kind": "ntfy", "url": at.web, "topic": "lab", "timeout": "5s"},
        },
        {
            "entra": {
                "kind": "entra", "tenant_id": "t", "client_id": "c", "client_secret": "file:secrets/graph",
                "authority": at.web, "timeout": "2s",
            },
            "own-mx": {"kind": "own-mx", "domains": ["corp.test"], "resolvers": [at.resolver], "timeout": "3s"},
        },
        steps=(
            f'  - {{id: ticket, uses: http.call, with: {{url: "{at.web}/ticket", body: "{{}}", timeout: 5s}},'
            " needs: [mx], continue_on_error: true, irreversible: A ticket stays.}\n"
        ),
        forms=("email",),
        only=("smtp.submission", "ntfy.", "entra.", "webhook", "dns."),
        share=16,
    )  # fmt: skip


def whatsapp_incident(at: Place) -> House:
    """WhatsApp, a room of its own for each incident, and answers that are waited for."""
    return House(
        {
            "sms": {
                "kind": "twilio-whatsapp", "api_url": at.web, "content_sid": "HX" + "0" * 32, **TWILIO,
            },
            "slack": {"kind": "slack-incident", "api_url": at.web, "invite": ["U0ALICE"], **SLACK},
        },
        {
            "unknown": {
                "kind": "smtp-unknown", "host": "corp-test.mail.protection.outlook.test.", "addresses": ["127.0.25.1"],
                "port": at.smtp_port, "recipient": "nobody@corp.test", "timeout": "2s",
            },
        },
        steps=(
            "  - {id: heard, uses: answers.wait, with: {audience: employees, min: 1, within: 20s}, needs: [mx],"
            " continue_on_error: true}\n"
        ),
        only=("twilio.", "slack.", "smtp."),
        share=12,
    )  # fmt: skip


def programs(at: Place) -> House:
    """A relay that is asked by programs and told of by a log; a texting service and a chat."""
    return replace(
        twilio_slack(at),
        probes={},
        relay={
            "queue": {"command": ["postqueue", "-j"]}, "drain": "command", "drain_command": ["postqueue", "-f"],
            "log": "maillog",
        },
        only=("program.", "file.", "relay."),
        share=10,
    )  # fmt: skip


def told(at: Place) -> House:
    """One place for everybody by Apprise; and probes of what others say: a queue, a front door, alerts, people, a mail
    that goes round."""
    usual = twilio_slack(at)
    return replace(
        usual,
        channels={**usual.channels, "slack": {"kind": "apprise", "url": "file:secrets/apprise", "timeout": "10s"}},
        probes={
            "queue": {"kind": "queue", "command": ["postqueue", "-j"], "timeout": "2s"},
            "door": {"kind": "imap", "host": at.mail, "port": at.imap_port, "tls": False, "timeout": "2s"},
            "alerts": {"kind": "alert"},
            "people": {"kind": "people"},
            "round": {
                "kind": "round-trip", "to": "alice@corp.test", "resolvers": [at.resolver], "port": at.smtp_port,
                "arrival": "maildir", "timeout": "20s",
            },
        },
        only=("apprise.", "imap.", "program.probe", "file.alerts", "file.problems", "file.arrival"),
        share=8,
    )  # fmt: skip


HOUSES: Mapping[str, Callable[[Place], House]] = {
    "twilio-slack": twilio_slack,
    "voice-teams": voice_teams,
    "email-ntfy": email_ntfy,
    "whatsapp-incident": whatsapp_incident,
    "programs": programs,
    "graph": graph,
    "told": told,
}
