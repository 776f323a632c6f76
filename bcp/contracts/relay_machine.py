"""What a relay's own machine is to be: the part ``kit:`` of a relay in ``bcp.yaml``.

``bcp relay kit`` writes the files of a fresh Debian machine from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from bcp.contracts.plugin import Duration, Model, Network
from bcp.kernel.names import domain_name, host_name
from bcp.kernel.placeholder import host_word, host_words
from bcp.kernel.secret import Secret

MEBIBYTE = 2**20
EXCHANGE_LARGEST = 150 * MEBIBYTE
"""Bytes: the largest message that Exchange Online can be set to take (learn.microsoft.com, Exchange Online limits)."""
HostWords = Annotated[list[str], AfterValidator(host_words)]
"""Words of a program, in which ``{host}`` may stand for the host that is meant."""
HostWord = Annotated[str, AfterValidator(host_word)]
"""One such word."""
Mail = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255}$")]


class CertificateSettings(Model):
    """Where the relay's certificate comes from. It must carry the name that is published as MX."""

    challenge: Literal["http", "dns", "own"] = "http"
    """How a certificate authority (ACME, RFC 8555) sees that the name is ours: `http` (port 80 of the relay), `dns`
    (RFC 2136 with the credentials file of certbot-dns-rfc2136 on the relay), or `own`: you put the file there."""
    email: str = ""
    """Whom the authority tells of trouble. Empty: nobody."""
    server: Annotated[str, StringConstraints(pattern=r"^(https://[!-~]+)?$")] = ""
    """Another authority's directory URL. Empty: what certbot takes by itself."""


class RecipientSettings(Model):
    """Whom the relay takes mail for. What it does not know it refuses, so this list has to be whole."""

    directory: str = ""
    """Name of a directory in `bcp.yaml` (such as `graph`) that is asked for users, aliases, shared mailboxes, groups
    and contacts. Empty: files alone."""
    files: list[Path] = Field(default_factory=list)
    """Files with addresses, one a line, beside what the directory gives: dynamic distribution groups, mail-enabled
    public folders and whatever else Graph does not tell."""
    key: Secret | None = None
    """Private Ed25519 key in PEM, by reference, with which lists are signed. The relay has the public half."""
    max_age: Duration = 3 * 86400.0
    """Beyond this age of its list the relay answers 450 to whom it does not know, until then 550."""
    max_drop: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of addresses that may vanish at once without a person saying so."""


class DrainSettings(Model):
    """How fast kept mail is let go. The defaults stay below what Exchange Online is published to take."""

    rate: Annotated[float, Field(gt=0, le=1000)] = 20.0
    """Messages a second at most."""
    first_rate: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Messages a second after the canary; doubled after each step while all is well."""
    step: Duration = 60.0
    """So often the rate is judged: doubled below 2 % of throttled answers, lowered above 10 %."""
    mailbox: Annotated[int, Field(gt=0)] = 1800
    """Messages an hour to one mailbox (Exchange takes 3,600, from all senders together)."""
    pair: Annotated[int, Field(gt=0)] = 600
    """Messages an hour from one sender to one mailbox (Exchange takes a third of 3,600)."""
    canary: Annotated[int, Field(ge=0, le=1000)] = 10
    """So many go first, and nothing else until they are through."""
    refusals: Annotated[int, Field(gt=0)] = 5
    """Permanent refusals within a minute that stop the drain. The mail stays with the relay."""
    important: list[Mail] = Field(default_factory=list)
    """Recipients whose mail goes first."""


class WatchSettings(Model):
    """What is looked at in peacetime."""

    blocklists: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+$")]] = Field(default_factory=list)
    """DNS blocklists on which the relay's addresses should not stand, such as `zen.spamhaus.org`. Mind their terms."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers that are asked: many lists answer none of the large public ones. None: this machine's own."""
    outage: Duration = 86400.0
    """How long an outage the relay's disk must bear; a longer `mtpd` of a playbook that moves MX counts instead."""
    mails_an_hour: Annotated[float, Field(ge=0)] = 0.0
    """Inbound mails in a busy hour, from message trace. 0: not known. A busier hour in the ledger counts instead."""
    mail_size: Annotated[int, Field(gt=0)] = 100_000
    """Bytes of an average mail."""
    queue_age: Duration = 3600.0
    """In peacetime nothing should lie on the relay for longer."""


class RelayMachine(Model):
    """The machine behind a relay."""

    reach: HostWords = Field(default_factory=list)
    """Program that runs a command on the relay, such as `[ssh, bcp-relay@relay.example.net]`. Our words for the relay
    come after it. With several hosts `{host}` stands for the one that is meant."""
    next_hop: dict[str, str] = Field(default_factory=dict)
    """The Exchange host for each domain. Left out: what the last snapshot has from Graph, else `primary:` of the
    domain. Never looked up as MX, for that would be the relay itself during an outage."""
    next_port: Annotated[int, Field(ge=1, le=65535)] = 25
    """Its port."""
    tls: Literal["may", "encrypt", "secure"] = "encrypt"
    """TLS on the way to Exchange: `encrypt` insists on it, `secure` on the host's name in a valid certificate, too."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 10
    """Connections to Exchange at once."""
    message_size: Annotated[int, Field(ge=MEBIBYTE)] = EXCHANGE_LARGEST
    """Largest message, in bytes: not below what your tenant takes."""
    keep: Annotated[int, Field(ge=1, le=100)] = 30
    """Days that mail waits for Exchange."""
    keep_bounces: Annotated[int, Field(ge=1, le=100)] = 5
    """Days that a bounce waits for a sender's server."""
    spare: Annotated[int, Field(ge=0)] = 0
    """Bytes of disk that must stay free. 0: one and a half times the largest message, below which Postfix says 452."""
    certificate: CertificateSettings = CertificateSettings()
    """TLS."""
    postmaster: Mail | None = None
    """Where mail to postmaster, abuse and root of the relay goes."""
    dkim_selector: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$")] = ""
    """Selector of a DKIM key of the relay's own, for the bounces it writes. Empty: they are not signed."""
    spam: Literal["none", "rspamd"] = "none"
    """`rspamd` marks mail with headers, and never refuses it."""
    blocklists: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(\*\d+)?$")]] = Field(default_factory=list)
    """DNS blocklists for postscreen. None: everybody is heard."""
    admin_from: list[Network] = Field(default_factory=list)
    """Networks that may use SSH. None: all."""
    ssh_keys: list[Annotated[str, StringConstraints(pattern=r"^(ssh|ecdsa|sk-)[A-Za-z0-9@. +/=_-]+$")]] = Field(
        default_factory=list
    )
    """Public keys that may ask the relay what `bcp-relay` answers, and nothing else."""
    agent: bool = False
    """Also install the unit that runs `bcp relay agent`."""
    log: Literal["file", "journal"] = "file"
    """Where Postfix writes: `/var/log/bcp-relay/mail.log`, or the system's journal."""
    recipients: RecipientSettings = RecipientSettings()
    """Whom it takes mail for."""
    drain: DrainSettings = DrainSettings()
    """How fast it lets go."""
    watch: WatchSettings = WatchSettings()
    """What is looked at in peacetime."""

    @field_validator("next_hop")
    @classmethod
    def _hosts(cls, value: dict[str, str]) -> dict[str, str]:
        return {domain_name(d): host_name(h).rstrip(".") for d, h in value.items()}

    @property
    def minfree(self) -> int:
        """Bytes of disk below which nothing is accepted."""
        return self.spare or self.message_size * 3 // 2
