"""``bcp relay pull, take, mails, account``: what is shown, filtered, refused."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
import typer
from deeds.test_unaccounted import AGENT, ROW, guarded, told  # noqa: F401 - a fixture

from bcp.cli import relay_books, render
from bcp.kernel.errors import Invalid, Missing, Refused

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def place(guarded, monkeypatch):  # noqa: F811 - that is the fixture
    """Where the command is typed; the relay's agent told of these."""
    from dataclasses import replace

    monkeypatch.chdir(guarded.folder)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    hour = NOW - 3600
    rows = [
        replace(ROW, taken=hour, status="sent", answer="250 ok", remote_id="77"),
        replace(ROW, uid="q2.1", queue_id="q2", recipient="=b@corp.test", status="bounced", told="no", taken=hour + 1),
        replace(ROW, uid="q3.1", queue_id="q3", recipient="", people=3, status="queued", taken=hour + 2, sender="<>"),
        replace(ROW, uid="q4.1", recipient="copy@corp.test", kind="copy", status="sent", taken=hour),
    ]
    told(guarded, *rows)
    return guarded


@pytest.fixture
def said(monkeypatch, capsys):
    """What the command answered, as programs read it."""
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return lambda: json.loads(capsys.readouterr().out)


def rule(work, kind=Invalid) -> str:
    with pytest.raises(kind) as found:
        work()
    return found.value.rule


def test_without_an_agent_there_is_nothing_to_ask(house) -> None:
    assert rule(relay_books.pull, Missing) == "no-agent"
    assert rule(relay_books.account, Missing) == "no-agent"


def test_a_relay_without_an_agent_is_none_of_them(place) -> None:
    assert rule(lambda: relay_books.pull(["other"])) == "no-agent"
    assert rule(lambda: relay_books.take("x", "other")) == "no-agent"


def test_an_agent_that_does_not_answer_is_a_failure(place, said) -> None:
    with pytest.raises(typer.Exit) as found:
        relay_books.pull()
    (row,) = said()["relays"]
    assert found.value.exit_code == 1 and row["rule"] == "agent-silent" and row["batches"] == 0


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ["", "=b@corp.test", "a@corp.test"]),
        ({"everything": True}, ["", "=b@corp.test", "a@corp.test", "copy@corp.test"]),
        ({"status": ["bounced", "sent"]}, ["=b@corp.test", "a@corp.test"]),
        ({"recipient": "A@corp.test"}, ["a@corp.test"]),
        ({"sender": "<>"}, [""]),
        ({"queue_id": "q2"}, ["=b@corp.test"]),
        ({"message_id": "other"}, []),
        ({"doubled": True}, []),
        ({"since": "2026-11-28T11:00:01Z"}, ["", "=b@corp.test"]),
        ({"until": "2026-11-28T11:00:01"}, ["a@corp.test"]),
        ({"relay": ["mx-backup"]}, ["", "=b@corp.test", "a@corp.test"]),
    ],
)
def test_filters(place, said, given, wanted) -> None:
    relay_books.mails(**given)
    assert sorted(m["recipient"] for m in said()["mails"]) == wanted


def test_a_status_that_is_none_is_no_empty_answer(place) -> None:
    """*None.* would read like: no mail was bounced."""
    with pytest.raises(Invalid, match="no status 'bounce'") as found:
        relay_books.mails(status=["sent", "bounce"])
    assert found.value.rule == "no-status" and "bounced" in found.value.hint


def test_text_and_csv(place, capsys) -> None:
    relay_books.mails(limit=2)
    out = capsys.readouterr().out
    assert "(3)" in out and "bounced, sender not told" in out and "5 recipient(s) in all" in out
    relay_books.mails(as_csv=True)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [r["recipient"] for r in rows] == ["", "'=b@corp.test", "a@corp.test"], "no cell is a formula"
    relay_books.mails("nobody@corp.test", as_csv=True)
    assert capsys.readouterr().out == "relay\n"
    relay_books.mails("nobody@corp.test")
    assert capsys.readouterr().out == "None.\n"


