"""A look at everything: each failure is a check of its own, and what was seen is read back as it was."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.readiness import NO_PLAYBOOK, Check
from bcp.deeds.readiness import look as looking
from bcp.deeds.readiness import papers, report, weekly
from bcp.deeds.readiness.papers import drills
from bcp.deeds.readiness.scope import names, scope_of
from bcp.kernel.errors import Missing, Permanent
from bcp.kernel.files import open_to_all
from bcp.kernel.secret import Secret
from bcp.ready.standing import standings
from bcp.store.memory.readiness import MemoryReadiness

from .house import BOOK, CONFIG, House

OWN = BOOK.replace("recovery: {playbook: back}\n", "recovery: {playbook: exchange-failback}\n")


def see(app: Any, *more: Any, limit_s: float = 5.0) -> dict[tuple[str, str], Check]:
    found = asyncio.run(looking.look(app, more, limit_s=limit_s))
    return {c.key: c for c in found.checks}


def again(house: House, text: str) -> House:
    (house.folder / "bcp.yaml").write_text(text)
    return House(house.folder)


# -- what is looked at -----------------------------------------------------------------------------------------------


def test_own_playbooks_those_that_are_called_for_and_the_ways_back(house) -> None:
    (house.folder / "playbooks" / "out.yaml").write_text(OWN)
    found = names(house.app)
    assert {"out", "exchange-failback", "exchange-inbound-outage"} <= set(found) and len(found) == len(set(found))


def test_the_configuration_may_name_them(house) -> None:
    assert names(again(house, CONFIG + "readiness: {playbooks: [out]}\n").app) == ["out"]


def test_a_playbook_that_cannot_be_read_hides_no_other(house) -> None:
    (house.folder / "playbooks" / "out.yaml").write_text(OWN)
    (house.folder / "playbooks" / "bad.yaml").write_text("version: 1\nname: bad\ntitle: Bad\nactivation: 7\n")
    scope = scope_of(again(house, CONFIG + "readiness: {playbooks: [bad, out, none]}\n").app)
    state = {(c.code, c.subject): c.state for c in scope.checks}
    assert state[("playbook", "bad")] == state[("playbook", "none")] == "fail"
    (needs,) = scope.needs
    assert (needs.playbook, needs.moves_mx, needs.relays) == ("out", True, ("mx-backup",))
    assert [(g.step, g.references, g.least) for g in needs.gates] == [("gate", ("group:oncall",), 1)]
    assert scope.movers == scope.using(relay="mx-backup") == ("out",) and scope.using(channel="sms") == ()


# -- what breaks -----------------------------------------------------------------------------------------------------


async def refuses(app: Any, scope: Any) -> Any:
    raise Permanent("no such key", hint="Set it.")


async def hangs(app: Any, scope: Any) -> Any:
    await asyncio.Event().wait()


async def faulty(app: Any, scope: Any) -> Any:
    raise ZeroDivisionError("0")


@pytest.mark.parametrize(
    ("work", "state", "words"),
    [(refuses, "fail", "no such key"), (hangs, "unknown", "no answer in 0.05 s"), (faulty, "unknown", "ZeroDivision")],
)
def test_a_look_that_breaks_is_a_check_and_the_others_go_on(house, monkeypatch, work, state, words) -> None:
    monkeypatch.setattr(looking, "LOOKS", tuple(x for x in looking.LOOKS if x[0] in {"contacts", "snapshot-age"}))
    house.app.world.__dict__.update(relays={}, channels={})
    monkeypatch.setattr(looking, "_each", lambda app: [])
    found = see(house.app, ("relay-accepts spare", work), limit_s=0.05)
    broken = found[("relay-accepts", "spare")]
    assert broken.state == state and words in broken.says and broken.hint
    assert found[("contacts", "")].state == "ok" and found[("snapshot-age", "")].state == "risk"


def test_contacts_that_cannot_be_read_are_the_first_thing_that_is_wrong(house) -> None:
    (house.folder / "contacts.csv").write_text("nonsense\n")
    found = asyncio.run(looking.look(house.app, limit_s=0.3))
    assert found.checks[0].code == "configuration" and found.checks[0].state == "fail"
    assert {s.level for s in found.standings} == {"not-ready"}


def test_a_person_who_cannot_be_read_is_named_with_the_line(house) -> None:
    """Not *1 problem found*."""
    path = house.folder / "contacts.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows, "zed,Zed,,12025550103x,,en,staff"]) + "\n")
    found = see(house.app)["configuration", ""]
    assert found.state == "fail" and found.hint.startswith("Write it in E.164")
    assert found.says.startswith(f"contacts.csv:{len(rows) + 1}: zed: the phone number holds characters")


def test_a_domain_whose_mx_nobody_moves_is_said(house) -> None:
    text = CONFIG.replace("dns: main, ", "").replace(CONFIG.splitlines()[3] + "\n", "")
    text += "readiness: {playbooks: [out]}\n"
    (house.folder / "playbooks" / "out.yaml").write_text(OWN)
    found = see(again(house, text).app, limit_s=1.0)
    assert found[("dns-right", "corp.test")].state == "risk" and "never moved" in found[("dns-right", "corp.test")].says


# -- people ----------------------------------------------------------------------------------------------------------


def test_approvers_without_a_channel_may_still_answer_at_a_terminal(house) -> None:
    (house.folder / "playbooks" / "out.yaml").write_text(OWN)
    (house.folder / "code").write_text("kiwi-tulip-42")
    text = CONFIG + "readiness: {playbooks: [out]}\napprovals: {codes: {alice: 'file:code'}}\n"
    found = see(again(house, text).app, limit_s=1.0)
    assert found[("approver-ways", "alice")].state == "risk" and "terminal" in found[("approver-ways", "alice")].says
    assert found[("approver-ways", "bob")].state == "fail"
    assert found[("approvers-enough", "out/gate")].state == "risk"


# -- secrets ---------------------------------------------------------------------------------------------------------


def token(data: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    return f"h.{body}.s"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (token({"exp": 1_800_000_000}), 1_800_000_000.0),
        (token({"exp": "soon"}), None),
        (token({"exp": True}), None),
        (token({"exp": -1}), None),
        (token({"exp": 1e300}), None),
        (token([1]), None),
        (token({}), None),
        ("a.b.c", None),
        ("..", None),
        ("xoxb-plain", None),
        ("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----", None),
    ],
)
def test_a_secret_may_say_itself_when_it_ends(value: str, wanted: float | None) -> None:
    assert papers.expiry(value) == wanted


def test_secrets_are_named_by_their_place_and_never_shown(house, monkeypatch) -> None:
    monkeypatch.setenv("X", "c2VjcmV0LXNlY3JldA==")
    text = CONFIG + "readiness: {playbooks: [], expires: {'env:X': 2020-01-31}}\n"
    found = asyncio.run(papers.secrets(again(house, text).app, scope_of(house.app)))
    assert {c.code: c.state for c in found} == {"secret": "ok", "secret-expiry": "fail"}
    assert all(c.subject == "dns: main: key: secret (env:X)" for c in found)
    assert "2020-02-01" in found[1].says and "c2VjcmV0" not in repr(found)


# -- what was seen ---------------------------------------------------------------------------------------------------


def found_of(*checks: Check, at: float = 1_800_000_000.0) -> looking.Found:
    return looking.Found(at, checks, tuple(standings({"a": "A", "b": "B"}, checks)))


RED = Check("channel", "sms", "fail", "sms: no.", "Mend it.", None, ("a",))


def test_what_was_seen_is_kept_and_read_back(house) -> None:
    store = house.app.running.readiness
    first = looking.kept(store, found_of(RED, at=1_800_000_000.0))
    second = looking.kept(store, found_of(RED, at=1_800_000_900.0))
    assert [s.since for s in second.standings] == [1_800_000_000.0] * 2 and second.checks[0].since == first.at
    assert second.standings[0].reasons[0].since == first.at
    read = report.seen_last(house.app)
    assert (read.at, read.checks) == (second.at, second.checks)
    assert [(s.playbook, s.level, s.since) for s in read.standings] == [
        (s.playbook, s.level, s.since) for s in second.standings
    ]
    store.close()


def test_nobody_looked_yet_and_a_playbook_that_is_not_looked_at(house) -> None:
    with pytest.raises(Missing) as caught:
        report.seen_last(house.app)
    assert caught.value.rule == "never-looked"
    with pytest.raises(Missing) as caught:
        report.only(found_of(RED), "c")
    assert caught.value.rule == "no-such-playbook"


def test_the_part_of_one_playbook_has_its_own_checks() -> None:
    green = replace(RED, subject="slack", state="ok", playbooks=("b",))
    mine = report.only(found_of(RED, green), "b")
    assert [c.subject for c in mine.checks] == ["slack"] and [s.level for s in mine.standings] == ["ready"]
    assert report.only(mine, "") is mine


def test_plain_data_names_levels_times_and_trends() -> None:
    store = MemoryReadiness()
    looking.kept(store, found_of(replace(RED, state="ok"), at=1_800_000_000.0 - 8 * 86_400))
    found = looking.kept(store, found_of(RED, replace(RED, subject="x", playbooks=NO_PLAYBOOK)))
    data = report.as_data(found, store)
    assert (data["at"], data["level"]) == ("2027-01-15T08:00:00Z", "not-ready") and "sms: no" in data["says"]
    first = data["playbooks"][0]
    assert (first["playbook"], first["percent"], first["promises"]) == ("a", 0, 1)
    assert first["trend"] == {"week": {"way": "worse", "before": 100}, "month": {"way": "new", "before": None}}
    assert first["reasons"] == [{"code": "channel", "subject": "sms", "state": "fail"}]
    assert [c["playbooks"] for c in data["checks"]] == [["a"], []]
    assert report.change_data(store.changes(0)[0])["before"] in {"ok", ""}
    json.dumps(data)


# -- the weekly message ----------------------------------------------------------------------------------------------


class Mailbox:
    """A channel of a test."""

    def __init__(self, name: str, form: str, *, broadcast: bool = False, duty: bool = False) -> None:
        self.name, self.form, self.broadcast, self.duty = name, form, broadcast, duty

    def place(self) -> str:
        return f"#{self.name}"

    def address_of(self, person: Any) -> str:
        return {"email": person.email, "sms": person.phone}.get(self.form, "")


def with_channels(house: House, *channels: Mailbox) -> Any:
    app = house.app
    app.world.__dict__.update(channels={c.name: c for c in channels}, roles={"chat": ("room",)})
    return app


@pytest.mark.parametrize(
    ("names_", "wanted"),
    [
        ([], [("mail", "alice@corp.test"), ("mail", "bob@corp.test")]),
        (["chat"], [("room", "#room")]),
        (["text", "room"], [("text", "+12025550101"), ("text", "+12025550102"), ("room", "#room")]),
    ],
    ids=["usual", "a role", "two"],
)
def test_whom_the_weekly_message_goes_to(house, names_: list[str], wanted: list[tuple[str, str]]) -> None:
    given = json.dumps(names_).replace('"text"', '"text"')
    text = CONFIG + f"readiness: {{owner: ['group:oncall'], channels: {given}}}\n"
    text += "channels:\n" + "".join(
        f"  {n}: {{kind: status-page, folder: p-{n}, url: 'https://s.test', title: T}}\n"
        for n in ("mail", "room", "text")
    )
    app = with_channels(
        again(house, text), Mailbox("mail", "email"), Mailbox("room", "chat", broadcast=True), Mailbox("text", "sms")
    )
    assert [(t.channel.name, t.address) for t in weekly.addresses(app)] == wanted


def test_without_an_owner_or_a_channel_nobody_is_told(house) -> None:
    assert list(weekly.addresses(with_channels(house, Mailbox("mail", "email")))) == []
    owned = again(house, CONFIG + "readiness: {owner: [alice]}\n")
    assert list(weekly.addresses(with_channels(owned, Mailbox("pager", "chat", duty=True)))) == []


def test_what_the_weekly_message_says(house) -> None:
    store = MemoryReadiness()
    at = house.app.clock.now()
    looking.kept(store, found_of(replace(RED, state="ok"), replace(RED, subject="x"), at=at - 86_400))
    found = looking.kept(store, found_of(RED, replace(RED, subject="x", state="ok", says="x."), at=at))
    said = weekly.values(house.app, found, store)
    assert (said["level"], said["worse"], said["mended"], said["more"]) == ("not ready", 1, 1, 0)
    assert said["reasons"] == [{"says": "sms: no.", "hint": "Mend it.", "state": "fail"}]
    assert [p["level"] for p in said["playbooks"]] == ["not ready", "not ready"]
    assert said["link"] == ""
    assert (said["de"]["level"], said["de"]["more"]) == ("nicht bereit", 0) and len(said["de"]["reasons"]) == 1
    assert said["de"]["reasons"][0]["says"].startswith("gilt nicht: ") and said["de"]["reasons"][0]["hint"]
    assert set(said["de"]["levels"]) == {p["name"] for p in said["playbooks"]}


def test_a_copy_of_the_state_is_looked_at_in_its_folder(tmp_path: Path) -> None:
    from bcp.deeds.readiness.machine import _copies

    assert "no such folder" in _copies(tmp_path / "none", 60.0).problem
    assert _copies(tmp_path, 60.0).newest == 0.0
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "state.tar").write_bytes(b"abc")
    assert _copies(tmp_path, 60.0).size == 3


def test_the_last_drill_is_that_of_the_index(house, monkeypatch) -> None:
    asked: list[Any] = []
    cards = [SimpleNamespace(ended=5.0, started=1.0), SimpleNamespace(ended=0.0, started=4.0)]
    assert house.app.running.rehearsed("a") == 0.0
    monkeypatch.setattr(house.app.running, "cards", lambda query: asked.append(query) or cards)
    assert house.app.running.rehearsed("a") == 5.0
    assert (asked[0].kind, asked[0].playbook, asked[0].status) == ("drill", "a", {"done", "holding"})


def test_a_playbook_that_was_changed_since_its_last_drill_is_told_of(house, monkeypatch) -> None:
    path = house.folder / "playbooks" / "out.yaml"
    path.write_text(OWN)
    had, now = path.read_text(), house.app.clock.now()
    monkeypatch.setattr(house.app.running, "rehearsed", lambda name: now - 60 if name == "out" else 0.0)
    monkeypatch.setattr(house.app.running, "rehearsed_text", lambda name: had)
    titles = SimpleNamespace(titles={"out": "Out"})
    assert [c.state for c in asyncio.run(drills(house.app, titles))] == ["ok"]
    path.write_text(had + "# another order\n")
    (found,) = asyncio.run(drills(house.app, titles))
    assert (found.state, "was changed since" in found.says) == ("risk", True)
    path.write_text("version: [")  # that it cannot be read is told by another check
    assert [c.state for c in asyncio.run(drills(house.app, titles))] == ["ok"]


def test_a_secret_file_is_open_where_its_folders_are(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("x")
    path.chmod(0o644)
    assert [str(secret.path) for secret in (Secret("file:token", tmp_path), Secret("file:/a/b", tmp_path))] == [
        str(path),
        "/a/b",
    ]
    assert Secret("env:A").path is None
    assert not open_to_all(path), "nobody else can enter the folder of tests"
    assert open_to_all(Path("/etc/passwd"))
    assert not open_to_all(tmp_path / "none")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("approvals: {codes: {zoe: 'env:CODE_ZOE'}}\n", "approvals: codes:"),
        ("readiness: {owner: [zoe, 'group:oncall']}\n", "readiness: owner:"),
    ],
)
def test_whoever_has_left_and_is_still_named_is_told_of(house, more: str, where: str) -> None:
    text = (house.folder / "bcp.yaml").read_text()
    found = asyncio.run(people_seen(again(house, text + more).app))
    assert [(c.subject, c.state) for c in found] == [("zoe", "risk")]
    assert found[0].says.startswith(f"{where} names zoe, who is not in the contacts")
    assert where in found[0].hint
    assert asyncio.run(people_seen(again(house, text).app)) == []


async def people_seen(app: Any) -> list[Check]:
    from bcp.deeds.readiness.people import contacts

    return [c for c in await contacts(app, None) if c.code == "contacts-left"]
