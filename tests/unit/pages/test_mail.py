"""The account of mail on paper."""

from __future__ import annotations

import pytest

from bcp.contracts.relay_ledger import MAIL, Remark, Source, Total
from bcp.pages.mail import HIGH, SHOWN, SUMS, TONES, WIDE, mail_section
from bcp.pages.render import environment
from bcp.pages.words import words
from bcp.relay.sums import GROUPS, NAMES, account

HOUR, NOW = 1_795_773_600, 1_795_790_000.0
FRESH = Source("r1", "s", heard=NOW, read=NOW)
ROW = {"recipient": "a@corp.test", "people": 1, "from": "o@x", "status": "bounced", "answer": "550 no",
       "sender_told": "told", "relay": "r1", "queue_id": "q1"}  # fmt: skip


def data(*totals: Total, **more) -> dict:
    return {**account(totals, sources=[FRESH], now=NOW).to_data(), **more}


def test_without_an_account_there_is_no_section() -> None:
    assert mail_section(None, "") is None and mail_section({}, "") is None


def test_every_fate_has_a_colour_and_a_row() -> None:
    assert {n for n, _ in TONES} == set(NAMES) == set(GROUPS.values())
    assert set(NAMES) < set(SUMS)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("sent", "The ends meet: each of 5 recipients has a known fate."),
        ("held", "5 of 5 recipients still wait at the relay."),
        ("unknown", "The ends do not meet: see below what is missing."),
    ],
)
def test_how_it_stands(status, said) -> None:
    found = mail_section(data(Total(HOUR, MAIL, status, "", 5)), "UTC")
    assert found["sentence"] == said and found["rows"][0] == ("Accepted", 5)


def test_the_picture_is_the_numbers() -> None:
    """A bar an hour; its parts stand on one another and are as high as they are many."""
    rows = (
        Total(HOUR, MAIL, "sent", "", 6),
        Total(HOUR, MAIL, "bounced", "no", 2),
        Total(HOUR + 3600, MAIL, "sent", "", 4),
    )
    found = mail_section(data(*rows), "UTC")["hours"]
    assert [(b.tone, b.x, b.y, b.height) for b in found["bars"]] == [
        ("ok", 0.0, HIGH / 4, HIGH * 3 / 4), ("warn", 0.0, 0.0, HIGH / 4), ("ok", WIDE / 2, HIGH / 2, HIGH / 2),
    ]  # fmt: skip
    assert found["most"] == 8 and mail_section(data(), "UTC")["hours"] is None


def test_who_did_not_get_it_is_named() -> None:
    many = [{**ROW, "recipient": f"u{n}@corp.test"} for n in range(SHOWN + 3)]
    found = mail_section(data(by_name=many), "UTC")
    assert len(found["named"]) == SHOWN and found["more"] == 3
    assert found["named"][0] == {
        "who": "u0@corp.test", "from": "o@x", "status": "bounced", "why": "550 no; the sender was told",
        "relay": "r1 q1",
    }  # fmt: skip
    unnamed = {**ROW, "recipient": "", "people": 7, "answer": "", "sender_told": ""}
    assert mail_section(data(by_name=[unnamed]), "UTC")["named"][0]["who"] == "7 recipient(s) that no line names"


def test_what_is_missing_is_said() -> None:
    lost = account([], sources=[FRESH], remarks=[Remark("r1", NOW, "log-lost", "gone")], now=NOW).to_data()
    assert "gone [log-lost]" in mail_section(lost, "UTC")["warnings"][0]


def test_it_is_told_in_the_language_of_the_report() -> None:
    found = mail_section(data(Total(HOUR, MAIL, "sent", "", 5), by_name=[ROW]), "Europe/Berlin", words("de"))
    assert found["rows"][0] == ("Angenommen", 5) and found["sentence"].startswith("Die Rechnung geht auf")
    assert found["named"][0]["why"] == "550 no; der Absender weiß es"


@pytest.mark.parametrize(("language", "title"), [("en", "Who did not get it"), ("de", "Wer sie nicht bekam")])
def test_the_section_is_rendered_whole(language, title) -> None:
    w = words(language)
    found = mail_section(data(Total(HOUR, MAIL, "bounced", "no", 5), by_name=[ROW] * (SHOWN + 1)), "UTC", w)
    out = environment().get_template("_mail_account.html").render(account=found, t=w, hx="h2", hy="h3")
    assert title in out and w("mail.more", count=1) in out and w("mail.title") in out and "a@corp.test" in out
