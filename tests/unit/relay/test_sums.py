"""The account: the ends meet, or it is said that they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.relay_ledger import COPY, MAIL, OWN, UNSEEN, Remark, Source, Told, Total
from bcp.relay.books import account_of, busiest_hour
from bcp.relay.rows import remote_id, told_of
from bcp.relay.sums import GAPS, GROUPS, NAMES, account, fate_data, line_of
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import AT, NOW, Log, Q

HOUR = int(AT)
FRESH = Source("r1", "s", 1, "d", heard=NOW, read=NOW)
FATES = st.sampled_from(sorted(GROUPS))


@given(st.lists(st.tuples(st.integers(0, 3), FATES, st.integers(1, 50)), max_size=30))
def test_accepted_is_the_sum_of_all_fates(rows) -> None:
    totals = [Total(HOUR + 3600 * h, MAIL, status, "", n) for h, status, n in rows]
    found = account(totals, sources=[FRESH], now=NOW)
    assert found.accepted == sum(n for _, _, n in rows) == sum(h.accepted for h in found.hours)
    data = found.to_data()
    assert data["accepted"] == sum(data[n] for n in NAMES)
    unknown = sum(n for _, s, n in rows if s == "unknown")
    waiting = sum(n for _, s, n in rows if s in {"queued", "deferred", "held"})
    assert (found.open, found.meets) == (unknown + waiting, unknown == 0)


def test_what_is_no_accepted_mail_is_counted_apart() -> None:
    totals = [Total(HOUR, kind, "sent", "", n) for kind, n in ((MAIL, 1), (COPY, 2), (OWN, 3), (UNSEEN, 4))]
    found = account(totals, sources=[FRESH], now=NOW)
    assert (found.accepted, found.copies, found.own, found.unseen) == (1, 2, 3, 4)


def test_senders_that_heard_nothing_are_counted() -> None:
    totals = [Total(HOUR, MAIL, "bounced", t, 1) for t in ("no", "failed", "told", "made")]
    assert account([*totals, Total(HOUR, MAIL, "expired", "no", 5)], sources=[FRESH], now=NOW).untold == 7
    assert account([Total(HOUR, MAIL, "sent", "no", 5)], sources=[FRESH], now=NOW).untold == 0


@pytest.mark.parametrize("code", sorted(GAPS))
def test_what_may_be_missing_spoils_the_ends(code) -> None:
    found = account([], sources=[FRESH], remarks=[Remark("r1", NOW, code, "something")], now=NOW)
    assert not found.meets and found.warnings[-1].endswith(f"something [{code}]")
    assert account([], sources=[FRESH], remarks=[Remark("r1", NOW, "agent-anew", "x")], now=NOW).meets


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source("r1", "s", heard=NOW - 901, read=NOW), "heard last at"),
        (Source("r1", "s", heard=NOW, read=NOW - 901), "has not read the log since"),
        (Source("r1", "s", heard=NOW, read=NOW, problem="no such file"), "cannot read: no such file"),
        (Source("r1", "s", heard=NOW, read=NOW - 3600, skew=-3600.0), "-3600 s off ours"),
        (Source("r1", "s", heard=NOW, read=NOW, counted="3 broken"), "could not be used: 3 broken"),
    ],
)
def test_what_has_to_be_known_beside_the_numbers(source, said) -> None:
    (warning,) = account([], sources=[source], now=NOW).warnings
    assert said in warning
    assert account([], sources=[FRESH], now=NOW).warnings == ()


def told(log: Log, copies: tuple[str, ...] = ()) -> list[Told]:
    return [told_of("r1", m.to_data(), copies) for m in log.mails]


def game() -> tuple[MemoryLedger, list[Told]]:
    log = Log().taken(people=4).tried("a@corp.test", "sent").tried("b@corp.test", "bounced", "550 no")
    log.tried("copies@corp.test", "sent").say("bounce", f"{Q}: sender non-delivery notification: 4fR1Rk5bVvz9vM").gone()
    log.taken(ident="4fR1Sm0aWwz9wN", mid="m2@x", sender="").tried("copies@corp.test", "sent", ident="4fR1Sm0aWwz9wN")
    log.tried("z@corp.test", "sent", ident="4fR1ZZ0000z000")
    ledger, messages = MemoryLedger(), told(log, ("copies@corp.test",))
    ledger.take(Source("r1", "s", 1, "d"), messages, [])
    ledger.heard(Source("r1", heard=NOW, read=NOW))
    return ledger, messages


def test_a_game_in_sum() -> None:
    ledger, _ = game()
    found = account_of(ledger, ["r1"], ["corp.test"], now=NOW)
    assert found.fates == {"delivered": 2, "bounced": 1, "unknown": 1}
    assert (found.accepted, found.copies, found.unseen, found.untold) == (4, 1, 1, 0)
    assert not found.meets and {f.status for f in found.by_name} == {"bounced", "unknown"}
    assert found.summary() == "4 recipient(s) accepted: 2 delivered, 1 bounced, 1 unknown"
    assert sorted(map(line_of, found.by_name)) == [
        f"{Q} to 1 recipient(s) without a name: unknown",
        f"{Q} to b@corp.test: bounced 550 no",
    ]
    assert account_of(ledger, ["r1", "r2"], [], now=NOW).warnings == (
        "r2: its agent was never heard: what it took is not in here",
    )
    assert account_of(ledger, ["r1"], ["else.test"], now=NOW).accepted == 1, "who has no name may be of any domain"


def test_late_senders_and_a_window() -> None:
    ledger, _ = game()
    assert account_of(ledger, ["r1"], [], back=AT + 4, now=NOW).late == 1
    assert account_of(ledger, ["r1"], [], since=AT + 5, now=NOW).accepted == 1
    assert account_of(ledger, ["r1"], [], until=AT + 5, now=NOW).accepted == 3
    ledger.heard(Source("r1", heard=NOW, read=NOW, skew=3600.0))
    assert account_of(ledger, ["r1"], [], since=AT + 5, now=NOW).accepted == 4, "its clock is an hour ahead: wider"


def test_the_null_sender_and_the_copy_that_is_the_only_recipient() -> None:
    _, messages = game()
    second = next(m for m in messages if m.uid.startswith("4fR1Sm"))
    assert [(f.kind, f.sender) for f in second.fates] == [(MAIL, "<>")]
    assert fate_data(second.fates[0])["from"] == "<>"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("250 2.0.0 Ok: queued as 4Xy12", "4Xy12"),
        ("250 2.6.0 <m@x> [InternalId=1234, Hostname=ex.test] Queued mail for delivery", "1234"),
        ("250 OK id=1qX-000-1", "1qX-000-1"),
        ("250 2.6.0 <m@x> Queued mail for delivery", "m@x"),
        ("250 ok", ""),
    ],
)
def test_how_the_next_hop_named_it(answer, wanted) -> None:
    assert remote_id(answer) == wanted


def test_the_busiest_hour_is_counted_in_mails() -> None:
    """Three mails of ten recipients are three files on the disk; what another relay took, or what was before, is not
    meant."""
    ledger, told = MemoryLedger(), list[Told]()
    for n in range(5):
        log = Log().taken(ident=f"{Q}{n}", people=10, mid=f"m{n}@side.test")
        data = log.mail(f"{Q}{n}").to_data()
        told.append(told_of("r1", {**data, "accepted": AT + (0 if n < 3 else 7200)}, ()))
    ledger.take(FRESH, told, [])
    assert busiest_hour(ledger, ["r1"], 0.0) == 3.0 and busiest_hour(ledger, ["r1"], AT + 3600) == 2.0
    assert busiest_hour(ledger, ["r2"], 0.0) == 0.0 == busiest_hour(ledger, [], 0.0)
