"""A record in which every field says something of its own, so that a page that drops one is found."""

from __future__ import annotations

from bcp.contracts.exercise import (
    DrillRecord,
    Finding,
    Integrity,
    NextDrill,
    Note,
    Objective,
    Participant,
    PlaybookRef,
    Retention,
    Scenario,
    SharedFate,
    Signature,
)
from bcp.contracts.exercise_parts import (
    Chain,
    Component,
    CurvePoint,
    Decision,
    Detection,
    Failback,
    Mails,
    Moment,
    Receipts,
    Step,
)

T = 1_769_100_240.0
"""2026-01-22 16:44:00 UTC: the outage begins."""
RUN, BACK = "run-20260122-164530-x7kq", "run-20260122-181500-b2mn"


def step(name: str, title: str, action: str, begin: float, end: float, **more: object) -> Step:
    return Step(
        name, str(more.pop("run", RUN)), "activation", title, action, actor="bcp", command=f"{action}; corp.example",
        planned_start=T + begin - 5, planned_end=T + end + 20, started=T + begin, ended=T + end,
        input=f'{{"step":"{name}"}}', output_digest=f"{name}-" + "d" * 40, result="ok", executed=True, attempts=1,
        summary=f"{title}: done", evidence=f"{RUN}#{int(begin)}-{int(end)}", **more,
    )  # type: ignore[arg-type]  # fmt: skip


