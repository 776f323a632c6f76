"""The conditions of a switch of MX, and of the way back: two tables. Values and what is asked of them only; pure."""

from __future__ import annotations

from bcp.detect.cases import Case, Condition, Moment
from bcp.detect.due import decide_after
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED, switch_helps


def _share_enough(c: Case, m: Moment, r: Rules) -> bool:
    early = c.likely_share >= r.switch_share and not _long_enough(c, m, r)  # there is time to become sure
    healed = not c.failing_now and c.likely_share >= r.switch_share
    over = not c.lately or healed  # then that is the reason, and not how much of it failed before
    return c.refused or c.sure_share >= r.switch_share or early or over


def _long_enough(c: Case, m: Moment, r: Rules) -> bool:
    need = decide_after(c.classes, c.planes, r)
    return need is not None and c.failed_s >= need - 1e-6


UNCONFIRMED = "it fails often enough, seen in two ways, to be confirmed"
"""What changes a decision about something that is in doubt."""
GOES_ON = "it goes on failing"
"""What changes a decision that only waits for its time."""
CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "not-maintenance",
        "nobody has declared maintenance of our own",
        lambda c, m, r: not m.maintenance,
        "watch",
        "we are in maintenance",
        "the maintenance that was declared ends",
    ),
    Condition(
        "not-denied",
        "nobody on call says that it is no outage",
        lambda c, m, r: not m.denied,
        "watch",
        "on call says that it is no outage",
        "that word ends or is taken back",
    ),
    Condition(
        "down",
        "inbound mail, or the MX host's name, is confirmed down",
        lambda c, m, r: c.state == "down" and bool(set(c.planes) & set(MOVED)),
        "watch",
        "not confirmed",
        UNCONFIRMED,
    ),
    Condition(
        "helps",
        "the class is one in which moving MX keeps mail",
        lambda c, m, r: switch_helps(c.classes, c.planes),
        "tell",
        "moving MX would not help; use channels that do not fail with it",
        "inbound mail fails too",
    ),
    Condition(
        "seen",
        "a look of our own sees it",
        lambda c, m, r: c.seen,
        "ask",
        "only people say so, and nothing of ours sees it",
        "a probe of ours sees inbound mail fail",
    ),
    Condition(
        "not-into-gateway",
        "the way through the relay does not fail while direct delivery works",
        lambda c, m, r: not m.gateway_down or c.gateway_spared,
        "direct",
        "direct delivery works, and the way through the relay does not",
        "direct delivery is confirmed down as well",
    ),
    Condition(
        "zone-readable",
        "senders can read our own zone, in which a new MX would stand",
        lambda c, m, r: not c.zone_down,
        "ask",
        "our own zone does not answer senders, so they could not read a new MX in it either",
        "our own zone answers again",
    ),
    Condition(
        "not-limited",
        "it is more than limits and refusals that may speak of our own probers",
        lambda c, m, r: not c.limited,
        "ask",
        "only our probers are limited or refused, and nothing shows whether real mail is",
        "they see something else than limits and refusals of their own, or a test mail tells",
    ),
    Condition(
        "looked-at",
        "not test mails alone see it: a known recipient is looked at as well, where something is set to",
        lambda c, m, r: not c.mails_alone,
        "ask",
        "test mails are not taken, and no look at a known recipient says whether others are",
        "the probes see known recipients again",
    ),
    Condition(
        "not-delivered",
        "no mail comes through of which every look says that it cannot",
        lambda c, m, r: not c.delivered,
        "ask",
        "looks fail every time and yet a mail came through: which of them is to be believed?",
        "test mails are no longer taken",
    ),
    Condition(
        "steady",
        "it does not come and go",
        lambda c, m, r: not c.flapping,
        "ask",
        "it comes and goes, so nothing is proposed by itself",
        "it stays down (or up) for a while",
    ),
    Condition(
        "share",
        "enough of the looks fail, with certainty",
        _share_enough,
        "ask",
        "only a part of the looks fails",
        "a larger share of the looks fails, for long enough to be no accident",
    ),
    Condition(
        "fresh",
        "it rests on looks of now",
        lambda c, m, r: m.fresh,
        "watch",
        "nothing was looked at just now",
        "the probes look again",
    ),
    Condition(
        "failing-now",
        "the newest looks still fail",
        lambda c, m, r: c.failing_now,
        "wait",
        "at this moment it does not fail",
        "the newest looks fail again",
    ),
    Condition(
        "kept",
        "nothing says that mail is refused for good before its decision time",
        lambda c, m, r: not c.bounced or _long_enough(c, m, r),
        "ask",
        "it is refused for good, and no reply says whether other mail is: if it is, it bounces meanwhile",
        "it is put off instead, or a reply tells",
    ),
    Condition(
        "long-enough",
        "it has failed for the decision time of its class, over all relapses",
        _long_enough,
        "wait",
        "mail waits at the senders and is not lost yet",
        GOES_ON,
    ),
    Condition(
        "relay-ready",
        "the relay takes mail for the domain",
        lambda c, m, r: m.relay_ready is not False,
        "ask",
        "the relay is not ready: moving MX there would lose mail",
        "the relay is ready",
    ),
)
"""Of a switch, in the order in which they are judged."""

BACK: tuple[Condition, ...] = (
    Condition(
        "recovering",
        "inbound mail and the MX host's name have been clear for long enough",
        lambda c, m, r: m.stage == "recovering",
        "hold",
        "the relay takes the mail",
        "inbound mail and the MX host's name are clear for long enough",
    ),
    Condition(
        "not-declared",
        "nobody on call says that it still fails",
        lambda c, m, r: not m.declared,
        "hold",
        "on call says that it still fails",
        "that word ends or is taken back",
    ),
    Condition(
        "not-maintenance",
        "nobody has declared maintenance of our own",
        lambda c, m, r: not m.maintenance,
        "hold",
        "we are in maintenance: not back into that",
        "the maintenance that was declared ends",
    ),
    Condition(
        "seen-well",
        "inbound mail and the MX host's name are seen to be well",
        lambda c, m, r: c.well,
        "hold",
        "nobody sees whether inbound mail is well: not back into the unknown",
        "the probes see inbound mail again, and see it well",
    ),
    Condition(
        "fresh",
        "it rests on looks of now",
        lambda c, m, r: m.fresh,
        "hold",
        "nothing was looked at just now",
        "the probes look again",
    ),
    Condition(
        "steady",
        "neither inbound mail nor the MX host's name comes and goes",
        lambda c, m, r: not m.flapping,
        "hold",
        "it comes and goes, so the way back is not proposed by itself",
        "it stays up for a while",
    ),
    Condition(
        "dwell",
        "mail has been on the relay for the shortest time",
        lambda c, m, r: m.on_relay_s is None or m.on_relay_s >= r.dwell_s,
        "hold",
        "clear, but on the relay for too short a time",
        "the shortest time on the relay is over",
    ),
)
"""Of a failback."""
