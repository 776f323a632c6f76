"""From the lanes of all probes to the planes, of the service as a whole and of each domain that does not look well.
Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import Result, Role
from bcp.detect.evidence import BACKS, SAME
from bcp.detect.inbound import UNKNOWN_WAY, Around, Weighed, may_be_us, sees_known, weigh
from bcp.detect.looks import MAIL, ZONE
from bcp.detect.planes import PlaneView, ProbeView, WayView, view_plane, view_way
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED

APART = frozenset({"dns", "inbound", "gateway", ZONE})
"""Planes that are judged for each domain apart."""
WHENEVER = frozenset({"queue"})
"""Ways of looking that speak only when there is traffic: their silence is no blindness."""


@dataclass(frozen=True, slots=True)
class Backing:
    """What others say, and about which planes."""

    texts: tuple[str, ...] = ()
    planes: frozenset[str] | None = None
    """Planes that are named; ``None``: they speak of the service as a whole."""
    people: frozenset[str] = frozenset()
    """Planes that persons on call have declared down."""

    def of(self, plane: str) -> bool:
        """Does it back this plane?"""
        told = bool(self.texts) and (self.planes is None or plane in self.planes)
        return told or plane in self.people


@dataclass(frozen=True, slots=True)
class Survey:
    """The planes, and what was set aside on the way to them."""

    views: tuple[PlaneView, ...]
    weighed: Weighed = field(default_factory=lambda: Weighed(()))

    def plane(self, name: str) -> PlaneView | None:
        """One of them."""
        return next((v for v in self.views if v.name == name), None)


def survey(lanes: Iterable[ProbeView], backing: Backing, around: Around, rules: Rules) -> Survey:
    """Ways of looking, weighed against one another, as planes."""
    groups: dict[tuple[str, str], list[ProbeView]] = defaultdict(list)
    for lane in lanes:
        groups[(lane.watched.plane, lane.watched.way)].append(lane)
    ways: dict[str, list[WayView]] = defaultdict(list)
    for (plane, _), probes in groups.items():
        if plane != "declared":
            ways[plane].append(view_way(probes, rules))
    weighed = Weighed(())
    if "inbound" in ways:
        weighed = weigh(ways["inbound"], _around(around, ways["inbound"], ways.get("dns", ()), backing), rules)
        ways["inbound"] = list(weighed.ways)
    told = {p: backing.of(p) for p in ways}
    views = _views(ways, told, weighed, rules)
    down = {v.name for v in views if v.status == "down"}
    backed = {p: _backed(p, down, backing) for p in ways}
    if backed != told:
        views = _views(ways, backed, weighed, rules)
    return Survey(tuple(_with_grounds(v, weighed) for v in views), weighed)


def _backed(plane: str, down: Collection[str], backing: Backing) -> bool:
    """Does something else say that this plane is down? Not where it only fails with another one."""
    if any(plane in SAME.get(d, ()) for d in down):
        return False
    return backing.of(plane) or any(plane in BACKS.get(d, ()) for d in down)


def _around(around: Around, ways: Sequence[WayView], names: Sequence[WayView], backing: Backing) -> Around:
    """What speaks beside the looks.

    A declaration that names no plane is too little to prove a refusal false, and so is what people complain of: that
    may be anything, while one recipient was removed.
    """
    others = any(w.down and w.role in {Role.PEOPLE, Role.TOLD} for w in ways)
    unknown = [p for w in ways if w.way == UNKNOWN_WAY for p in w.probes]
    names_fail = any(p.fail_share for w in names for p in w.probes)
    inverted = any(p.worst is not None and p.worst.kind == "accepts-unknown" for p in unknown)
    named = (backing.planes is not None and backing.of("inbound")) or "inbound" in backing.people
    return replace(around, backed=others or named, vouched=named, accepts_unknown=inverted, names_fail=names_fail)


def _views(
    ways: Mapping[str, Sequence[WayView]], backed: Mapping[str, bool], weighed: Weighed, rules: Rules
) -> list[PlaneView]:
    return [
        view_plane(p, w, corroborated=backed[p], rules=rules, halved=weighed.halved and p == "inbound")
        for p, w in ways.items()
    ]


def _with_grounds(view: PlaneView, weighed: Weighed) -> PlaneView:
    return replace(view, grounds=weighed.grounds) if view.name == "inbound" and weighed.grounds else view


def doubtful(lane: ProbeView) -> bool:
    """Is anything wrong with it that a domain's own verdict could rest on?"""
    return lane.down or lane.suspect or bool(lane.share) or lane.raw


def by_domain(lanes: Iterable[ProbeView]) -> tuple[dict[str, list[ProbeView]], list[ProbeView]]:
    """The lanes of each domain that is named and not well, with those of all domains; and the general ones."""
    named: dict[str, list[ProbeView]] = defaultdict(list)
    general: list[ProbeView] = []
    for lane in lanes:
        if lane.watched.plane not in APART:
            continue
        for domain in lane.watched.domains:
            named[domain].append(lane)
        if not lane.watched.domains:
            general.append(lane)
    return named, general


def alike(named: Collection[Sequence[ProbeView]]) -> bool:
    """Do all domains fare alike, so that a mail that names none of them speaks of each (*delivered-elsewhere*)? So it
    does where no look tells their inbound mail apart: those looks are of all as well."""
    apart = any(x.watched.plane == "inbound" for mine in named for x in mine)
    return not apart or all(any(x.down for x in mine) for mine in named)


