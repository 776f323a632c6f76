"""What must hold whatever is pressed: judged by the world itself, by what people really said, and by what stands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bcp.engine.state import FINAL
from players.house import DOMAIN, House, Move, place_of
from players.words import places_in

LATELY_S = 25.0
"""Two looks with their time-outs, a plan and what the judgement is good for."""
STAFF = ("+12025550101", "+12025550102", "+12025550103", "+12025550104")
"""Phones of employees: two read English, two German."""
LOUD = frozenset({"approved", "answer_refused", "gate_closed", "undo_refused", "aborting", "run_finished"})


@dataclass(frozen=True)
class Yes:
    """A person's yes that a door accepted (or that a phone sent: ``sure`` is False)."""

    at: float
    person: str
    run: str
    step: str
    sure: bool = True
    question: str = ""
    wall: float = 0.0


class Truth:
    """Watches a house. ``broken`` collects what did not hold."""

    def __init__(self, house: House, approvals: int) -> None:
        self.house, self.approvals = house, approvals
        self.consents: list[Yes] = []
        self.ended: dict[str, float] = {}
        """Runs that did not move mail and whose end was accepted."""
        self.broken: list[str] = []
        self.dead = {"exchange": False, "exchange-two": False, "relay": False}
        self._changed = dict.fromkeys(self.dead, -1e9)
        self.vendors_wrong = -1e9
        self.silent: set[str] = set()
        """Phones from which STOP came."""
        self.foreign = -1e9
        self.disk_full = self.disk_was_full = False
        house.watchers.append(self.moved)

    # -- the world -----------------------------------------------------------------------------------------------

    def set_dead(self, what: str, dead: bool) -> None:
        """It died, or works again."""
        if self.dead[what] != dead:
            self.dead[what], self._changed[what] = dead, self.house.now

    def was(self, what: str, *, dead: bool) -> bool:
        """Was it so at some moment lately?"""
        return self.dead[what] == dead or self.house.now - self._changed[what] <= LATELY_S

    def say(self, text: str) -> None:
        """Something did not hold."""
        self.broken.append(f"{self.house.now:.1f}: {text}")

    # -- (a) and (b): every move of ours -------------------------------------------------------------------------

    def moved(self, move: Move) -> None:
        """Called in the very moment."""
        if not move.ours:
            self.foreign = move.at
            return
        views = [v for v in self.views() if self._moves_now(v) and move.domain in v.plan["domains"]]
        if not views:
            self.say(f"MX was moved by no run: {move}")
            return
        for view in views:
            self._may(view, place_of(move.after), move)

    def views(self) -> list[Any]:
        """All runs."""
        runs = self.house.daemon.app.running.runs
        return [runs.view(i, effects=False) for i in runs.ids()]

    @staticmethod
    def _moves_now(view: Any) -> bool:
        switch = {s["id"] for s in view.plan["steps"] if s["uses"] == "dns.mx.switch"}
        state = view.state
        if state.status == "undoing":
            return True
        return any(s.status in {"running", "waiting"} and s.id in switch for s in state.steps.values())

    def _may(self, view: Any, to: str, move: Move) -> None:
        undo, run = view.state.status == "undoing", view.id
        who = f"{'undo of ' if undo else ''}{run} ({view.plan['playbook']}) moved MX of {move.domain} to {to}"
        starters = {view.plan["initiator"], view.record.meta.get("starter")}
        if not undo:
            yes = {y.person for y in self.consents if y.run == run and y.step in {"approve", ""}} - starters
            if len(yes) < self.approvals:
                self.say(f"{who} with {sorted(yes)} of {self.approvals} approvals")
            if run in self.ended and move.at - self.ended[run] > 10.0:
                self.say(f"{who} after it was ended")
        elif view.state.aborting and len(self._said(run, "undo")) < self.approvals:
            self.say(f"{who} with {sorted(self._said(run, 'undo'))} of {self.approvals} yes to the consequence")
        self._alive(view, to, who, undo=undo, host="exchange" if move.domain == DOMAIN else "exchange-two")

    def _alive(self, view: Any, to: str, who: str, *, undo: bool, host: str) -> None:
        """Never to where looks say dead, unless somebody said yes to just that."""
        anyway = undo and len(self._said(view.id, "undo-anyway")) >= self.approvals
        if anyway:
            return
        if to == "relay":
            if not self.was(host, dead=True):
                self.say(f"{who} while Exchange was well")
            if not undo and not self.was("relay", dead=False):
                self.say(f"{who} while the relay was dead")
        elif to == "primary" and not self.was(host, dead=False):
            self.say(f"{who} while Exchange was dead")

    def _said(self, run: str, step: str) -> set[str]:
        return {y.person for y in self.consents if y.run == run and y.step == step}

    # -- (c): what the public reads ------------------------------------------------------------------------------

    def public(self) -> None:
        """Once nothing is under way: the newest word of the page, its feeds, the chat and every phone is true."""
        last = {m.domain: m for m in self.house.moves}
        ours = {d for d in self.house.domains if d not in last or last[d].ours}
        places = {self.house.places[d] for d in ours}  # of what others moved, our texts say nothing
        if "elsewhere" in places or self._under_way() or not ours:
            return
        place = "relay" if "relay" in places else "primary"
        moved = max((m.at for m in self.house.moves), default=-1e9)
        if self.foreign >= moved:
            return
        for where, texts in self._published().items():
            self._true(where, texts, place)
        if self.vendors_wrong > moved - 600:
            return
        vendors = self.house.lab.vendors
        self._true("the chat", [p["text"] for p in vendors.posts if not p["blocks"] and not _to_oncall(p)], place)
        for phone in STAFF:
            if phone not in self.silent:
                self._true(phone, [m["body"] for m in vendors.sms if m["to"] == phone], place)

    def _true(self, where: str, texts: list[str], place: str) -> None:
        """``texts``: the oldest first."""
        text = next((t for t in reversed(texts) if places_in(t)), "")
        if text and places_in(text) != {place}:
            self.say(f"{where} says {places_in(text)}, and mail goes to the {place}: {text}")

    def _published(self) -> dict[str, list[str]]:
        """What the status page and its feed say, the oldest first."""
        folder = self.house.folder / "public"
        if not (folder / "feed.json").exists():
            return {}
        items = json.loads((folder / "feed.json").read_text())["items"]
        feed = [f"{i['title']} {i.get('content_text') or i.get('content_html') or ''}" for i in reversed(items)]
        html = (folder / "index.html").read_text()
        rows = re.findall(r"<article.*?</article>", html, re.DOTALL)
        return {"the feed": feed, "the status page": [re.sub(r"<[^>]+>", " ", r) for r in reversed(rows)]}

    def _under_way(self) -> bool:
        for view in self.views():
            status = view.status()
            if status in FINAL or (status == "holding" and view.live):
                continue
            return True
        return False

    # -- (e) -----------------------------------------------------------------------------------------------------

    def doors(self) -> None:
        """No fault of ours at any door."""
        house = self.house
        for method, path, status, said in house.answers:
            if status >= 500 and not (status == 503 and self.disk_was_full):
                self.say(f"{method} {path} gives {status}: {said}")
        house.answers.clear()
        self.disk_was_full = self.disk_full
        for done in house.commands.started:
            if done.code is None or done.code == -9:
                continue
            text = done.text
            if done.fault or "Traceback" in text or "fault in bcp" in text or done.code not in {0, 1, 2, 3, 4, 5, 130}:
                self.say(f"bcp {' '.join(done.words)} gives {done.code} {done.fault}: {text[-1500:]}")
        house.commands.started = [d for d in house.commands.started if d.code is None]
        for text in house.faults.found:
            self.say(f"the log: {text}")
        house.faults.found.clear()
        for view in self.views() if house.daemon is not None else ():
            for step in view.state.steps.values():
                if "Please report" in step.hint or step.error.startswith("fault in"):
                    self.say(f"{view.id} {step.id}: {step.error}")

    # -- (f) -----------------------------------------------------------------------------------------------------

    def heeded(self) -> None:
        """Every sure yes of some time ago led to something that can be seen."""
        for yes in [y for y in self.consents if y.sure]:
            if yes.run and not self._heeded_by_run(yes):
                self.say(f"the yes of {yes.person} to {yes.step} of {yes.run} led to nothing")
        status, asked = self.house.api("reader", "/questions")
        for one in asked if status == 200 else ():
            said = {y.person for y in self.consents if y.sure and y.question == one["id"]}
            if not one["run"] and len(said) >= one["needed"] and not self._told_why(one):
                self.say(f"{sorted(said)} said yes to {one['step']}, and it is still open")

    def _told_why(self, asked: Mapping[str, Any]) -> bool:
        """Was it said that what was approved cannot start yet?"""
        status, found = self.house.api("reader", f"/incidents/{asked['incident']}")
        return status != 200 or any(e["kind"] in {"refused", "run_failed"} for e in found["events"])

    def _heeded_by_run(self, yes: Yes) -> bool:
        view = self.house.daemon.app.running.runs.view(yes.run, effects=False)
        mine = [e for e in view.record.events if e.kind == "answered" and e.actor == yes.person]
        later = [e for e in view.record.events if e.kind in LOUD]
        status = view.status()
        if status in FINAL or status in {"in_doubt", "stopped"}:
            return True
        gate = next((s for s in view.state.steps.values() if s.gate and s.id == yes.step), None)
        return bool(mine or (gate is None and later))


def _to_oncall(post: Mapping[str, Any]) -> bool:
    """Is it a message to the people on call, who are told of faults and questions in the same room?"""
    return "run-" in str(post["text"]) or "inc-" in str(post["text"])


def consent_of(data: Mapping[str, Any]) -> list[str]:
    """The steps to which an accepted abort says yes."""
    return [step for field, step in (("consequence", "undo"), ("anyway", "undo-anyway")) if data.get(field)]
