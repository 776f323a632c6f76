"""People: formats, audiences, quiet hours, sealed snapshots, the call tree, and who is told how."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, bcp

from bcp.comms.courier import Courier
from bcp.comms.pack import load_pack
from bcp.contacts.directory import Audience, Directory, matcher
from bcp.contacts.load import load_contacts
from bcp.contacts.quiet import is_quiet, parse_quiet
from bcp.contacts.seal import new_signing_key
from bcp.contacts.snapshot import Keys, differences, read_snapshot, write_snapshot
from bcp.contacts.tree import page
from bcp.contracts.channel import Channel, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import PluginSettings
from bcp.contracts.services import Halt, Order
from bcp.kernel.errors import Invalid, Permanent, Refused
from bcp.testing.clock import FakeClock

SECRET = "k" * 32
ANNA = Contact(
    "anna",
    "Anna",
    "anna@x.example",
    "+4930123456",
    language="de",
    groups=("staff", "sales"),
    manager="boss",
    timezone="Europe/Berlin",
)
BOSS = Contact("boss", "Boss", "boss@x.example", "+4930123457", groups=("staff", "board"))
CARL = Contact("carl", "Carl", "", "", groups=("staff",), manager="anna", optout=("sms",))

LDIF = """version: 1
dn: CN=Anna Schmidt,OU=People,DC=x,DC=example
objectClass: user
sAMAccountName: anna
displayName:: QW5uYSBTY2htw7ZkdA==
mail: anna@x.example
mobile: +49 30 123456
title: Head of
  Sales
memberOf: CN=Sales Team,OU=Groups,DC=x,DC=example
userAccountControl: 512
manager: CN=Boss,OU=People,DC=x,DC=example