def unseen(lanes: Iterable[ProbeView]) -> bool:
    """Is there something of what MX is moved for that is set to be looked at, and that none of these sees?"""
    looks: dict[str, list[bool]] = defaultdict(list)
    for lane in lanes:
        if lane.watched.role is Role.LOOK and lane.watched.way != UNKNOWN_WAY:
            looks[lane.watched.plane].append(lane.known)
    return any(not any(known) for plane, known in looks.items() if plane in MOVED)


def merged(view: PlaneView, own: Mapping[str, PlaneView], count: int) -> PlaneView:
    """The plane as a whole, where domains are looked at apart: as bad as the worst, and of which domains."""
    down = [d for d, v in own.items() if v.status == "down"]
    if down:
        worst = own[down[0]]
        since = min((own[d].since for d in down if own[d].since is not None), default=None, key=lambda s: s or 0.0)
        return replace(
            view,
            status="down",
            rejecting=any(own[d].rejecting for d in down),
            failing_now=any(own[d].failing_now for d in down),
            share=max(own[d].share for d in down),
            since=since,
            agree=worst.agree,
            against=worst.against,
            domains=tuple(sorted(down)) if len(down) < count else (),
            seen=any(own[d].seen for d in down),
        )
    if view.status == "down":  # of all targets together, while of no domain alone
        return replace(view, status="partial", failing_now=False, rejecting=False, seen=False)
    return view


def blind(views: Iterable[PlaneView], looked: frozenset[str]) -> list[PlaneView]:
    """Planes at which something is set to look and has looked, and of which nothing is known now."""
    return [
        v
        for v in views
        if v.status == "unknown"
        and any(
            w.role is Role.LOOK and w.way not in WHENEVER and any(p.watched.probe in looked for p in w.probes)
            for w in v.ways
        )
    ]


def limited(lanes: Iterable[ProbeView]) -> set[str]:
    """Planes about which nothing is wrong but that some places' own addresses are refused."""
    bad: dict[str, list[bool]] = defaultdict(list)
    for lane in lanes:
        if lane.down or lane.suspect or lane.share:
            bad[lane.watched.plane].append(lane.throttled and not lane.down)
    return {plane for plane, only in bad.items() if all(only)}


def fails_at_all(view: PlaneView, rules: Rules, *, ours: bool = False) -> bool:
    """Does so much of it fail as a whole that it is more than slow or degraded, and no single look? ``ours``: as our
    own looks see it, whatever others say."""
    looks = [w for w in view.ways if not w.muted and w.role is Role.LOOK]
    often = any(p.fail_share >= rules.partial_share for w in looks for p in w.probes)
    return often or any(w.down for w in (looks if ours else view.ways))


def cuts_off(view: PlaneView) -> bool:
    """Is a part of the senders cut off for good, again and again, although it works for others (*family-alone*)?"""
    looks = [w for w in view.ways if not w.muted and w.role is Role.LOOK]
    return view.status == "partial" and any(p.cut for w in looks for p in w.probes)


def only_limits(view: PlaneView) -> bool:
    """Is all that fails here a limit, or a refusal that no whole mail confirms, that may speak of our own addresses?"""
    looks = [w for w in view.ways if not w.muted and w.role is Role.LOOK and w.way != MAIL]
    bad = [p for w in looks for p in w.probes if p.known and (p.down or p.suspect)]
    speaks = is_limit if any(w.raw for w in view.ways if w.way == MAIL) else may_be_us
    return bool(bad) and all(p.fails_by and all(speaks(k) for k in p.fails_by) for p in bad)


def bounces(view: PlaneView) -> bool:
    """Are looks at inbound mail refused for good, by replies that say nothing of the recipient (*kept*)? No sender
    keeps such mail, if it is not ours alone."""
    down = [w for w in view.ways if w.down and not w.muted and w.role is Role.LOOK and w.way != MAIL]
    return view.name == "inbound" and any("5xx" in p.fails_by for w in down for p in w.probes if p.down)


def hearsay(view: PlaneView) -> bool:
    """Do only people, or other systems, speak of it, while all that looks sees it well?"""
    looks = [w for w in view.ways if w.role is Role.LOOK and w.known]
    return bool(looks) and not any(w.down or w.suspect or w.share or w.down_targets or w.raw for w in looks)


def only_mails(view: PlaneView) -> bool:
    """Do whole mails alone fail, while what is set to look at known recipients sees nothing (*mails-alone*)?"""
    bad = [w for w in view.ways if w.role is Role.LOOK and not w.muted and (w.down or w.suspect)]
    return view.name == "inbound" and bool(bad) and all(w.way == MAIL for w in bad) and not sees_known(view.ways)


def only_places(view: PlaneView) -> bool:
    """Is all that fails here a path near some places, while it is solidly well from others?"""
    bad = [p for w in view.ways if not w.muted for p in w.probes if p.known and (p.split[0] or p.share)]
    return bool(bad) and all(p.unreachable for p in bad)


def is_limit(kind: str) -> bool:
    """Is it a limit of ours?"""
    return meaning_of(kind) is Meaning.LIMIT


def failed(result: Result) -> bool:
    """Is it a bad look?"""
    return result in {Result.FAIL, Result.DEGRADED}
