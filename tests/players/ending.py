"""The end of a game: the world is well again, and the documented commands end every run and every incident."""

from __future__ import annotations

from typing import Any

from bcp.engine.state import FINAL
from players.player import Player

ROUNDS = 8
APPROVERS = ("alice", "bob", "carol")


def finish(player: Player) -> None:
    """Heal the world, end every run by one command each, close what is open, and look whether nothing was lost."""
    _heal(player)
    player.settled()
    for _ in range(ROUNDS):
        left = [v for v in player.truth.views() if v.state.status not in FINAL]
        if not left:
            break
        for view in left:
            _end(player, view.id)
        player.check()
    for view in player.truth.views():
        if view.state.status not in FINAL:
            player.truth.say(f"{view.id} ({view.plan['playbook']}) is {view.status()} and no command ends it")
    player.settled()
    _close(player)
    for words in (("incident", "verify"), ("audit", "verify")):
        done = player.house.run(*words)
        nothing_yet = "no incidents yet" in done.text or "there are no runs" in done.text
        true = player.set_back and "the clock went back in" in done.text  # that is what somebody did
        if done.code and not nothing_yet and not true:
            player.truth.say(f"bcp {' '.join(words)}: {done.code} {done.text[-500:]}")
    lost = player.house.lab.tally().lost
    if lost:
        player.truth.say(f"mails were lost: {lost}")
    player.check()


def _heal(player: Player) -> None:
    player.disk("ok")
    player.heal()
    player.second("ok")
    player.relay("ok")
    player.names("ok")
    player.house.lab.vendors.faults.clear()
    if player.house.up:
        player.wait(180.0)
    else:
        player.start()
        player.wait(180.0)


def _end(player: Player, run: str) -> None:
    """One command, chosen as the pages on the end of runs say."""
    view = _view(player, run)
    if view.state.status in FINAL:
        return
    if view.state.doubtful() or view.status() == "in_doubt":
        for step in view.state.doubtful():
            word = "--happened" if _happened(player, view, step.id) else "--not-happened"
            player.command("settle", run, step.id, word, "--reason", "looked")
        player.command("resume", run, "--no-hold")
    elif view.status() == "holding":
        _back(player, run)
    elif not _goes_back(player, run):
        done = player.abort_by_command("alice", _place(player, run), shown=True)
        player.tell(f"asked to end {done}")
    _agree(player)
    player.house.until(lambda: _view(player, run).state.status in FINAL, 200.0)


def _goes_back(player: Player, run: str) -> bool:
    """A way back that is under way is agreed to and waited for."""
    view = _view(player, run)
    if not view.record.meta.get("parent") or not view.live or view.state.failing():
        return False
    _agree(player)
    return bool(player.house.until(lambda: _view(player, run).state.status in FINAL, 1500.0))


def _back(player: Player, run: str) -> None:
    children = [v for v in player.truth.views() if v.record.meta.get("parent") == run and v.state.status not in FINAL]
    if children:
        _end(player, children[0].id)
        return
    started = player.house.commands.start("failback", run, "--yes")
    for _ in range(40):
        player.house.wait(10.0)
        _agree(player)
        if started.code is not None:
            break
    player.house.commands.wait(started, 1800.0)
    player.tell(f"bcp failback {run} --yes: {started.code} {started.text[-400:]}")
    if _view(player, run).state.status not in FINAL and started.code not in {0, 4}:
        player.abort_by_command("alice", _place(player, run), shown=True)


def _agree(player: Player) -> None:
    """People say yes to whatever is asked."""
    for asked in player.questions():
        for who in APPROVERS:
            player._by_api(who, asked, True)
    player.house.wait(5.0)
    for asked in player.questions():  # the second question of an undo
        for who in APPROVERS:
            player._by_api(who, asked, True)


def _happened(player: Player, view: Any, step: str) -> bool:
    """What somebody who looks finds out."""
    uses = next(s["uses"] for s in view.plan["steps"] if s["id"] == step)
    if uses != "dns.mx.switch":
        return True
    at = {player.house.places[d] for d in view.plan["domains"] if d in player.house.places}
    return at == {"primary" if view.record.meta.get("parent") else "relay"}


def _place(player: Player, run: str) -> int:
    return next((i for i, v in enumerate(player.runs()) if v.id == run), 0)


def _view(player: Player, run: str) -> Any:
    return player.house.daemon.app.running.runs.view(run, effects=False)


def _close(player: Player) -> None:
    _, found = player.house.api("reader", "/incidents")
    for incident in found or ():
        if incident["state"] != "closed":
            done = player.house.run(
                "incident", "close", incident["id"], "--reason", "the game is over", "--as", "alice"
            )
            if done.code:
                player.truth.say(f"{incident['id']} cannot be closed: {done.code} {done.text}")
            player.tell(f"closed {incident['id']}: {done.code}")