def full() -> DrillRecord:
    """A live drill that went well but for one audience."""
    return DrillRecord(
        id="drill-20260122-160000-q8wp",
        kind="live",
        title="Inbound mail fails on a winter afternoon",
        state="closed",
        outcome="completed",
        reason="",
        organisation="Contoso Group AG",
        zone="Europe/Berlin",
        created=T - 86_400 * 20,
        created_by="eva.lang",
        planned_start=T - 900,
        planned_end=T + 9000,
        surprise=True,
        scenario=Scenario(
            "jan-2026-gls", "Inbound SMTP answers 451", "MO1221364, 22 January 2026", "B", "outages/jan-2026-gls.yaml",
            "5" * 64,
        ),
        bia="https://intranet.contoso.example/bia/mail",
        scope_in=("corp.example", "the canary domain"),
        scope_out=("calendar", "outbound mail"),
        assumptions=("the relay's certificate is valid", "the drill domain is set up as the production domains are"),
        expected="Mail arrives on the relay within half an hour and everybody is told",
        method="Surprise start inside a window, real change of DNS for one domain",
        components=(
            Component("detection", False, "the drill is begun by a person; the watch only vetoes"),
            Component("DNS", True),
            Component("channels", True, "real, to volunteers only, marked as an exercise"),
        ),
        playbooks=(
            PlaybookRef(
                "exchange-inbound-outage", "Inbound mail to Exchange Online fails", "1",
                "exchange-inbound-outage.yaml", "7" * 64, "plan-20260122-164500-aaaa", "8" * 64,
            ),
        ),
        third_parties=("rfc2136 (DNS host main)", "twilio-sms (channel sms)"),
        retention=Retention(3, "2029-01-22", "audit-3y"),
        started=T - 60,
        ended=T + 8400,
        objectives=(
            Objective(
                "rto_receive", 1800.0, "", "s", "new mail is taken by the relay within 30m of the start of the outage",
                T - 86_400, 972.0, "met", "first-mail", (f"{RUN}#31",),
            ),
            Objective(
                "rto_communicate", 900.0, "employees", "s", "95 of 100 people of employees are told within 15m",
                T - 86_400, 640.0, "met", "ledger", (f"{RUN}#40",), 0.98,
            ),
            Objective(
                "rto_communicate", 900.0, "customers", "s", "95 of 100 people of customers are told within 15m",
                T - 86_400, 1330.0, "missed", "ledger", (f"{RUN}#52",), 0.96,
            ),
            Objective("rpo_messages", 0.0, "", "messages", "no more than 0 mails fail for good", T, 0.0, "met",
                      "relay-account"),
            Objective("wrt", 7200.0, "", "s", "the relay is drained within 2h of the way back", T, 1260.0, "met",
                      "drain"),
            Objective("mtpd", 86400.0, "", "s", "mail flows as usual", T, 7440.0, "met", "until-well"),
        ),
        participants=(
            Participant("Eva Lang", "facilitator", "eva.lang", True, T - 300, T + 8500, "entered"),
            Participant("Ben Ortega", "approver", "ben.ortega", True, T, 0.0, "entered"),
            Participant("Chloe Dubois", "observer", "", False, source="planned"),
            Participant("Dan Weiss", "communicator", "dan.weiss", None),
        ),
        steps=(
            step("approve", "A person agrees", "approval", 95, 300),
            step("mx", "Point MX at the backup relay", "dns.mx.switch", 300, 312),
            step("tell-employees", "Tell employees", "notify", 312, 640),
            step("tell-customers", "Tell customers", "notify", 640, 1330),
            step("mx-back", "Point MX at Exchange", "dns.mx.switch", 6000, 6180, run=BACK),
        ),
        detection=Detection(T, True, "the first failure that the watch saw", T + 94.0, "smtp-frankfurt and smtp-dublin",
                            "B", ("451 4.3.2 at RCPT, 3 of 3",)),
        decisions=(
            Decision(T + 300, "ben.ortega", "approve of exchange-inbound-outage", "approved", T + 95, "sms", "approve",
                     RUN, f"{RUN}#12"),
            Decision(T + 6000, "ben.ortega", "approve of exchange-failback", "approved", T + 5950, "console", "approve",
                     BACK, f"{BACK}#4"),
        ),
        propagation=(
            CurvePoint(T + 312, 0, 6), CurvePoint(T + 400, 2, 6), CurvePoint(T + 700, 5, 6), CurvePoint(T + 1900, 6, 6),
        ),
        receipts=(
            Receipts("sms", "employees", "tell-employees", RUN, 2000, 1962, 1931, 38, 0, 14, 1204, T + 320, T + 640,
                     ("no-phone-1: no such number",)),
            Receipts("email-outside", "customers", "tell-customers", RUN, 400, 384, None, 9, 7, 0, None, T + 650,
                     T + 1330),
        ),
        mails=Mails("relay-account", 612, 612, 590, 0, 0, 0, 0,
                    ((T + 1000, 0), (T + 2000, 140), (T + 4000, 430), (T + 6200, 590), (T + 7000, 120), (T + 7440, 0))),
        failback=(Failback(BACK, "done", T + 5940, T + 7600, ("ben.ortega",), T + 6180, T + 7440, T + 7590),),
        timeline=(Moment(T - 60, "began", "", "eva.lang"), Moment(T + 8400, "ended", "completed", "eva.lang")),
        shared_fate=SharedFate("risk", T - 60, ("Slack signs people in with Entra",)),
        runs=(RUN, BACK),
        moved=T + 312,
        incidents=("inc-20260122-164534-mmmm",),
        deviations=(Note(T + 700, "Ben Ortega", "The status page was updated by hand", "deviation", evidence="d#9"),),
        findings=(
            Finding(
                "f-k2m4", "Customers were told seven minutes late", "high", "One sender, 1 message a second",
                "Dan Weiss", "2026-03-01", "Dry run on 2 March", True, "open", "Use three senders",
                "bcp.yaml: channels.sms",
                "told-late", "bcp", T + 8500, T + 8600, "eva.lang", 0.0, T + 8700, (f"{RUN}#52",),
            ),
            Finding("f-9xqp", "The phone list held a dead number", "low", raised_by="eva.lang", raised_at=T + 8550),
        ),
        feedback=(Note(T + 8600, "Ben Ortega", "The text message said clearly what to do", "feedback", 4),),
        notes=(Note(T + 200, "Eva Lang", "The second approver was on a train", evidence="d#7"),),
        conclusions=(Note(T + 8800, "Eva Lang", "We can receive mail without Exchange in 20 minutes.", "conclusion"),),
        signatures=(
            Signature("Petra Vogel", T + 90_000, "chief information officer", "console as petra.vogel", "9" * 64,
                      "6" * 64),
        ),
        next_drill=NextDrill(T + 86_400 * 90, "drill-20260422-090000-zzzz", "tabletop", "mar-2026-mailbox",
                             "every quarter"),
        integrity=Integrity((Chain("drill-20260122-160000-q8wp", 24, "1" * 64), Chain(RUN, 61, "2" * 64),
                             Chain(BACK, 22, "3" * 64)),
                            "clock of this machine, UTC, synchronised", "bcp 1.0.0"),
    )  # fmt: skip