dn: CN=Gone,DC=x,DC=example
sAMAccountName: gone
mail: gone@x.example
userAccountControl: 514
"""
SCIM = {
    "Resources": [
        {
            "userName": "anna@x.example",
            "displayName": "Anna",
            "active": True,
            "emails": [{"value": "b@x.example"}, {"value": "anna@x.example", "primary": True}],
            "phoneNumbers": [{"type": "work", "value": "+4930999999"}, {"type": "mobile", "value": "tel:+4930123456"}],
            "preferredLanguage": "de-DE",
            "groups": [{"display": "staff"}],
        },
        {"userName": "gone@x.example", "active": False},
    ]
}


def test_ldif_and_scim(tmp_path) -> None:
    """Folded lines, base64, groups by name; disabled accounts stay out."""
    (tmp_path / "ad.ldif").write_text(LDIF)
    (tmp_path / "idp.json").write_text(json.dumps(SCIM))
    (anna,) = load_contacts(tmp_path / "ad.ldif")
    assert (anna.id, anna.name, anna.phone, anna.groups, anna.title, anna.manager) == (
        "anna",
        "Anna Schmödt",
        "+4930123456",
        ("sales-team",),
        "Head of Sales",
        "boss",
    )
    (other,) = load_contacts(tmp_path / "idp.json")
    assert (other.id, other.email, other.phone, other.language, other.groups) == (
        "anna",
        "anna@x.example",
        "+4930123456",
        "de",
        ("staff",),
    )
    for name, text in (("x.ldif", "no colon here\n"), ("x.ldif", "a:: !!!\n"), ("x.json", "{"), ("x.json", "{}")):
        (tmp_path / name).write_text(text)
        with pytest.raises(Invalid):
            load_contacts(tmp_path / name)


def test_audiences_by_expression_and_who_first() -> None:
    """Narrowed, asked of everybody, ordered; a bad expression is said."""
    directory = Directory(
        (ANNA, BOSS, CARL),
        {
            "sales": Audience("sales", where="'sales' in groups and language == 'de'"),
            "phones": Audience("phones", ("staff",), where="phone != ''"),
            "all": Audience("all", ("staff",), first=("group:board", "carl")),
        },
    )
    assert [c.id for c in directory.members("sales")] == ["anna"]
    assert [c.id for c in directory.members("phones")] == ["anna", "boss"]
    assert [c.id for c in directory.members("all")] == ["boss", "carl", "anna"]
    for bad in ("nothing == 1", "1 +", "groups.append('x')"):
        with pytest.raises(Invalid):
            matcher(bad)


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("22:00-07:00", "23:30", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("22:00-07:00", "12:00", False),
        ("12:00-13:00", "12:30", True),
        ("12:00-13:00", "13:00", False),
        ("", "03:00", False),
    ],
)
def test_quiet_hours(hours, at, quiet) -> None:
    """Over midnight too."""
    hour, minute = at.split(":")
    assert is_quiet(1_800_000_000 // 86_400 * 86_400 + int(hour) * 3600 + int(minute) * 60, hours, "UTC") is quiet


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 2**31))
def test_quiet_and_awake_share_the_day(start, end, at) -> None:
    """Exactly one of two complementary spans holds."""
    text = lambda a, b: f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}"  # noqa: E731
    if start != end:
        assert is_quiet(float(at), text(start, end), "UTC") != is_quiet(float(at), text(end, start), "UTC")


def test_quiet_hours_follow_the_persons_zone() -> None:
    """22:30 in Berlin is 21:30 UTC in winter."""
    winter = 1_800_000_000 // 86_400 * 86_400 + 21 * 3600 + 1800
    assert is_quiet(winter, "22:00-07:00", "Europe/Berlin") and not is_quiet(winter, "22:00-07:00", "UTC")
    with pytest.raises(ValueError):
        parse_quiet("25:00-07:00")


# -- snapshots ---------------------------------------------------------------------------------------------------


def test_a_sealed_snapshot_shows_nothing_and_needs_the_key(tmp_path) -> None:
    """Encrypted, altered, other key, other signature, plain where a signature is demanded."""
    path = tmp_path / "s.json"
    private, public = new_signing_key()
    keys = Keys(SECRET, private, public)
    write_snapshot(path, [ANNA, BOSS], taken_at=1.0, source="test", keys=keys)
    text = path.read_text()
    assert (
        "anna" not in text.lower()
        and "+4930" not in text
        and json.loads(text)["count"] == 2
        and path.stat().st_mode & 0o777 == 0o600
    )
    assert read_snapshot(path, keys)[0] == (ANNA, BOSS)
    for bad in (Keys("x" * 32, "", public), Keys(SECRET, "", new_signing_key()[1])):
        with pytest.raises(Refused):
            read_snapshot(path, bad)
    with pytest.raises(Invalid):
        read_snapshot(path)
    data = json.loads(text)
    path.write_text(json.dumps({**data, "taken_at": 2.0}))
    with pytest.raises(Refused):
        read_snapshot(path, Keys(SECRET))
    write_snapshot(path, [ANNA], taken_at=1.0, source="test", keys=Keys(SECRET))
    with pytest.raises(Refused):
        read_snapshot(path, keys)
    write_snapshot(path, [ANNA], taken_at=1.0, source="test")
    with pytest.raises(Invalid):
        read_snapshot(path, keys)


def test_differences() -> None:
    """Who came, went, changed, and in what."""
    assert differences([ANNA, CARL], [replace(ANNA, phone="+4930999"), BOSS]) == [
        ("changed", "anna", ("phone",)),
        ("added", "boss", ()),
        ("removed", "carl", ()),
    ]


def test_the_call_tree_leaves_nobody_out() -> None:
    """Circles, unknown managers, hostile names; no script, no request."""
    loop = [
        replace(ANNA, manager="boss"),
        replace(BOSS, manager="anna", name="<script>x</script>"),
        CARL,
        Contact("dora", "Dora", manager="nobody"),
    ]
    text = page("Corp", loop, 0.0, "+4930")
    assert (
        "<script" not in text
        and all(text.count(n) == 1 for n in ("Anna", "Carl", "Dora", "&lt;script&gt;"))
        and "http" not in text
    )


def test_the_command_line(tmp_path) -> None:
    """Sync, diff, show, export, tree, forget; masked by default; forgotten people do not come back."""
    (tmp_path / "bcp.yaml").write_text(
        "version: 1\norganisation: {name: Corp}\ndomains: [{name: corp.test, dns: main}]\n"
        "dns: {main: {kind: rfc2136, server: 127.0.0.1:1, key: {name: k, secret: 'env:NONE'}}}\n"
        "contacts: {snapshot: people.json, key: 'env:PEOPLE_KEY'}\naudiences: {all: {groups: [staff]}}\n"
    )
    (tmp_path / "hr.csv").write_text(
        "id,name,phone,email,groups,manager\nanna,Anna,+4930123456,anna@x.example,staff,boss\nboss,=cmd(),+4930123457,,staff,\n"
    )
    env = {"PEOPLE_KEY": SECRET}

    def run(*words):
        return bcp("contacts", *words, cwd=tmp_path, env=env)

    assert (
        "2 added" in run("sync", "--from-file", "hr.csv", "--dry-run").stdout
        and not (tmp_path / "people.json").exists()
    )
    assert "2 added" in run("sync", "--from-file", "hr.csv").stdout
    assert "0 added, 0 removed, 0 changed" in run("sync", "--from-file", "hr.csv").stdout
    shown = run("show", "anna").stdout
    assert "+49***56" in shown and "123456" not in shown and "123456" in run("show", "anna", "--full").stdout
    assert run("show", "ana").returncode == 2
    assert run("export", "out.csv").returncode == 0
    text = (tmp_path / "out.csv").read_text()
    assert "123456" not in text and "'=cmd()" in text
    assert run("tree", "tree.html").returncode == 0 and "Anna" in (tmp_path / "tree.html").read_text()
    assert run("forget", "anna", "--yes").returncode == 0
    assert "1 person" in run("sync", "--from-file", "hr.csv").stdout and "anna" not in run("list").stdout
    assert run("diff", "hr.csv").stdout.startswith("removed")
    assert bcp("contacts", "list", cwd=tmp_path, env={"PEOPLE_KEY": "y" * 32}).returncode == 3


# -- who is told how ---------------------------------------------------------------------------------------------


class Recording(Channel[PluginSettings]):
    """Takes what it is given, or fails for some."""

    kind, Settings = "recording", PluginSettings

    def __init__(self, name, form, fails=(), broadcast=False) -> None:
        super().__init__(name, PluginSettings(kind="recording"))
        self.form, self.fails, self.sent = form, set(fails), []
        self.broadcast = broadcast

    def address_of(self, contact):
        return contact.phone and f"{contact.id}:{contact.phone}"

    async def send(self, delivery):
        if delivery.address.split(":")[0] in self.fails:
            raise Permanent("no such number")
        self.sent.append(delivery.address.split(":")[0])
        return Receipt(delivery.address)

    async def find(self, delivery):
        return None


class Ledger:
    """A journal in memory."""

    def __init__(self) -> None:
        self.rows = {}

    async def claim_soon(self, key, step, request):
        from bcp.contracts.journal import Claim, ClaimState

        done = self.rows.get(key)
        return Claim(key, ClaimState.DONE if done else ClaimState.GO, outcome=done, claimed_at=1.0)

    async def record(self, kind, **data):
        pass

    async def settle(self, key, outcome):
        self.rows[key] = outcome

    async def settle_soon(self, key, outcome):
        self.rows[key] = outcome

    async def doubt(self, key, reason):
        self.rows[key] = None


def told(people, channels, *, at=1_800_000_000.0, audience=None, ledger=None, halt=None, **order):
    clock = FakeClock(at)
    directory = Directory(tuple(people), {"all": audience or Audience("all", ("staff",))})
    values = {
        "org": {"name": "Corp", "hotline": "", "status_page": "s", "signature": "IT"},
        "next_update": "10:30 UTC",
        "since": "09:00 UTC",
        "now": "10:00 UTC",
        "outage_class": "A",
        "run": {"id": "r"},
    }
    courier = Courier(
        directory,
        load_pack([ROOT / "playbooks" / "messages"]),
        {c.name: c for c in channels},
        ledger or Ledger(),
        clock,
        lambda extra: {**values, **extra},
        halt=halt,
    )
    return asyncio.run(
        courier.deliver(Order("all", "employees-investigating", tuple(c.name for c in channels), **order), "run/step")
    )


def test_first_tries_each_persons_channels_in_their_order() -> None:
    """Anna wants calls first; Boss's text fails and he is called; who has nothing is counted;
    repeating sends nothing again."""
    anna = replace(ANNA, channels=("voice",))
    sms, voice, ledger = Recording("sms", "sms", fails=("boss",)), Recording("voice", "voice"), Ledger()
    tallies = told(
        [anna, BOSS, replace(CARL, phone="+4930123458", optout=())], [sms, voice], ledger=ledger, strategy="first"
    )
    assert sms.sent == ["carl"] and sorted(voice.sent) == ["anna", "boss"]
    assert {t.channel: (t.sent, t.failed) for t in tallies} == {"sms": (1, 1), "voice": (2, 0)}
    told([anna, BOSS, replace(CARL, phone="+4930123458", optout=())], [sms, voice], ledger=ledger, strategy="first")
    assert sms.sent == ["carl"] and sorted(voice.sent) == ["anna", "boss"]


def test_by_all_channels_each_person_is_told_only_by_those_that_they_want() -> None:
    """By name or by kind; whoever names none is told by all, and a no wins over a wish."""
    anna, carl = replace(ANNA, channels=("voice",)), replace(CARL, phone="+4930123458", channels=("text-room", "sms"))
    sms, voice = Recording("text-room", "sms"), Recording("phone", "voice")
    told([anna, BOSS, carl], [sms, voice])
    assert sorted(sms.sent) == ["boss"] and sorted(voice.sent) == ["anna", "boss"]


def test_opt_outs_and_quiet_hours_are_kept_and_counted() -> None:
    """Unless somebody says why not this time; chat wakes nobody."""
    night = 1_800_000_000 // 86_400 * 86_400 + 2 * 3600
    people = [ANNA, BOSS, replace(CARL, phone="+4930123458")]
    audience = Audience("all", ("staff",), quiet="22:00-07:00", timezone="UTC")
    sms, chat = Recording("sms", "sms"), Recording("chat", "chat")
    tallies = {t.channel: t for t in told(people, [sms, chat], at=night, audience=audience)}
    assert (tallies["sms"].sent, tallies["sms"].quiet, tallies["sms"].opted_out) == (0, 2, 1) and tallies[
        "chat"
    ].sent == 3
    tallies = {
        t.channel: t for t in told(people, [sms], at=night, audience=audience, override_quiet="the plant stands still")
    }
    assert (tallies["sms"].sent, tallies["sms"].opted_out) == (2, 1)


def test_stop_leaves_the_rest_here() -> None:
    """What has not left is counted as stopped."""
    halt = Halt()
    people = [Contact(f"p{i}", phone=f"+49301234{i:03}", groups=("staff",)) for i in range(200)]

    class Stops(Recording):
        async def send(self, delivery):
            if len(self.sent) == 20:
                halt.on = True
            return await super().send(delivery)

    (tally,) = told(people, [Stops("sms", "sms")], halt=halt)
    assert tally.sent + tally.stopped == 200 and 20 <= tally.sent <= 60


# -- answers and clocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("1", "1"),
        (" 2 ", "2"),
        ("1 ok", "1"),
        ("#1", "1"),
        ("(2)", "2"),
        ("1.", "1"),
        ("10", ""),
        ("yes", ""),
        ("", ""),
        ("in 1 hour", ""),
    ],
)
def test_answers_are_digits(text, digit) -> None:
    """What a person on the way types."""
    from bcp.comms.answers import digit_of

    assert digit_of(text) == digit


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["1", "2", "9", "thanks", ""]), st.floats(0, 100)), max_size=30
    )
)
def test_everybody_is_in_exactly_one_place(replies) -> None:
    """Answered, unclear or silent; strangers count nowhere."""
    from bcp.comms.answers import tally
    from bcp.contracts.channel import Inbound

    people = [Contact(f"p{i}", phone=f"+4930{i}") for i in range(4)]
    found = tally(people, [Inbound(f"+4930{i}", t, at) for i, t, at in replies], 50.0, {"1": "read", "2": "help"})
    places = [*(a.contact for a in found.answered), *(a.contact for a in found.unclear), *found.silent]
    assert sorted(places) == [p.id for p in people]
    assert set(found.counts()) <= {"1", "2"}
    wrote = {i for i, _, at in replies if at >= 50.0 and i < 4}
    assert {f"p{i}" for i in wrote} == set(places) - set(found.silent)


def test_a_later_digit_counts_and_thanks_undoes_nothing() -> None:
    """2 after 1 is 2; words after a digit are words."""
    from bcp.comms.answers import tally
    from bcp.contracts.channel import Inbound

    said = [Inbound("+49301", "1", 10.0), Inbound("+49301", "2 help", 20.0), Inbound("+49301", "thanks", 30.0)]
    found = tally([Contact("p", phone="+49301")], said, 0.0, {"1": "read", "2": "help"})
    assert [(a.contact, a.digit) for a in found.answered] == [("p", "2")]


def test_reporting_clocks() -> None:
    """The earlier limit counts; what has not begun is last; the shipped file is valid and its drafts exist."""
    from bcp.comms.clocks import due, load_clocks

    clocks = load_clocks(ROOT / "playbooks" / "clocks" / "regulators.yaml")
    pack = load_pack([ROOT / "playbooks" / "messages"])
    assert all(c.draft in pack and pack.get(c.draft).file.draft and c.source for c in clocks)
    found = {d.clock.name: d.at for d in due(clocks, {"aware": 0.0, "classified": 22 * 3600.0})}
    assert (
        found["dora-initial"] == 24 * 3600 and found["nis2-early-warning"] == 24 * 3600 and found["dora-final"] is None
    )
    assert due(clocks, {"aware": 0.0, "classified": 3600.0})[0].at == 5 * 3600
