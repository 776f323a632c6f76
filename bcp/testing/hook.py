"""What every hook keeps, ours or anybody's: it believes nobody without proof, and understands a body or refuses it."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from bcp.contracts.hook import Alert, Hook, HookPlugin, Received, Unauthentic
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.secret import Secret
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.shape import insides
from bcp.testing.suite import SECRET

NOW = 1_800_000_000.0
KEY = f"{SECRET}-key"
LONG = 2_000
LATER_S = 90.0
"""After so long a sender that was not heard says the same again."""

HOSTILE_JSON: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, "", "x", "\0", "\ud800", "\x1b[2J", [], [[]], [None], [[[[[[]]]]]], {}, {"": None},
    {"a": {"a": {"a": {}}}}, ["x"] * 3, [{}], {"alerts": None}, {"alerts": {}}, {"alerts": [None, 1, "x", [], {}]},
    {"status": [], "event": 7, "data": "x", "issue": [], "action": {}}, 10**400, "9" * 5_000,
    {"x" * 5_000: "y" * 5_000},
)  # fmt: skip
"""JSON of every shape that is no body of anybody."""
IN_PLACE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "\0",
    "\ud800",
    "x" * 5_000,
    [],
    [None],
    [[]],
    {},
    {"a": 1},
    [{"a": []}],
)
"""What may stand in place of any part of a real body."""


class HookSuite(ConfiguredSuite):
    """Proof first, then the body: each alert has an outage and a stable identity; nothing but ``Invalid`` is raised."""

    plugin: ClassVar[HookPlugin[Any]]
    signs_body: ClassVar[bool] = True
    """False: the sender cannot sign what it sends; its proof is a token."""
    signs_time: ClassVar[bool] = False
    """True: the proof holds for a while only."""
    names_events: ClassVar[bool] = True
    """False: the sender gives events no identity of their own; a change of state is what counts."""

    now: ClassVar[float] = NOW
    """The time at which requests come, in epoch seconds: for senders whose bodies carry a date that must be fresh."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def body(self, *, firing: bool, event: int = 1) -> Any:
        """What the sender sends when the outage ``event`` begins, or is over:
        as its documents show it, as JSON data."""
        raise NotImplementedError("say in body() what the sender sends")

    def proof(self, raw: bytes, key: str, at: float) -> tuple[Mapping[str, str], str]:
        """Headers (names in lower case) and the token in the path with which it proves itself, knowing ``key``.

        In ``settings``, the secret is ``self.secret("key")``.
        """
        return {"authorization": f"Bearer {key}"}, ""

    def more_headers(self, *, event: int = 1) -> Mapping[str, str]:
        """Headers beside the proof that the sender always sends (an event's type, its id)."""
        return {}

    # -- helpers -----------------------------------------------------------------------------------------------------

    def make(self) -> Hook[Any]:
        """The hook of ``settings()``."""
        hook = self.plugin.create("h", self.model())
        hook.key_store = self.folder
        return hook

    def received(self, raw: bytes, *, key: str = KEY, sent: float = 0.0, came: float = 0.0, event: int = 1) -> Received:
        """A request that proves itself with this key; ``sent`` and ``came`` are seconds from ``now``."""
        headers, token = self.proof(raw, key, self.now + sent)
        return Received(raw, {**self.more_headers(event=event), **headers}, self.now + came, "192.0.2.1", token)

    def believes(self, received: Received, by: Hook[Any] | None = None) -> bool:
        """Is this request believed (by a hook of ``settings()``, or this one)?"""
        from bcp.kit.hook_auth import verify  # what the daemon uses

        async def work() -> bool:
            try:
                await verify(by or self.make(), received)
            except Unauthentic as error:
                self.hides(error, error.hint)
                return False
            return True

        return self.run(work())

    def alerts(self, body: Any, event: int = 1, later: float = 0.0) -> list[Alert]:
        """What a new hook reads from it, so many seconds later."""
        raw = json.dumps(body).encode()
        given = json.loads(raw)
        found = self.make().alerts(given, self.received(raw, sent=later, came=later, event=event))
        assert isinstance(found, list), f"no list of alerts, but {found!r:.80}"
        assert given == json.loads(raw), "it changes the body that it was handed, which others read, too"
        return found

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is_and_how_it_is_set_up(self) -> None:
        """Kind, and an example for the docs."""
        kind = self.plugin.make
        assert kind.kind == self.plugin.kind, f"the class says {kind.kind}, its settings {self.plugin.kind}"
        assert kind.Settings is self.plugin.settings, "Settings of the class are not those of PLUGIN"
        assert kind.example.strip(), "example is empty: how is the sender set up?"
        assert (kind.__doc__ or "").strip(), "the class has no docstring"

    def test_only_who_proves_itself_is_believed(self) -> None:
        """The right key yes; no proof, another key, an empty one, an altered or a swapped body no."""
        raw = json.dumps(self.body(firing=True)).encode()
        good, (headers, token) = self.received(raw), self.proof(raw, KEY, self.now)
        assert self.believes(good), "the right key is not believed"
        bare = Received(raw, dict(self.more_headers()), self.now, "192.0.2.1", "")
        cases = {
            "no proof": bare,
            "another key": self.received(raw, key="another-key-0123456789"),
            "an empty key": self.received(raw, key=""),
            "a key that begins well": self.received(raw, key=KEY[:-1]),
            "empty headers": Received(
                raw, {**self.more_headers(), **dict.fromkeys(headers, "")}, self.now, "192.0.2.1", ""
            ),
            "rubbish in the headers": Received(
                raw,
                {**self.more_headers(), **dict.fromkeys(headers, "\xff=,;v1,")},
                self.now,
                "192.0.2.1",
                "\xff" if token else "",
            ),
        }
        if self.signs_body:
            cases["an altered body"] = Received(raw + b" ", good.headers, self.now, good.peer, token)
            cases["no body"] = Received(b"", good.headers, self.now, good.peer, token)
            cases["another body"] = Received(
                json.dumps(self.body(firing=False)).encode(), good.headers, self.now, good.peer, token
            )
        if headers:  # the longest of them is the proof: others are times and ids
            name = max(headers, key=lambda n: len(headers[n]))
            cut = {**good.headers, name: headers[name][:-1]}
            cases[f"{name} without its last character"] = replace(good, headers=cut)
        if self.signs_time:
            window = float(self.model().window)
            cases["one just older than its window"] = self.received(raw, sent=-window - 60)
            cases["an old one with a new time"] = self._new_time(raw)
            cases["an old one"] = self.received(raw, sent=-3_600)
            cases["one of tomorrow"] = self.received(raw, sent=86_400)
            cases["played again later"] = self.received(raw, came=3_600)
        self.all_hold({name: "it is believed" if self.believes(r) else "" for name, r in cases.items()})

    def _new_time(self, raw: bytes) -> Received:
        """What was sent an hour ago, with the time of now written over that of then."""
        old, then, now = self.received(raw, sent=-3_600), self.now - 3_600, self.now
        headers = {}
        for name, value in old.headers.items():
            for per_second in (1_000, 1):
                value = value.replace(str(int(then * per_second)), str(int(now * per_second)))
            headers[name] = value
        return replace(old, headers=headers)

    def test_every_secret_that_is_valid_now_is_believed(self) -> None:
        """While a secret is exchanged for another there are two of them."""
        given = self.model()
        older = Secret(self.secret("older", "an-older-secret-0123456789"), self.folder)
        lists = {n: [older, *found] for n in ("bearer", "hmac", "path") if (found := getattr(given.auth, n))}
        if not lists:
            return
        raw = json.dumps(self.body(firing=True)).encode()
        hook = self._with_secrets(given, lists)
        assert self.believes(self.received(raw), hook), f"the second secret of {' and '.join(lists)} is not believed"
        if given.auth.basic is given.auth.jwt is given.auth.proxy is None:
            other = self._with_secrets(given, {n: [older] for n in lists})
            assert not self.believes(self.received(raw), other), "it believes whoever knows the secret of another hook"

    def _with_secrets(self, given: Any, lists: Mapping[str, list[Secret]]) -> Hook[Any]:
        """A hook of these settings that has these secrets."""
        auth = given.auth.model_copy(update=lists)
        hook = self.plugin.create("h", given.model_copy(update={"auth": auth}))
        hook.key_store = self.folder
        return hook

    def test_a_body_is_an_outage_that_begins_and_ends(self) -> None:
        """It fires and is over, under one name of the outage; another outage has another one."""
        begun, over = self.alerts(self.body(firing=True)), self.alerts(self.body(firing=False))
        assert begun and all(a.firing for a in begun), f"it does not fire: {begun}"
        assert over and not any(a.firing for a in over), f"it is not over: {over}"
        assert {a.outage for a in begun} == {a.outage for a in over}, "beginning and end have different outages"
        assert not {"", None} & {a.outage for a in begun}, "an alert without an outage"
        other = self.alerts(self.body(firing=True, event=2), event=2)
        assert not {(a.identity, a.outage, a.started) for a in begun} & {
            (a.identity, a.outage, a.started) for a in other
        }, "two outages cannot be told apart"

    def test_identities_are_stable(self) -> None:
        """A repeat has the same identity, whoever reads it and whenever; the end has another than the beginning."""
        one, two = self.alerts(self.body(firing=True)), self.alerts(self.body(firing=True), later=LATER_S)
        assert [a.identity for a in one] == [a.identity for a in two], "a repeat has another identity"
        assert one == two, "a repeat says something else"
        assert one, "a body that was read before says nothing any more: whether it is a repeat is ours to say"
        if self.names_events:
            assert all(a.identity for a in one), "no identity, and names_events is not False"
            over = self.alerts(self.body(firing=False))
            same = {a.identity for a in one} & {a.identity for a in over}
            assert not same or {a.firing for a in one} != {a.firing for a in over}, (
                "the end would be taken for a repeat"
            )

    def test_texts_are_short_and_clean(self) -> None:
        """They go into a book, into messages and onto pages."""
        for a in self.alerts(self.body(firing=True)):
            _checked(a)
            assert a.title.strip(), "no title for people"

    def test_any_json_is_understood_or_refused(self) -> None:
        """Nothing but ``Invalid`` comes out, and what comes out is a list of alerts."""
        found = {f"{str(b)[:60]!a}": self._taken(b) for b in HOSTILE_JSON}
        for bare in (None, True, 7, "x", ""):  # no sender sends these: silence would hide that it is another sender
            if not self._taken(bare) and (said := self._said(bare)) is not None:
                found[f"bare {bare!r}"] = f"neither refused nor an alert: {said!r}"
        self.all_hold(found)

    def test_any_part_of_a_real_body_may_be_anything(self) -> None:
        """Each part of what the sender sends, replaced by each other type, and left out."""
        found = {}
        for firing in (True, False):
            real = self.body(firing=firing)
            for path in _paths(real):
                for value in (*IN_PLACE, _GONE):
                    if wrong := self._taken(_with(real, path, value)):
                        found[f"{'.'.join(map(str, path))} = {str(value)[:30]!a}"] = wrong
        self.all_hold(dict(list(found.items())[:20]))

    def test_a_large_body_is_read_in_time(self) -> None:
        """What fits into the limit does not hold up the daemon."""
        body = self.body(firing=True)
        large = _blown(body)

        async def work() -> float:
            loop = asyncio.get_running_loop()
            start = loop.time()
            self._taken(large)
            return loop.time() - start

        took = self.run(work())
        assert took < 3 * self.patience(), f"it took {took:.1f} s"

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the hook, its settings, or what it refuses."""
        hook = self.make()
        self.hides(hook, insides(hook), hook.settings)
        for body in HOSTILE_JSON:
            try:
                hook.alerts(body, self.received(b"{}"))
            except BcpError as error:
                self.hides(error, error.hint)

    def _said(self, body: Any) -> list[Alert] | None:
        try:
            return self.make().alerts(body, self.received(b"{}"))
        except Invalid:
            return None

    def _taken(self, body: Any) -> str:
        """What is wrong with how it takes this body; empty: nothing."""
        try:
            found = self.make().alerts(body, self.received(b"{}"))
        except Invalid:
            return ""
        except Exception as error:  # exactly this is what is looked for
            return f"raised {type(error).__name__}: {str(error)[:80]}"
        if not isinstance(found, list) or not all(isinstance(a, Alert) for a in found):
            return f"no list of alerts: {str(found)[:80]}"
        try:
            for alert in found:
                _checked(alert)
        except (AssertionError, ValueError, TypeError) as error:
            return f"it cannot be stored or shown: {error}"
        return ""


_GONE = object()


def _checked(a: Alert) -> None:
    """Fields of the right types that can be stored, compared and shown."""
    for name in ("identity", "outage", "title", "started", "url"):
        text = getattr(a, name)
        assert isinstance(text, str), f"{name} is no text: {text!r}"
        assert "\0" not in text, f"{name} holds a NUL"
        assert len(text) <= LONG, f"{name} has {len(text)} characters"
        text.encode()  # lone surrogates cannot be stored
    assert isinstance(a.firing, bool), f"firing is {a.firing!r}"
    assert isinstance(a.labels, Mapping), f"labels are {type(a.labels).__name__}"
    assert all(isinstance(k, str) for k in a.labels), "a label without a name"
    json.dumps(dict(a.labels))


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a body."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from _paths(below, (*at, key))


def _with(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with this in place of what stands there."""
    out = copy.deepcopy(body)
    at = out
    for key in path[:-1]:
        at = at[key]
    if value is not _GONE:
        at[path[-1]] = value
    else:
        del at[path[-1]]
    return out


def _blown(value: Any) -> Any:
    """The same with its lists repeated to thousands."""
    if isinstance(value, dict):
        return {k: _blown(v) for k, v in value.items()}
    return (value * 5_000)[:5_000] if isinstance(value, list) and value else value
