"""What became of each recipient, whatever happened on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.relay.mail import mail_of

from .shelves import AT, Log, Q

NEW, THIRD = "4fR1Rk5bVvz9vM", "4fR1Sm0aWwz9wN"
LOST = "lost connection with mx.corp.test[192.0.2.1] while sending end of data -- message may be sent more than once"


def test_a_message_is_accepted_and_delivered() -> None:
    log = Log().say("smtpd", "Anonymous TLS connection established from a[192.0.2.7]: TLSv1.3 with cipher X")
    log.taken().tried("Anna@corp.test", "sent").gone()
    mail = log.mail()
    assert (mail.origin, mail.counts, mail.accepted, mail.size, mail.recipients) == ("smtp", True, AT + 4, 1234, 1)
    assert (mail.sender, mail.message_id, mail.tls) == ("out@side.test", "m1@side.test", "TLSv1.3")
    assert (mail.client, mail.over, mail.unnamed) == ("mail.side.test[192.0.2.7]", True, 0)
    person = mail.people[0]
    assert (person.to, person.status, person.at, person.tries, person.told) == ("Anna@corp.test", "sent", AT + 5, 1, "")
    assert person.answer == "250 2.0.0 Ok: queued as AAA1" and person.via == "mx.corp.test[192.0.2.1]:25"


def test_each_recipient_has_a_fate_of_its_own() -> None:
    log = Log().taken(people=4).tried("a@corp.test", "sent").tried("b@corp.test", "bounced", "550 no")
    log.tried("c@corp.test", "deferred", "450 later").say("bounce", f"{Q}: sender non-delivery notification: {NEW}")
    assert log.fates() == {"a@corp.test": "sent", "b@corp.test": "bounced", "c@corp.test": "deferred"}
    assert log.mail().unnamed == 1 and not log.mail().over
    log.tried("c@corp.test", "sent").tried("d@corp.test", "sent").gone()
    assert set(log.fates().values()) == {"sent", "bounced"} and log.mail().unnamed == 0


def test_who_left_the_queue_without_a_word_is_unknown_and_counted() -> None:
    log = Log().taken(people=3).tried("a@corp.test", "sent").tried("b@corp.test", "deferred", "450").gone()
    assert log.fates() == {"a@corp.test": "sent", "b@corp.test": "unknown"}
    assert (log.mail().unnamed, log.mail().rest) == (1, "unknown")
    log.tried("b@corp.test", "sent")
    assert log.fates()["b@corp.test"] == "sent", "a line that comes late is believed"


@pytest.mark.parametrize("word", ["expired", "force-expired"])
def test_expired_is_said_by_qmgr_of_all_that_wait(word) -> None:
    log = Log().taken(people=2).tried("a@corp.test", "sent").tried("b@corp.test", "deferred", "450 later")
    log.say("qmgr", f"{Q}: from=<out@side.test>, status={word}, returned to sender")
    log.say("bounce", f"{Q}: sender non-delivery notification: {NEW}").gone()
    assert log.fates() == {"a@corp.test": "sent", "b@corp.test": "expired"}
    assert [p.told for p in log.mail().people] == ["", "made"]
    assert log.mail().people[1].answer == "450 later", "why it waited is why it expired"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (("sent", "250 ok"), "told"),
        (("bounced", "550 no such sender"), "failed"),
        (("deferred", "450 later"), "made"),
    ],
)
def test_whether_the_sender_heard_is_what_became_of_the_bounce(end, told) -> None:
    log = Log().taken().tried("a@corp.test", "bounced", "550 no")
    log.say("cleanup", f"{NEW}: message-id=<dsn@relay>").say("bounce", f"{Q}: sender non-delivery notification: {NEW}")
    log.say("qmgr", f"{NEW}: from=<>, size=3000, nrcpt=1 (queue active)").gone().tried("out@side.test", *end, ident=NEW)
    assert log.mail().people[0].told == told
    bounce = log.mail(NEW)
    assert (bounce.origin, bounce.counts, bounce.parent) == ("bounce", False, log.mail().uid)


def test_two_bounces_of_one_message_are_told_apart() -> None:
    """Postfix writes one for each round of deliveries: the first cannot be delivered, the second is."""
    log = Log().taken(people=2).tried("a@corp.test", "bounced", "550 no").tried("b@corp.test", "deferred", "450 later")
    log.say("bounce", f"{Q}: sender non-delivery notification: {NEW}").tried("o@side.test", "bounced", "5", ident=NEW)
    log.say("qmgr", f"{Q}: from=<out@side.test>, status=expired, returned to sender", after=300)
    log.say("bounce", f"{Q}: sender non-delivery notification: {THIRD}").gone().tried(
        "o@side.test", "sent", ident=THIRD
    )
    assert [p.told for p in log.mail().people] == ["failed", "told"]
    again = mail_of(log.mail().to_data())
    assert [p.notice for p in again.people] == [log.mail(NEW).uid, log.mail(THIRD).uid]
    old = {k: v for k, v in log.mail().to_data().items() if k != "notices"}
    assert [p.notice for p in mail_of(old).people] == ["", ""], "as an older agent kept it"


def test_a_bounce_that_expires_told_nobody() -> None:
    log = Log().taken().tried("a@corp.test", "bounced", "550 no")
    log.say("bounce", f"{Q}: sender non-delivery notification: {NEW}").gone()
    log.say("qmgr", f"{NEW}: from=<>, size=3000, nrcpt=1 (queue active)").tried("o@s.test", "deferred", "4", ident=NEW)
    assert log.mail().people[0].told == "made"
    log.say("qmgr", f"{NEW}: from=<>, status=expired, returned to sender").gone(NEW)
    assert log.mail().people[0].told == "failed"


def test_refused_for_good_and_kept_is_still_waiting() -> None:
    """``soft_bounce``, as the kit sets it: Postfix says so in capitals."""
    log = Log().taken(people=2).tried("a@corp.test", "SOFTBOUNCE", "host mx said: 550 5.4.1 Access denied")
    assert log.fates() == {"a@corp.test": "deferred"} and log.mail().people[0].tries == 1
    assert log.listener.counted["broken"] == 0
    log.tried("a@corp.test", "sent")
    assert log.fates() == {"a@corp.test": "sent"}


def test_a_probe_of_an_address_is_no_mail() -> None:
    log = Log().say("cleanup", f"{Q}: message-id=<p@relay>")
    log.say("qmgr", f"{Q}: from=<double-bounce@relay.test>, size=200, nrcpt=1 (queue active)")
    log.tried("a@corp.test", "deliverable", "250 ok").gone()
    assert (log.mail().origin, log.mail().counts, log.mail().over) == ("notice", False, True)


def test_a_bounce_that_nobody_gets_is_not_told() -> None:
    """The null sender is told of nothing (RFC 5321, section 4.5.5)."""
    log = Log().taken(sender="").tried("a@corp.test", "bounced", "550 no").gone()
    assert log.mail().people[0].told == "no"
    assert log.mail().counts, "a bounce from outside is mail for us"


def test_a_delay_notice_tells_of_no_bounce() -> None:
    log = Log().taken().tried("a@corp.test", "deferred", "450").say("bounce", f"{Q}: sender delay notification: {NEW}")
    assert log.mail().people[0].told == "" and log.mail(NEW).origin == "notice"
    log.say("bounce", f"{Q}: postmaster non-delivery notification: {THIRD}")
    assert log.mail(THIRD).origin == "notice" and not log.mail(THIRD).counts


def test_removed_by_a_person() -> None:
    log = Log().taken(people=3).tried("a@corp.test", "sent").tried("b@corp.test", "deferred", "450")
    log.say("postsuper", f"{Q}: removed")
    assert log.fates() == {"a@corp.test": "sent", "b@corp.test": "removed"}
    assert (log.mail().over, log.mail().rest, log.mail().unnamed) == (True, "removed", 1)
    log.tried("b@corp.test", "sent").gone()
    assert log.fates()["b@corp.test"] == "sent", "it was on its way when it was removed"


def test_requeued_it_is_the_same_message() -> None:
    log = Log().taken(people=3).tried("a@corp.test", "sent").tried("b@corp.test", "deferred", "450 later")
    log.say("postsuper", f"{Q}: requeued").say("pickup", f"{NEW}: uid=103 from=<out@side.test> orig_id={Q}")
    log.say("cleanup", f"{NEW}: message-id=<m1@side.test>")
    log.say("qmgr", f"{NEW}: from=<out@side.test>, size=1300, nrcpt=9 (queue active)")
    log.tried("b@corp.test", "sent", ident=NEW).tried("c@corp.test", "sent", ident=NEW).gone(NEW)
    assert len(log.mails) == 1 and log.mail().ids == [Q, NEW]
    assert set(log.fates().values()) == {"sent"} and log.mail().unnamed == 0 and log.mail().over


def test_requeued_twice_and_from_before_the_log() -> None:
    log = (
        Log()
        .taken()
        .say("pickup", f"{NEW}: uid=1 from=<o> orig_id={Q}")
        .say("pickup", f"{THIRD}: uid=1 from=<o> orig_id={NEW}")
    )
    log.tried("a@corp.test", "sent", ident=THIRD)
    assert log.fates() == {"a@corp.test": "sent"} and log.mail().ids == [Q, NEW, THIRD]
    seen = Log().say("pickup", f"{NEW}: uid=1 from=<o@side.test> orig_id={Q}").tried("a@corp.test", "sent", ident=NEW)
    assert (seen.mail(NEW).origin, seen.mail(NEW).counts) == ("", False)


def test_a_queue_id_that_is_used_again_is_another_message() -> None:
    log = Log().taken(ident="3F2A81C0").tried("a@corp.test", "sent", ident="3F2A81C0").gone("3F2A81C0")
    log.taken(ident="3F2A81C0", mid="m2@side.test").tried("b@corp.test", "bounced", "550", ident="3F2A81C0")
    assert [[p.status for p in m.people] for m in log.mails] == [["sent"], ["bounced"]]
    assert len({m.uid for m in log.mails}) == 2


def test_used_again_before_its_end_was_seen_it_is_unknown_what_became_of_the_first() -> None:
    log = Log().taken(ident="3F2A81C0").tried("a@corp.test", "deferred", "450", ident="3F2A81C0")
    log.taken(ident="3F2A81C0", mid="m2@side.test")
    first, second = log.mails
    assert (first.people[0].status, first.over) == ("unknown", True)
    assert (second.people, second.over) == ([], False)


def test_used_again_after_long_without_a_beginning_it_is_not_the_old_one() -> None:
    log = Log().taken(ident="3F2A81C0").tried("a@corp.test", "sent", ident="3F2A81C0").gone("3F2A81C0")
    log.say("postsuper", "3F2A81C0: removed", after=3600)
    assert [m.rest for m in log.mails] == ["unknown", "removed"] and not log.mails[1].counts


def test_the_same_log_once_more_changes_nothing() -> None:
    def play(log: Log) -> Log:
        log.second = 0
        log.taken(people=2).tried("a@corp.test", "sent").tried("b@corp.test", "bounced", "550")
        log.say("cleanup", f"{NEW}: message-id=<dsn@relay>")
        log.say("bounce", f"{Q}: sender non-delivery notification: {NEW}").gone()
        log.taken(ident="3F2A81C0").tried("a@corp.test", "sent", ident="3F2A81C0").gone("3F2A81C0")
        log.taken(ident="3F2A81C0", mid="m9@side.test").say("postsuper", "3F2A81C0: removed")
        return log.tried("out@side.test", "sent", ident=NEW).gone(NEW)

    once, twice = play(Log()), play(play(Log()))
    assert [m.to_data() for m in once.mails] == [m.to_data() for m in twice.mails]


def test_acceptance_that_was_not_seen_is_not_counted() -> None:
    log = Log().tried("a@corp.test", "sent").gone()
    assert (log.mail().origin, log.mail().counts) == ("", False)
    assert log.fates() == {"a@corp.test": "sent"}


def test_a_message_that_was_begun_and_not_finished_is_not_accepted() -> None:
    log = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]").say("cleanup", f"{Q}: message-id=<m@x>")
    assert log.mail().accepted == 0.0
    log.say("cleanup", f"{Q}: milter-reject: END-OF-MESSAGE from a[192.0.2.7]: 5.7.1 spam; from=<o@x> to=<a@corp.test>")
    log.say("smtpd", "disconnect from a[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1")
    assert (log.mail().accepted, log.mail().counts, log.mail().over) == (0.0, False, True)


def test_held_by_a_rule_it_is_accepted_when_the_session_ended_well() -> None:
    """No line of qmgr speaks of it: it goes to the hold queue at once."""
    log = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]").say("cleanup", f"{Q}: message-id=<m@x>")
    log.say("cleanup", f"{Q}: hold: header X: y from a[192.0.2.7]; from=<o@x> to=<a@corp.test> proto=ESMTP helo=<a>")
    assert log.mail().accepted == 0.0
    log.say("smtpd", "disconnect from a[192.0.2.7] ehlo=1 mail=1 rcpt=2 data=1 quit=1")
    assert (log.mail().accepted, log.mail().recipients, log.mail().rest) == (AT + 4, 2, "held")
    assert log.fates() == {"a@corp.test": "held"} and log.mail().unnamed == 1
    log.say("postsuper", f"{Q}: released from hold").say("qmgr", f"{Q}: from=<o@x>, size=1, nrcpt=2 (queue active)")
    log.tried("b@corp.test", "sent", orig="a@corp.test").tried("c@corp.test", "sent")
    assert log.fates() == {"a@corp.test": "sent", "c@corp.test": "sent"}


def test_a_session_with_more_messages_than_were_taken_accepts_none_by_itself() -> None:
    log = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]").say("smtpd", f"{NEW}: client=a[192.0.2.7]")
    log.say("smtpd", "disconnect from a[192.0.2.7] ehlo=1 mail=2 rcpt=2 data=1/2 quit=1")
    assert not log.mail().accepted and not log.mail(NEW).accepted
    other = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]", pid=1).say("smtpd", f"{NEW}: client=a[192.0.2.7]", pid=2)
    other.say("smtpd", "disconnect from a[192.0.2.7] mail=1 rcpt=1 data=1", pid=2)
    assert not other.mail().accepted and other.mail(NEW).accepted


def test_held_and_released_by_hand() -> None:
    log = Log().taken(people=2).tried("a@corp.test", "deferred", "450").say("postsuper", f"{Q}: placed on hold")
    assert (log.fates(), log.mail().rest) == ({"a@corp.test": "held"}, "held")
    log.say("postsuper", f"{Q}: released from hold")
    assert (log.fates(), log.mail().rest) == ({"a@corp.test": "queued"}, "queued")


def test_thrown_away_by_a_rule_it_is_removed() -> None:
    log = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]")
    log.say("cleanup", f"{Q}: discard: body x from a[192.0.2.7]; from=<o@x> to=<a@corp.test> proto=ESMTP helo=<a>")
    assert log.fates() == {"a@corp.test": "removed"} and log.mail().counts
    other = Log().taken().tried("a@corp.test", "sent", "silently", daemon="discard", via="none")
    assert other.fates() == {"a@corp.test": "removed"}


def test_an_alias_is_told_by_the_address_that_was_used() -> None:
    log = Log().taken(people=2).tried("b@corp.test", "sent", orig="team@corp.test")
    log.tried("c@corp.test", "deferred", "450", orig="team@corp.test").tried(
        "C@corp.test", "sent", orig="Team@corp.test"
    )
    assert [(p.to, p.orig, p.status) for p in log.mail().people] == [
        ("b@corp.test", "team@corp.test", "sent"),
        ("c@corp.test", "team@corp.test", "sent"),
    ]


def test_forwarded_by_local_it_lives_on_under_another_id() -> None:
    log = Log().taken().say("cleanup", f"{NEW}: message-id=<m1@side.test>")
    log.tried("team@corp.test", "sent", f"forwarded as {NEW}", daemon="local", via="local").gone()
    log.say("qmgr", f"{NEW}: from=<out@side.test>, size=1, nrcpt=1 (queue active)").tried(
        "a@corp.test", "bounced", "550", ident=NEW
    )
    assert log.fates() == {"team@corp.test": "forwarded"}
    assert (log.mail(NEW).origin, log.mail(NEW).counts, log.mail(NEW).parent) == ("forward", True, log.mail().uid)


@pytest.mark.parametrize("early", [True, False])
def test_a_content_filter_gives_it_back_and_it_counts_once(early) -> None:
    log = Log().taken()
    log.say(
        "smtpd",
        f"{NEW}: client=localhost[127.0.0.1]" + (f", orig_queue_id={Q}, orig_client=a[192.0.2.7]" if early else ""),
    )
    log.say("qmgr", f"{NEW}: from=<out@side.test>, size=1, nrcpt=1 (queue active)")
    log.tried(
        "a@corp.test", "sent", f"250 2.0.0 from MTA: 250 2.0.0 Ok: queued as {NEW}", via="127.0.0.1[127.0.0.1]:10024"
    ).gone()
    log.tried("a@corp.test", "sent", ident=NEW).gone(NEW)
    assert log.fates() == {"a@corp.test": "forwarded"} and log.fates(NEW) == {"a@corp.test": "sent"}
    assert log.mail(NEW).origin == "filter"


def test_an_exchange_on_loopback_is_no_filter() -> None:
    log = Log().taken().tried("a@corp.test", "sent", f"250 ok: queued as {NEW}", via="127.0.0.1[127.0.0.1]:25")
    assert log.fates() == {"a@corp.test": "sent"}
    far = (
        Log()
        .taken(ident=NEW)
        .taken()
        .tried("a@corp.test", "sent", f"250 ok: queued as {NEW}", via="127.0.0.1[127.0.0.1]:25")
    )
    assert far.fates() == {"a@corp.test": "sent"}, "what has that id here came from elsewhere"


def test_a_lost_answer_is_a_risk() -> None:
    log = (
        Log()
        .taken()
        .tried("a@corp.test", "deferred", LOST)
        .tried("a@corp.test", "deferred", "450")
        .tried("a@corp.test", "sent")
    )
    assert (log.mail().people[0].risky, log.mail().people[0].tries) == (1, 3)


def test_two_instances_have_ids_of_their_own() -> None:
    log = Log().taken().say("qmgr", f"{Q}: from=<x@y>, size=5, nrcpt=1 (queue active)", instance="postfix-out")
    log.say("qmgr", f"{Q}: removed", instance="postfix-out")
    assert not log.mail().over and log.mail(f"postfix-out:{Q}").over


def test_a_restart_changes_nothing() -> None:
    log = Log().taken().tried("a@corp.test", "deferred", "450").say("master", "terminating on signal 15")
    log.say("master", "daemon started -- version 3.7.11").say(
        "qmgr", f"{Q}: from=<out@side.test>, size=1234, nrcpt=1 (queue active)"
    )
    log.tried("a@corp.test", "sent").gone()
    assert len(log.mails) == 1 and log.fates() == {"a@corp.test": "sent"} and log.mail().accepted == AT + 3


def test_a_listing_names_who_no_line_has_named() -> None:
    log = Log().taken(people=3).tried("a@corp.test", "deferred", "450")
    log.lives.listed(Q, "hold", [("a@corp.test", "450"), ("b@corp.test", "")], AT + 100)
    log.lives.listed("4fR1ZZ0000z000", "hold", [("x@corp.test", "")], AT + 100)
    assert log.fates() == {"a@corp.test": "deferred", "b@corp.test": "held"} and len(log.mails) == 1
    log.tried("z@corp.test", "sent", orig="b@corp.test").tried("c@corp.test", "sent")
    assert log.fates() == {"a@corp.test": "deferred", "b@corp.test": "sent", "c@corp.test": "sent"}


def test_a_guess_that_fits_no_delivery_is_dropped() -> None:
    log = Log().say("smtpd", f"{Q}: client=a[192.0.2.7]")
    log.say("cleanup", f"{Q}: hold: X from a[192.0.2.7]; from=<o@x> to=<forged@corp.test> proto=ESMTP helo=<a>")
    log.say("qmgr", f"{Q}: from=<o@x>, size=1, nrcpt=1 (queue active)").tried("a@corp.test", "sent")
    assert log.fates() == {"a@corp.test": "sent"}


def test_what_vanished_from_the_queue_is_unknown() -> None:
    log = Log().taken().tried("a@corp.test", "deferred", "450")
    log.lives.vanished(Q, AT + 1000)
    log.lives.vanished("4fR1ZZ0000z000", AT + 1000)
    assert log.fates() == {"a@corp.test": "unknown"} and log.mail().over


def test_a_message_comes_back_from_json_as_it_was() -> None:
    log = Log().taken(sender="").tried("a@corp.test", "bounced", "550 no", orig="b@corp.test")
    mail = log.mail()
    assert mail_of(mail.to_data()) == mail
    assert mail_of(replace(mail, sender=None).to_data()).sender is None


def test_what_is_forgotten_is_kept_first() -> None:
    log = Log()
    for n in range(10):
        log.taken(ident=f"3F2A81C{n}")
    log.lives.forget(2)
    assert len(log.mails) == 10, "nothing was kept yet"
    assert len(log.lives.changed()) == 10 and log.lives.changed() == []
    log.lives.forget(2)
    assert [m.ids[0] for m in log.mails] == ["3F2A81C8", "3F2A81C9"]


def test_an_address_that_was_named_twice_is_one_recipient() -> None:
    """With another ORCPT or NOTIFY each time Postfix delivers to it twice, and says so by two equal lines."""
    log = Log().taken(people=3).tried("a@corp.test", "sent").tried("a@corp.test", "sent", after=0)
    assert (log.mail().unnamed, log.mail().twice) == (1, 1)
    log.say("qmgr", f"{Q}: from=<out@side.test>, size=1234, nrcpt=3 (queue active)", after=300)
    log.tried("b@corp.test", "bounced", "550 no").gone()
    assert log.fates() == {"a@corp.test": "sent", "b@corp.test": "bounced"} and log.mail().unnamed == 0
    assert mail_of(log.mail().to_data()) == log.mail()


def test_the_same_line_once_more_hides_nobody() -> None:
    """Where all are named, and after the end, a line that comes again is that line."""
    log = Log().taken(people=2).tried("a@corp.test", "sent").gone().tried("a@corp.test", "sent")
    assert (log.mail().unnamed, log.mail().rest, log.mail().twice) == (1, "unknown", 0)
    log = Log().taken().tried("a@corp.test", "sent").tried("a@corp.test", "sent")
    assert log.mail().twice == 0


def test_of_a_bounce_from_nobody_nobody_hears_though_the_log_ends_there() -> None:
    """A message from ``<>`` has no sender to tell (RFC 5321, 4.5.5); with another sender it is not known yet."""
    for sender, told in (("", "no"), ("out@side.test", "")):
        log = Log().taken(sender=sender).tried("a@corp.test", "bounced", "550 5.1.1 no")
        assert [(p.status, p.told) for p in log.mail().people] == [("bounced", told)], sender


def test_given_up_from_nobody_is_told_to_nobody() -> None:
    log = Log().taken(sender="").tried("a@corp.test", "deferred", "450 4.2.1 later")
    log.say("qmgr", f"{Q}: from=<>, status=expired, returned to sender")
    assert [(p.status, p.told) for p in log.mail().people] == [("expired", "no")]