def test_the_account_says_what_is_missing(place, said, capsys, monkeypatch) -> None:
    relay_books.account()
    found = said()
    assert (found["accepted"], found["delivered"], found["bounced"], found["waiting"]) == (5, 1, 1, 3)
    assert (found["sender_not_told"], found["copies"], found["ends_meet"], found["open"]) == (1, 1, True, 3)
    monkeypatch.setattr(render, "OUT", render.Output())
    relay_books.account(back="2026-11-28T11:00:00Z")
    out = capsys.readouterr().out
    assert "late                4" in out and "The ends meet." in out and "=b@corp.test in q2: bounced" in out
    from dataclasses import replace

    told(place, replace(ROW, status="unknown", taken=NOW - 3600))
    with pytest.raises(typer.Exit) as ended:
        relay_books.account()
    assert ended.value.exit_code == 1 and "The ends do not meet." in capsys.readouterr().out


@pytest.mark.parametrize("text", ["soon", "2026-99-99"])
def test_what_is_no_time(text) -> None:
    assert rule(lambda: relay_books.moment(text, NOW)) == "no-time"


def test_times() -> None:
    assert relay_books.moment("", NOW) == 0.0 and relay_books.moment("2h", NOW) == NOW - 7200
    assert relay_books.moment("2026-11-28", NOW) == NOW - 43_200


def test_a_batch_that_is_none(place, tmp_path) -> None:
    from bcp.kernel.errors import Refused

    assert rule(lambda: relay_books.take("/no/such/file")) == "no-file"
    (tmp_path / "batch").write_text("nonsense!")
    assert rule(lambda: relay_books.take(f"{tmp_path}/batch"), Refused) == "batch-unreadable"
    assert "agent" in AGENT


# -- one that is no longer in bcp.yaml -------------------------------------------------------------------------------


@pytest.fixture
def renamed(place):
    """The relay got another name in ``bcp.yaml``; its agent has not told anything under it."""
    (place.folder / "bcp.yaml").write_text(AGENT.replace("mx-backup", "mx-spare"))
    return place


def test_what_a_relay_told_that_left_is_still_asked_for(renamed, said) -> None:
    relay_books.mails(status=["queued"], relay=["mx-backup"])
    assert said()["recipients"] == 3
    with pytest.raises(typer.Exit):
        relay_books.account(relay=["mx-backup"])
    found = said()
    assert (found["waiting"], found["unheard"], found["ends_meet"]) == (3, ["mx-backup"], False)
    assert rule(lambda: relay_books.pull(["mx-backup"])) == "agent-gone"
    with pytest.raises(typer.Exit):
        relay_books.pull()


def test_a_batch_of_one_that_left_needs_its_key(renamed, said) -> None:
    from bcp.kit.triplets import packed
    from bcp.relay.batch import BATCH, seal

    data = {"relay": "mx-backup", "stream": "t", "seq": 1, "prev": "", "mails": [], "said": [], "copies": []}
    path = renamed.folder / "batch"
    path.write_text(packed(b"0\n" + seal(b"k" * 40, BATCH, data)))
    (renamed.folder / "other").write_text("o" * 40)
    assert rule(lambda: relay_books.take(str(path), "mx-backup")) == "no-key"
    assert rule(lambda: relay_books.take(str(path), "mx-backup", "k" * 40)) == "no-key", "never as it is"
    assert rule(lambda: relay_books.take(str(path), "nobody", "file:key")) == "no-agent"
    assert rule(lambda: relay_books.take(str(path), "mx-backup", "file:other"), Refused) == "batch-forged"
    relay_books.take(str(path), "mx-backup", "file:key")
    assert said() == {"schema": "bcp.relay-take/1", "relay": "mx-backup", "batch": "taken"}


def test_what_is_lost_is_given_up(renamed, said, monkeypatch) -> None:
    monkeypatch.setattr("bcp.cli.person.prove_person", lambda app, as_: as_)
    assert rule(lambda: relay_books.give_up("mx-spare", "x", "bob"), Refused) == "still-asked"
    relay_books.give_up("mx-backup", "burnt", "bob")
    assert said()["recipients"] == 3
    with pytest.raises(typer.Exit):
        relay_books.account()
    found = said()
    assert (found["waiting"], found["removed"], found["unheard"]) == (0, 3, ["mx-spare"]), "its agent was never heard"
