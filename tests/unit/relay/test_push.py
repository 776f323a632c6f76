"""An agent that comes by itself: nothing is lost in days of silence, nothing counts twice, nobody else is heard."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request as HttpRequest

from bcp.contracts.relay import AgentWay
from bcp.kernel.errors import BcpError, Invalid, Refused, StorageError, Transient
from bcp.kernel.secret import Secret
from bcp.relay import door, push
from bcp.relay.batch import HELLO, Request, request_of, seal
from bcp.relay.books import account_of
from bcp.relay.pull import pull
from bcp.relay.push import EVERY_S, Pusher, by_http, checked_url
from bcp.relay.receive import Receiver
from bcp.relay.sums import Account
from bcp.server.doors.relays import Relays
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.testing.clock import FakeClock
from bcp.wiring.relay_books import RelayBooks

from .shelves import Log
from .test_batches import KEY, NOW, OTHER, Side, rows, rule
from .test_follow import TEXT

URL = "https://bcp.example.net/"


class Main:
    """The main node; ``trouble`` is raised after so many posts, once."""

    def __init__(self, key: bytes = KEY) -> None:
        self.ledger, self.receiver, self.key, self.bodies = MemoryLedger(), Receiver(), key, list[bytes]()
        self.lose_answer, self.away, self.urls = False, False, set[str]()

    def post(self, url: str, body: bytes) -> bytes:
        self.urls.add(url)
        if self.away:
            raise Transient("the main node cannot be reached")
        self.bodies.append(body)
        wanted = self.receiver.receive("mx-backup", body, self.key, self.ledger, NOW)
        if self.lose_answer and len(self.bodies) == 2:
            raise Transient("the connection broke")
        return json.dumps(wanted.to_data(self.key)).encode()


def pusher(side: Side, main: Main, key: bytes = KEY) -> Pusher:
    return Pusher(URL, side.options.relay, key, side.desk, FakeClock(NOW), main.post)


@pytest.fixture
def side(tmp_path, monkeypatch) -> Side:
    it = Side(tmp_path / "agent")
    it.desk._most = 1
    return it


def in_parts(side: Side) -> None:
    """A batch holds no part of what was read at once."""
    lines = TEXT.splitlines(keepends=True)
    for n in range(0, len(lines), 10):
        side.write(b"".join(lines[n : n + 10]))


def truth(tmp_path: Path) -> list[tuple[str, str, str]]:
    """The same log, asked for."""
    from bcp.relay.intake import take_batch

    ledger, it = MemoryLedger(), Side(tmp_path / "truth")
    it.write(TEXT)
    for raw in it.batches():
        take_batch(ledger, "mx-backup", raw, KEY, NOW)
    return rows(ledger)


def test_it_brings_all_batches_and_says_how_it_is(side, tmp_path) -> None:
    main = Main()
    in_parts(side)
    it = pusher(side, main)
    assert it.come() > 1 and it.problem == "" and it.wait_s == EVERY_S
    assert rows(main.ledger) == truth(tmp_path)
    assert main.urls == {"https://bcp.example.net/relays/mx-backup/batch"}
    assert main.ledger.source("mx-backup").heard == NOW, "also when there is nothing new"
    assert it.come() == 0


def test_days_of_silence_lose_nothing_and_a_lost_answer_counts_once(side, tmp_path) -> None:
    main = Main()
    it = pusher(side, main)
    main.away = True
    half = TEXT[: TEXT.index(b"\n", len(TEXT) // 2) + 1]
    side.write(half)
    waits = []
    for _ in range(8):
        assert it.come() == 0 and "cannot be reached" in it.problem
        waits.append(it.wait_s)
    assert waits[:3] == [20.0, 40.0, 80.0] and waits[-1] == 300.0
    side.write(TEXT[len(half) :])
    main.away, main.lose_answer = False, True
    it.come()
    assert "broke" in it.problem
    main.lose_answer = False
    it.come()
    assert it.problem == "" and rows(main.ledger) == truth(tmp_path)
    assert main.ledger.remarks() == []


def test_after_a_restart_of_the_main_node_it_says_hello_again(side, tmp_path) -> None:
    main = Main()
    in_parts(side)
    hello = seal(KEY, HELLO, {"relay": "mx-backup", "now": NOW})
    request, _ = request_of(json.loads(main.post("u", hello)))
    main.receiver = Receiver()
    assert rule(lambda: main.post("u", side.desk.answer(request, NOW))) == "reply-replayed"
    assert pusher(side, main).come() > 1 and rows(main.ledger) == truth(tmp_path)


def test_what_was_said_once_is_not_taken_again(side) -> None:
    main = Main()
    in_parts(side)
    pusher(side, main).come()
    before = rows(main.ledger)
    for body in main.bodies[1:]:
        assert rule(lambda b=body: main.post("u", b)) == "reply-replayed"
    assert rows(main.ledger) == before


def test_nobody_else_is_heard(side) -> None:
    main, stranger = Main(), Main(OTHER)
    in_parts(side)
    assert rule(lambda: main.post("u", b"junk")) == "reply-replayed"
    assert rule(lambda: main.post("u", seal(OTHER, HELLO, {"relay": "mx-backup"}))) == "batch-forged"
    assert rule(lambda: main.post("u", seal(KEY, HELLO, {"relay": "other"}))) == "other-relay"
    main.post("u", seal(KEY, HELLO, {"relay": "mx-backup"}))
    assert rule(lambda: main.post("u", b"junk")) == "batch-unreadable"
    it = pusher(side, stranger)
    assert it.come() == 0 and "seal" in it.problem, "the agent does not follow a stranger either"
    assert rows(main.ledger) == [] and main.ledger.remarks() == []


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"<html>", b'{"relay":"x","stream":"","after":"q"}'])
def test_an_answer_of_another_kind_is_trouble(side, answer) -> None:
    it = Pusher(URL, "mx-backup", KEY, side.desk, FakeClock(NOW), lambda url, body: answer)
    assert it.come() == 0 and "something else" in it.problem


def test_a_request_comes_back_from_its_data() -> None:
    request = Request("r", "s", 7, "n")
    assert request_of(request.to_data(KEY)) == (request, request.sealed(KEY))


def serving(status: int, body: bytes) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    return server


@pytest.mark.parametrize(("status", "kind"), [(403, Refused), (409, Refused), (503, Transient), (200, None)])
def test_by_http(status, kind) -> None:
    server = serving(status, b"said")
    url = f"http://127.0.0.1:{server.server_port}"
    if kind is None:
        assert by_http(url, b"x") == b"said"
    else:
        with pytest.raises(kind, match=f"{status}: said"):
            by_http(url, b"x")
    server.server_close()
    with pytest.raises(Transient, match="cannot be reached"):
        by_http(url, b"x")


def test_only_http_is_pushed_to() -> None:
    assert checked_url("http://x") == "http://x"
    with pytest.raises(Invalid) as found:
        checked_url("file:///etc/passwd")
    assert found.value.rule == "no-push-url"


def test_the_door_pushes_once(side, tmp_path, monkeypatch, capsys) -> None:
    main = Main()
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "mail.log").write_bytes(TEXT)
    monkeypatch.setattr(push, "by_http", main.post)
    words = ["--name", "mx-backup", "--log", f"{tmp_path}/mail.log", "--state", f"{tmp_path}/s", "--queue", "none"]
    words += ["--key", f"{tmp_path}/key", "--push", "http://127.0.0.1:1", "--zone", "UTC", "--once"]
    assert door.run(words) == 0 and rows(main.ledger) == truth(tmp_path)
    main.away = True
    assert door.run(words) == 1 and "cannot be reached" in capsys.readouterr().err


class Stop:
    """Ends a loop after so many waits, and remembers how long they were."""

    def __init__(self, turns: int) -> None:
        self.turns, self.waits = turns, list[float]()

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) > self.turns


def test_the_loop_says_the_same_trouble_once(side, capsys) -> None:
    main = Main()
    main.away = True
    stop = Stop(3)
    door._keep_coming(pusher(side, main), stop)
    assert stop.waits == [EVERY_S, 20.0, 40.0, 80.0]
    assert capsys.readouterr().err.count("cannot be reached") == 1


# -- the main node's side --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def key(monkeypatch) -> None:
    monkeypatch.setenv("BCP_PUSH_KEY", KEY.decode())


def books(ledger: MemoryLedger, **way) -> RelayBooks:
    made = RelayBooks.__new__(RelayBooks)
    agent = AgentWay(key=Secret("env:BCP_PUSH_KEY"), **way)
    made.world = SimpleNamespace(relay_settings={"mx-backup": SimpleNamespace(agent=agent)})
    made.clock, made._alone, made._receiver = FakeClock(NOW), asyncio.Lock(), Receiver()
    made.__dict__["ledger"] = ledger
    return made


def post(door_: Relays, name: str, body: bytes) -> tuple[int, dict]:
    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": f"/relays/{name}/batch", "headers": [], "query_string": b"",
             "path_params": {"name": name}, "client": ("192.0.2.9", 1)}  # fmt: skip
    answer = asyncio.run(door_(HttpRequest(scope, receive)))
    return answer.status_code, json.loads(answer.body)


def doors(found: object) -> Relays:
    daemon = SimpleNamespace(
        settings=SimpleNamespace(proxies=[]), app=SimpleNamespace(running=SimpleNamespace(books=found))
    )
    return Relays(daemon)


def test_the_main_nodes_door(side) -> None:
    ledger = MemoryLedger()
    it = doors(books(ledger, push=True))
    in_parts(side)
    status, wanted = post(it, "mx-backup", seal(KEY, HELLO, {"relay": "mx-backup"}))
    assert status == 200
    request, _ = request_of(wanted)
    status, _ = post(it, "mx-backup", side.desk.answer(request, NOW))
    assert status == 200 and rows(ledger)
    assert post(it, "mx-backup", side.desk.answer(request, NOW)) == (409, {"error": "reply-replayed"})
    assert post(it, "mx-backup", seal(OTHER, HELLO, {})) == (403, {"error": "batch-forged"})
    assert post(it, "other", b"x")[0] == 404
    assert post(it, "mx-backup", b"x" * 2_000_001)[0] == 413


def test_an_agent_that_is_asked_does_not_come_and_the_other_way_round() -> None:
    asked = books(MemoryLedger(), url="http://127.0.0.1:1")
    assert post(doors(asked), "mx-backup", b"x")[0] == 404
    way = AgentWay(key=Secret("env:BCP_PUSH_KEY"), push=True)
    assert asyncio.run(pull("mx-backup", way, MemoryLedger(), FakeClock(NOW))).problem == ""
    for bad in ({}, {"push": True, "url": "http://x"}, {"url": "http://x", "command": ["y"]}):
        with pytest.raises(ValueError, match="push: true"):
            AgentWay(key=Secret("env:BCP_PUSH_KEY"), **bad)


def test_two_machines_under_one_name_are_said_and_what_both_took_counts(side, tmp_path) -> None:
    """The second host was copied from the first: their chains take turns. Were one of them dead, nobody would see it,
    so the ends do not meet; an agent that lost its state once is no such pair."""
    main, second = Main(), Side(tmp_path / "second")
    side.write(b"".join(f"{line}\n".encode() for line in Log().taken().tried("a@corp.test", "sent").gone().said))
    log = Log().taken(ident="4fR1Sm0aWwz9wN", mid="m2@x").tried("b@corp.test", "sent", ident="4fR1Sm0aWwz9wN")
    second.write(b"".join(f"{line}\n".encode() for line in log.said))
    first, other = pusher(side, main), pusher(second, main)

    def account() -> Account:
        return account_of(main.ledger, ["mx-backup"], ["corp.test"], now=NOW)

    for it in (first, other):
        it.come()
    assert account().meets and account().fates == {"delivered": 2}
    seen = len(log.said)
    log.taken(ident="4fR1Tn0aWwz9wN", mid="m3@x").tried("c@corp.test", "sent", ident="4fR1Tn0aWwz9wN")
    second.write(b"".join(f"{line}\n".encode() for line in log.said[seen:]))
    for it in (first, other, first):
        main.bodies.clear()
        assert it.come() <= 2, "what is there already does not come again and again"
        assert len(main.bodies) <= 4
    found = account()
    assert found.fates == {"delivered": 3} and not found.meets
    (said,) = [w for w in found.warnings if "[agent-twice]" in w]
    assert "several agents tell under this one name" in said and "name = mx-backup@HOST" in said


def test_an_agent_that_is_still_called_like_its_relay_hears_what_to_write(side) -> None:
    """A second host was added: each has an agent of its own now, and both come under the old name."""
    ledger = MemoryLedger()
    found = books(ledger, push=True)
    hosts = [SimpleNamespace(host=h, addresses=()) for h in ("r1.test", "r2.test")]
    found.world.relay_settings["mx-backup"].published = lambda: hosts
    it = doors(found)
    status, said = post(it, "mx-backup", seal(KEY, HELLO, {"relay": "mx-backup"}))
    assert status == 409 and "name = mx-backup@r1.test or name = mx-backup@r2.test" in said["error"]
    assert post(it, "mx-backup", seal(OTHER, HELLO, {"relay": "mx-backup"}))[0] == 404, "who has no key hears nothing"
    post(it, "mx-backup", seal(KEY, HELLO, {"relay": "mx-backup"}))
    (noted,) = ledger.remarks()
    assert (noted.relay, noted.code) == ("mx-backup@r1.test", "agent-name")
    account = account_of(ledger, ["mx-backup@r1.test", "mx-backup@r2.test"], ["corp.test"], now=NOW)
    assert not account.meets and any("nothing of it is taken" in w for w in account.warnings)
    assert post(it, "mx-backup@r1.test", seal(KEY, HELLO, {"relay": "mx-backup@r1.test"}))[0] == 200


class Failing:
    """Books that raise."""

    def __init__(self, error: BcpError) -> None:
        self.error = error

    async def receive(self, name: str, raw: bytes) -> None:
        raise self.error


def test_a_full_disk_is_no_loss_and_a_guesser_is_shut_out() -> None:
    assert post(doors(Failing(StorageError("full"))), "mx-backup", b"x")[0] == 503
    it = doors(Failing(Refused("no", rule="batch-forged")))
    answers = [post(it, "mx-backup", b"x")[0] for _ in range(70)]
    assert answers[0] == 403 and answers[-1] == 429


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://bcp.example.net", "http://localhost"])
def test_nothing_is_said_of_what_nobody_can_read(url) -> None:
    assert push.plain_words(url) == ""


def test_push_without_tls_is_said_here_and_once_to_the_main_node(side, capsys) -> None:
    """Sealed, and not hidden."""
    main = Main()
    for _ in range(2):
        door._say_plain(side.agent, "http://bcp.example.net:8080", NOW)
    side.agent.heartbeat(NOW)
    in_parts(side)
    assert pusher(side, main).come() > 1
    (said,) = main.ledger.remarks()
    assert (said.code, said.at) == ("push-in-the-clear", NOW)
    assert "everybody on the way reads who wrote to whom" in said.text
    assert capsys.readouterr().err.count("warning: batches go to http://bcp.example.net:8080 without TLS") == 2
    door._say_plain(side.agent, URL, NOW)
    assert capsys.readouterr().err == ""


def test_nobody_is_followed_elsewhere() -> None:
    server = serving(302, b"")
    with pytest.raises(Transient, match="answers 302"):
        by_http(f"http://127.0.0.1:{server.server_port}", b"x")
    server.server_close()
