"""Somebody who presses everything: each method is one deed of a person, a vendor, a monitoring system or the world."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import resource
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bcp.engine.state import FINAL
from bcp.kernel.errors import StorageError
from players.browser import Browser
from players.house import DOMAIN, FROM, ON_CALL, PHONES, House
from players.seats import Seats
from players.truth import Truth, Yes, consent_of

SWITCH = "exchange-inbound-outage"
BOOKS = (SWITCH, "exchange-false-rejects", "exchange-mailbox-access", "exchange-failback", "exchange-access-restored")

CONSENT = re.compile(r"--consequence (\S+?)(?: --anyway (\S+?))?\. The")
"""What ``bcp abort`` says can be given in place of an answer."""


class Player(Seats):
    """Plays in one house; ``story`` is what was done, for whoever reads a failure."""

    def __init__(self, folder: Path, patch: Any, *, approvals: int = 1, mode: str = "ask", two: bool = False) -> None:
        self.house = House(folder, patch, approvals=approvals, mode=mode, two=two)
        self.browsers: dict[str, Browser] = {}
        self.truth = Truth(self.house, approvals)
        self.story: list[str] = []
        self.hooks = 0
        self.kills = 0
        self.set_back = False
        """Was the clock of the machine ever set back?"""
        self.house.start()

    def tell(self, text: Any) -> None:
        """A line of the story."""
        where = ", ".join(self.house.places.values())
        self.story.append(f"{self.house.now - 1000:8.1f} [{where}] {text}")

    # -- the world -----------------------------------------------------------------------------------------------

    def break_(self, how: str) -> None:
        """Exchange fails."""
        self.house.do(self.house.lab.break_(how))
        self.truth.set_dead("exchange", True)
        self.tell(f"Exchange: {how}")

    def heal(self) -> None:
        """Exchange works."""
        self.house.do(self.house.lab.heal())
        self.truth.set_dead("exchange", False)
        self.tell("Exchange works")

    def relay(self, how: str) -> None:
        """The relay dies, or lives again."""
        self.house.do(self.house.lab.relay.set_mode(how))
        self.truth.set_dead("relay", how != "ok")
        self.tell(f"relay: {how}")

    def names(self, how: str) -> None:
        """DNS hangs, takes no updates, or works."""
        names = self.house.lab.names
        names.silent = how == "silent"
        if how == "no-updates":
            self._keys, names.keyring = getattr(self, "_keys", None) or names.keyring, {}
        elif getattr(self, "_keys", None):
            names.keyring = self._keys
        self.tell(f"DNS: {how}")

    def second(self, how: str) -> None:
        """The mail host of the second domain fails, or works."""
        if self.house.two is not None:
            self.house.do(self.house.two.set_mode(how))
            self.truth.set_dead("exchange-two", how != "ok")
            self.tell(f"the second domain's Exchange: {how}")

    def somebody_else(self, mx: str, pick: int = 0) -> None:
        """Another person edits MX."""
        domain = self.house.domains[pick % len(self.house.domains)] if pick == 3 else DOMAIN
        self.house.set_mx(mx, domain)
        self.tell(f"somebody else sets MX of {domain} to {mx}")

    def vendor(self, which: str, how: str, times: int) -> None:
        """Twilio or Slack misbehaves."""
        self.house.lab.vendors.fail_next(which, how, times)
        self.truth.vendors_wrong = self.house.now
        self.tell(f"{which}: {how} {times}")

    def disk(self, how: str) -> None:
        """Nothing can be written for a while, or again (RLIMIT_FSIZE: every write ends in EFBIG)."""
        full = how == "full"
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))
        self.truth.disk_full = full
        self.truth.disk_was_full = self.truth.disk_was_full or full
        self.tell(f"disk: {how}")

    def step_clock(self, seconds: float) -> None:
        """Somebody sets the machine's clock."""
        self.house.clock.offset += seconds
        self.set_back = self.set_back or seconds < 0
        self.tell(f"the clock is set by {seconds:+}")

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.house.wait(seconds)
        self.tell(f"{seconds:g} s pass")

    def kill(self, after: int) -> None:
        """The daemon is killed."""
        if self.house.up:
            self.house.kill(after)
            self.kills += 1
            self.tell(f"the daemon is killed after {after} steps")

    def start(self) -> None:
        """And started."""
        if not self.house.up:
            try:
                self.house.start()
            except StorageError as error:
                assert self.house.life is not None
                self.house.life.kill()  # its process ends
                self.tell(f"the daemon does not start: {error.message}")
            else:
                self.tell("the daemon starts")

    def restart(self) -> None:
        """As systemd does."""
        self.house.stop()
        self.tell("the daemon is stopped")
        self.start()

    def outage(self, how: str) -> None:
        """It fails for long enough to be noticed."""
        self.break_(how)
        self.wait(130.0)

    def over(self) -> None:
        """It works for long enough to be believed."""
        self.heal()
        self.wait(150.0)

    # -- monitoring ----------------------------------------------------------------------------------------------

    def hook(self, source: str, state: str, key: str) -> None:
        """A monitoring system says something."""
        self.hooks += 1
        began = "2026-01-22T19:10:00Z"
        firing = state == "firing"
        if source == "alertmanager":
            one = {
                "status": state,
                "labels": {"alertname": key, "service": "exchange"},
                "annotations": {},
                "startsAt": began,
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": key,
            }
            body: Any = {
                "version": "4",
                "groupKey": key,
                "truncatedAlerts": 0,
                "status": state,
                "receiver": "bcp",
                "groupLabels": {},
                "commonLabels": {},
                "commonAnnotations": {},
                "externalURL": "",
                "alerts": [one],
            }
        elif source == "generic":
            body = {"state": state, "outage": key, "title": "mail", "id": str(self.hooks)}
        else:
            kind = "incident.triggered" if firing else "incident.resolved"
            data = {"id": key, "title": "mail", "created_at": began, "service": {"summary": "mail"}}
            body = {"event": {"id": str(self.hooks), "event_type": kind, "occurred_at": "", "data": data}}
        status, said = self.house.hook(source, body)
        self.tell(f"hook {source} {state} {key}: {status} {said}")

    # -- what there is -------------------------------------------------------------------------------------------

    def questions(self) -> list[dict[str, Any]]:
        """Open ones."""
        status, found = self.house.api("reader", "/questions")
        return list(found) if status == 200 else []

    def runs(self) -> list[Any]:
        """That are not over, the newest first."""
        return [v for v in reversed(self.truth.views()) if v.state.status not in FINAL]

    def _yes(self, person: str, run: str, step: str, *, sure: bool = True, question: str = "") -> None:
        wall = self.house.clock.time()
        self.truth.consents.append(Yes(self.house.now, person, run, step, sure, question, wall))

    # -- answers -------------------------------------------------------------------------------------------------

    def answer(self, who: str, way: str, pick: int, *, yes: bool) -> None:
        """Answer a question that is open."""
        open_ = self.questions()
        if not open_ and way != "command":
            return
        asked = open_[pick % len(open_)] if open_ else {}
        getattr(self, f"_by_{way.replace('-', '_')}")(who, asked, yes)

    def two_answer(self, who: str, pick: int, seconds: float) -> None:
        """Two people say yes, and time passes."""
        for one in (who, ON_CALL[(ON_CALL.index(who) + 1) % len(ON_CALL)]):
            self.answer(one, "api", pick, yes=True)
        self.wait(seconds)

    def _by_api(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        status, said = self.house.api(
            who, f"/questions/{asked['id']}/answer", {"yes": yes, "checksum": asked["checksum"]}
        )
        self.tell(f"{who} says {yes} to {asked['step']} of {asked['run']} by the API: {status} {said}")
        if yes and status in {0, 200}:
            self._yes(who, asked["run"], asked["step"], sure=status == 200, question=asked["id"])

    def _by_wrong_api(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        status, said = self.house.api(who, f"/questions/{asked['id']}/answer", {"yes": yes, "checksum": "0" * 64})
        self.tell(f"{who} answers something else: {status} {said}")
        if status not in {0, 401, 403, 409, 503}:
            self.truth.say(f"a yes to another plan gives {status} {said}")

    def _by_text(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        phone = PHONES[who]
        texts = [
            m["body"] for m in self.house.lab.vendors.sms if m["to"] == phone and re.search(r"\d{6} = ", m["body"])
        ]
        if not texts:
            return
        codes = re.findall(r"(\d{6}) = ", texts[-1])
        self.house.lab.vendors.reply(phone, FROM, codes[0 if yes else 1])
        self.tell(f"{who} texts {yes}")
        if yes:  # whatever question it was about
            for q in self.questions():
                self._yes(who, q["run"], q["step"], sure=False)

    def _by_slack(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        payload = {
            "type": "block_actions",
            "user": {"id": f"U{who.upper()}"},
            "actions": [{"action_id": "bcp-answer-0", "value": f"{asked['id']}:{'yes' if yes else 'no'}"}],
        }
        raw, moment = urlencode({"payload": json.dumps(payload)}).encode(), int(self.house.clock.time())
        mark = hmac.new(b"slack-signing-secret", b"v0:%d:" % moment + raw, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": str(moment),
            "X-Slack-Signature": f"v0={mark}",
        }
        status, said = self.house.raw("POST", "/slack/interactive", raw, headers)
        self.tell(f"{who} presses {yes} in Slack: {status} {said}")
        if yes:
            sure = status == 200 and "Yes from" in str(said)
            self._yes(who, asked["run"], asked["step"], sure=sure, question=asked["id"])

    def _by_command(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        run = asked.get("run") or (self.runs()[0].id if self.runs() else "last")
        words = ["approve" if yes else "reject", run, "--as", who]
        words += ["--step", asked["step"]] if asked else []
        done = self.house.run(*words)
        self.tell(f"bcp {' '.join(words)}: {done.code} {done.text[-200:]}")
        if yes and done.code in {0, None}:
            view = self.house.daemon.app.running.runs.view(self.house.daemon.app.running.runs.find(run), effects=False)
            gates = [asked["step"]] if asked else [s.id for s in view.state.steps.values() if s.gate] or ["approve"]
            for gate in gates:
                self._yes(who, view.id, gate, sure=done.code == 0)

    def _by_incident(self, who: str, asked: dict[str, Any], yes: bool) -> None:
        words = ["incident", "answer", asked["id"], "--yes" if yes else "--no", "--as", who]
        done = self.house.run(*words)
        self.tell(f"bcp {' '.join(words)}: {done.code} {done.text[-200:]}")
        if yes and done.code in {0, None}:
            self._yes(who, asked["run"], asked["step"], sure=done.code == 0, question=asked["id"])

    # -- runs ----------------------------------------------------------------------------------------------------

    def start_by_api(self, who: str, book: str) -> None:
        """Plan and run."""
        status, plan = self.house.api(who, "/plans", {"playbook": book})
        self.tell(f"{who} plans {book}: {status} {str(plan)[:200]}")
        if status == 200:
            status, said = self.house.api(who, f"/plans/{plan['id']}/run", {})
            self.tell(f"{who} runs it: {status} {said}")

    def start_by_command(self, book: str, die_after: int, seconds: float) -> None:
        """``bcp run``, which may be killed."""
        done = self.house.run("run", book, "--yes", "--no-hold", die_after=die_after, seconds=seconds)
        self.kills += done.code == -9
        self.tell(f"bcp run {book} (dies after {die_after}): {done.code} {done.text[-160:]}")

    def back_by_api(self, who: str, pick: int) -> None:
        """Plan and run the way back."""
        found = self.truth.views()
        if not found:
            return
        run = found[pick % len(found)].id
        status, plan = self.house.api(who, f"/runs/{run}/failback", {})
        self.tell(f"{who} plans the way back of {run}: {status} {str(plan)[:300]}")
        if status == 200:
            status, said = self.house.api(who, f"/plans/{plan['id']}/run", {})
            self.tell(f"{who} runs it: {status} {said}")

    def back_by_command(self, die_after: int, seconds: float) -> None:
        """``bcp failback``."""
        done = self.house.run("failback", "--yes", die_after=die_after, seconds=seconds)
        self.kills += done.code == -9
        self.tell(f"bcp failback (dies after {die_after}): {done.code} {done.text[-160:]}")

    def abort_by_api(self, who: str, pick: int, *, shown: bool) -> None:
        """End a run; ``shown``: having looked at what it does to mail."""
        found = self.runs()
        if not found:
            return
        run, body = found[pick % len(found)].id, {}
        if shown:
            status, said = self.house.api(who, f"/runs/{run}/abort")
            if status == 200:
                body = {"consequence": said["consequence"], "anyway": said["anyway"]}
        status, said = self.house.api(who, f"/runs/{run}/abort", body)
        self.tell(f"{who} ends {run} ({sorted(k for k, v in body.items() if v)}): {status} {said}")
        self._ended(who, run, body, status in {0, 200}, sure=status == 200)

    def abort_by_command(self, who: str, pick: int, *, shown: bool, seconds: float = 60.0) -> str:
        """The same at a terminal."""
        found = self.runs()
        if not found:
            return ""
        run = found[pick % len(found)].id
        words, body = ["abort", run, "--as", who], {}
        first = self.house.run(*words, seconds=seconds)
        given = CONSENT.search(" ".join(first.text.split()))
        if shown and first.code == 5 and given:
            body = {"consequence": given[1], "anyway": given[2] or ""}
            more = ["--consequence", given[1], *(["--anyway", given[2]] if given[2] else [])]
            done = self.house.commands.start(*words, *more)
            self._ended(who, run, body, True, sure=False)
            first = self.house.commands.wait(done, seconds)
        self.tell(f"bcp {' '.join(words)} ({sorted(body)}): {first.code} {first.text[-300:]}")
        if not body:
            self._ended(who, run, {}, first.code in {0, 5, None}, sure=first.code == 0)
        return run

    def _ended(self, who: str, run: str, body: dict[str, str], taken: bool, *, sure: bool) -> None:
        if not taken:
            return
        for step in consent_of(body):
            self._yes(who, run, step, sure=False)
        if not consent_of(body) and sure:
            self.truth.ended.setdefault(run, self.house.now)

    def settle(self, who: str, pick: int, *, happened: bool) -> None:
        """Say what became of an effect in doubt."""
        found = [(v.id, s.id) for v in self.runs() for s in v.state.doubtful()]
        if not found:
            return
        run, step = found[pick % len(found)]
        status, said = self.house.api(who, f"/runs/{run}/settle", {"what": step, "happened": happened})
        self.tell(f"{who} settles {step} of {run} as {happened}: {status} {said}")

    def acknowledge(self, who: str) -> None:
        """Lift the rest of the newest run."""
        views = self.truth.views()
        if views:
            status, said = self.house.api(who, f"/runs/{views[-1].id}/acknowledge", {})
            self.tell(f"{who} acknowledges {views[-1].id}: {status} {said}")

    def resume_by_api(self, who: str, pick: int) -> None:
        """Go on with a run."""
        found = self.runs()
        if found:
            run = found[pick % len(found)].id
            status, said = self.house.api(who, f"/runs/{run}/resume", {})
            self.tell(f"{who} resumes {run}: {status} {said}")

    def resume_by_command(self, die_after: int, pick: int) -> None:
        """The same at a terminal."""
        found = self.runs()
        if found:
            run = found[pick % len(found)].id
            done = self.house.run("resume", run, "--no-hold", die_after=die_after)
            self.kills += done.code == -9
            self.tell(f"bcp resume {run} (dies after {die_after}): {done.code} {done.text[-160:]}")

    # -- incidents and words -------------------------------------------------------------------------------------

    def incident(self, who: str, what: str) -> None:
        """Declare, close, reopen."""
        if what == "declare":
            status, said = self.house.api(who, "/incidents", {"title": "mail is down", "classes": ["B"]})
        else:
            status, found = self.house.api("reader", "/incidents")
            if status != 200 or not found:
                return
            status, said = self.house.api(who, f"/incidents/{found[0]['id']}/{what}", {"reason": "a game"})
        self.tell(f"{who}: incident {what}: {status} {said}")

    def send(self, who: str, message: str) -> None:
        """A message outside of a playbook."""
        body = {"message": message, "audience": "employees", "channels": ["sms"], "letter": "B"}
        status, said = self.house.api(who, "/sends", body)
        self.tell(f"{who} sends {message}: {status} {said}")

    def command(self, *words: str) -> None:
        """Any other command."""
        done = self.house.run(*words)
        self.tell(f"bcp {' '.join(words)}: {done.code} {done.text[-200:]}")

    # -- judging -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """After every deed."""
        self.house.bury()
        self.truth.doors()
        if self.truth.broken:
            raise AssertionError("\n".join([*self.truth.broken, "", "The story:", *self.story]))

    def settled(self) -> None:
        """After some quiet: words agree with the truth, and every yes was heeded."""
        if self.house.up and not self.truth.disk_full:
            self.wait(90.0)
            self.truth.public()
            self.truth.heeded()
        self.check()
