"""Each promise is broken for real, one at a time: the next look names the thing in red, and after mending it is green.

Nothing is pretended: keys, records, servers, tokens, files and clocks are what is changed.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dns.name
import dns.rdataset
import dns.rdatatype
import pytest
from acceptance.ready_stage import BOOK, MX, Stage

from bcp.contracts.readiness import Check
from bcp.lab.world import DOMAIN


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    found = Stage(tmp_path_factory.mktemp("ready"))
    yield found
    found.stop()


Deed = Callable[[Stage], Any]


@dataclass(frozen=True)
class Broken:
    """One thing that is broken: how, how it is mended, and what the look says of it then."""

    what: str
    code: str
    subject: str
    break_: Deed
    mend: Deed
    named: str
    """What must stand in the sentence."""
    state: str = "fail"


def file(name: str, text: str | bytes) -> tuple[Deed, Deed]:
    """A file is given other contents; mended: it has the old ones."""
    kept: dict[str, bytes] = {}

    def break_(s: Stage) -> None:
        kept[name] = (s.folder / name).read_bytes()
        (s.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return break_, lambda s: (s.folder / name).write_bytes(kept[name])


def gone(name: str) -> tuple[Deed, Deed]:
    """A file is moved away; mended: it is back."""
    return (
        lambda s: (s.folder / name).rename(s.folder / f"{name}.away"),
        lambda s: (s.folder / f"{name}.away").rename(s.folder / name),
    )


def edited(name: str, old: str, new: str) -> tuple[Deed, Deed]:
    """A text in a file is replaced."""

    def change(s: Stage, a: str, b: str) -> None:
        text = (s.folder / name).read_text()
        assert a in text
        (s.folder / name).write_text(text.replace(a, b))

    return lambda s: change(s, old, new), lambda s: change(s, new, old)


def record(kind: str, owner: str, *texts: str, ttl: int = 1) -> tuple[Deed, Deed]:
    """A record of the zone is another, or there where none was. What the resolver has cached goes, too."""
    name, rdtype = dns.name.from_text(owner), dns.rdatatype.from_text(kind)
    kept: dict[str, Any] = {}

    def put(s: Stage, found: Any) -> None:
        zone = next(z for z in s.world.names.zones if name.is_subdomain(z.name))
        kept.setdefault("old", zone.sets.get((name, rdtype)))
        zone.sets[(name, rdtype)] = found
        if found is None:
            del zone.sets[(name, rdtype)]
        s.forget()

    return lambda s: put(s, dns.rdataset.from_text("IN", kind, ttl, *texts)), lambda s: put(s, kept["old"])


def attribute(of: Callable[[Stage], Any], name: str, value: Any) -> tuple[Deed, Deed]:
    """Something in the outside world behaves otherwise."""
    kept: dict[str, Any] = {}

    def break_(s: Stage) -> None:
        kept["old"] = getattr(of(s), name)
        setattr(of(s), name, value)

    return break_, lambda s: setattr(of(s), name, kept["old"])


def config(section: str, key: str, value: Any) -> tuple[Deed, Deed]:
    """A key of the configuration is another."""
    kept: dict[str, Any] = {}

    def break_(s: Stage) -> None:
        kept["old"] = dict(s.data[section])
        s.write(**{section: {**s.data[section], key: value}})

    return break_, lambda s: s.write(**{section: kept["old"]})


def relay_days(days: float) -> Deed:
    async def again(s: Stage) -> None:
        await s.relay.stop()
        await s.relay.start(days)

    return lambda s: s.loop.do(again(s))


def token(expires_s: float) -> str:
    """A JSON Web Token, unsigned, that ends so long from now."""
    data = json.dumps({"exp": int(time.time() + expires_s)}).encode()
    return f"eyJh.{base64.urlsafe_b64encode(data).decode().rstrip('=')}.c2ln"


def aged(s: Stage, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(s.folder / "copies" / "state.tar", (at, at))


BROKEN = (
    Broken("the key at the DNS host", "dns-right", DOMAIN, *file("secrets/tsig", base64.b64encode(b"x" * 32)),
           "corp.test"),
    Broken("the DNS server", "dns-reach", DOMAIN, *attribute(lambda s: s.world.names, "silent", True), "corp.test"),
    Broken("the TTL of the MX", "dns-ttl", DOMAIN,
           *record("MX", DOMAIN, "0 corp-test.mail.protection.outlook.test.", ttl=86_400), "86400", "risk"),
    Broken("mail goes elsewhere", "dns-mx", DOMAIN, *record("MX", DOMAIN, "0 mx.attacker.test."), "mx.attacker.test"),
    Broken("a TLSA record of the relay", "relay-tlsa", MX,
           *record("TLSA", f"_25._tcp.{MX}", "3 1 1 " + "ab" * 32), "TLSA"),
    Broken("the relay's host name", "relay-address", MX, *record("CNAME", MX, "elsewhere.test."), "CNAME"),
    Broken("a policy for senders that cannot be fetched", "dns-mta-sts", DOMAIN,
           *record("TXT", f"_mta-sts.{DOMAIN}", '"v=STSv1; id=1;"'), "MTA-STS"),
    Broken("the relay refuses our people", "relay-accepts", "tls-backup for corp.test",
           *attribute(lambda s: s.relay, "refuses", "450 4.7.1 Go away"), "alice@corp.test"),
    Broken("the relay is down", "relay-accepts", "tls-backup for corp.test", lambda s: s.loop.do(s.relay.stop()),
           lambda s: s.loop.do(s.relay.start()), "tls-backup"),
    Broken("the relay takes mail for anybody", "relay-closed", "tls-backup",
           *attribute(lambda s: s.relay, "strangers", True), "open relay"),
    Broken("the relay knows nobody from somebody", "relay-recipients", "tls-backup for corp.test",
           *attribute(lambda s: s.relay, "known", {"alice", "bcp-nobody-of-this-name"}), "do not exist", "risk"),
    Broken("the relay's certificate is over", "relay-certificate", MX, relay_days(-1), relay_days(300), "ended on"),
    Broken("the relay's certificate is nearly over", "relay-certificate", MX, relay_days(5.5), relay_days(300), "in 5d",
           "risk"),
    Broken("the relay's queue", "relay-queue", "tls-backup",
           *attribute(lambda s: s.world.relay, "queue", lambda: 1 / 0), "tls-backup"),
    Broken("the token of the text messages", "channel", "sms",
           *attribute(lambda s: s.world.vendors, "twilio_token", "another"), "Authenticate"),
    Broken("the token of the chat", "channel", "slack",
           *attribute(lambda s: s.world.vendors, "slack_token", "another"), "Slack"),
    Broken("nobody of the staff has a phone", "audience-channel", "employees by sms",
           *file("contacts.csv", "id,name,email,phone,slack,language,groups\nalice,A,,,U1,en,staff;oncall\n"),
           "reaches nobody"),
    Broken("one of the staff has none", "audience-reach", "employees",
           *edited("contacts.csv", "carol,Carol Clerk,,+12025550103", "carol,Carol Clerk,,"), "carol", "risk"),
    Broken("the group is empty", "audience-reach", "oncall", *edited("contacts.csv", "staff;oncall", "staff"),
           "nobody is in the audience oncall"),
    Broken("an approver has one way", "approver-ways", "bob", *edited("contacts.csv", ",U2,de", ",,de"), "bob", "risk"),
    Broken("nobody is behind the gate", "approvers-enough", "own/gate",
           *edited("contacts.csv", "staff;oncall", "staff"), "0 of group:oncall"),
    Broken("the contacts cannot be read", "configuration", "", *gone("contacts.csv"), "contacts.csv"),
    Broken("a secret is unset", "secret", "channels: slack: token (file:secrets/slack)", *gone("secrets/slack"),
           "slack"),
    Broken("an approval code is unset", "secret", "approvals: codes: bob (file:secrets/code-bob)",
           *file("secrets/code-bob", ""), "is empty"),
    Broken("a token is over", "secret-expiry", "approvals: codes: carol (file:secrets/spare)",
           *file("secrets/spare", token(-10)), "ended on"),
    Broken("the site's certificate is over", "site-certificate", "localhost",
           lambda s: s.loop.do(s.renew_site(-1)), lambda s: s.loop.do(s.renew_site(300)), "localhost ended on"),
    Broken("the copy of the state is old", "state-copy", "copies", lambda s: aged(s, 2 * 86_400),
           lambda s: aged(s, 0), "is 2d"),
    Broken("the copy of the state is gone", "state-copy", "copies", *gone("copies"), "no such folder"),
    Broken("a database is damaged", "state-database", "leases.db", *file("state/leases.db", b"no database" * 900),
           "cannot be read"),
    Broken("the state cannot be written", "disk", "state", lambda s: (s.folder / "state" / ".ready").mkdir(),
           lambda s: (s.folder / "state" / ".ready").rmdir(), "cannot be written"),
    Broken("the clock is wrong", "clock-offset", "127.0.0.1", *attribute(lambda s: s.time, "shift", 600.0),
           "10m behind"),
    Broken("the clock was set back", "clock", "", *attribute(lambda s: s.clock, "shift", -86_400.0), "set back"),
    Broken("a playbook is misspelt", "playbook", "own", *edited("playbooks/own.yaml", "uses: notify", "uses: notfy"),
           "notfy"),
    Broken("a playbook names a relay that is not there", "playbook", "own",
           *edited("playbooks/own.yaml", "relay: tls-backup", "relay: tls-bakup"), "tls-bakup"),
    Broken("a playbook falls with what is down", "shared-fate", "own",
           *edited("bcp.yaml", "kind: twilio-sms", "depends_on: [microsoft]\n    kind: twilio-sms"), "microsoft"),
    Broken("a playbook names an audience that is not there", "audience-reach", "board",
           *file("playbooks/own.yaml", BOOK.replace("audience: employees", "audience: board")), "board"),
)  # fmt: skip


def find(seen: Any, case: Broken) -> Check | None:
    """The check of this case. Paths and ports of this machine are only the beginning or the end of a subject."""
    exact = seen.get((case.code, case.subject))
    if exact is not None:
        return exact
    some = [c for c in seen.values() if c.code == case.code and case.subject and case.subject in c.subject]
    return some[0] if len(some) == 1 else None


@pytest.fixture(scope="module")
def before(stage: Stage) -> dict[str, Any]:
    """What was seen last: a green look after one case is the look before the next."""
    stage.seen()  # the state folder is made
    return {"seen": stage.seen()}


@pytest.mark.parametrize("case", BROKEN, ids=lambda c: c.what.replace(" ", "-"))
def test_what_breaks_turns_red_at_the_next_look_by_name_and_green_when_it_is_mended(
    stage: Stage, before: dict[str, Any], case: Broken
) -> None:
    calm = find(before["seen"], case)
    assert calm is None or calm.state == "ok", calm
    case.break_(stage)
    try:
        red = find(stage.seen(), case)
    finally:
        case.mend(stage)
    assert red is not None and red.state == case.state, red
    assert case.named in red.says and red.hint, red
    before["seen"] = stage.seen()
    green = find(before["seen"], case)
    assert green is None or green.state == "ok", green
    assert (green is None) == (calm is None)
    told = {(c.code, c.before, c.after) for c in stage.store.changes(0, 1000)}
    if calm is not None:  # it is remembered, with when
        assert {(case.code, "ok", case.state), (case.code, case.state, "ok")} <= told


def test_there_are_twenty_things_and_more() -> None:
    assert len({c.what for c in BROKEN}) == len(BROKEN) >= 20
