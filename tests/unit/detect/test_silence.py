"""What is said when nothing looks any more: after a failing look, and from a place that is lost for good."""

from test_every_rule import LATER, OK, SILENT, said

from bcp.detect.reasons import LOST


def test_after_a_look_that_failed_silence_is_not_health() -> None:
    """One look decides nothing; but when nothing looks again, nobody knows. After a good one it stays well a while."""

    def left_after(last):
        return said(7, smtp=lambda n: OK if n < 2 else last if n == 2 else SILENT, boxes=OK)

    assert (left_after(LATER).state, left_after(LATER).action) == ("unknown", "watch")
    assert left_after(LATER).evidence == ("smtp: 4xx-rcpt; nothing has looked since",)
    assert left_after(OK).state == "healthy"
    again = said(9, smtp=lambda n: OK if n < 2 or n > 6 else LATER if n == 2 else SILENT, boxes=OK)
    assert (again.state, again.evidence) == ("healthy", ())


def test_a_place_that_is_lost_for_good_is_told_of_where_it_keeps_mail_on_the_relay() -> None:
    """Two places, and one of them is heard of no more: the other alone proves nothing, and somebody must say so."""

    def back(later):
        looks = {"a": lambda n: LATER if n < 8 else OK, "b": lambda n: LATER if n < 8 else later}
        return said(60, ("a", "b"), events={8: ["active"]}, smtp=lambda n: {p: look(n) for p, look in looks.items()})

    assert back(SILENT).action == "hold" and back(SILENT).changes[-1] == LOST
    assert LOST not in back(OK).changes
