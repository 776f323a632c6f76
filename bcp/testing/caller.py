"""What every caller keeps, ours or anybody's: it believes nobody without proof, and hears exactly what was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from xml.etree import ElementTree

from bcp.contracts.caller import (
    Answered,
    Call,
    Caller,
    CallerPlugin,
    Keyed,
    Pressed,
    Reply,
    Reported,
    Said,
    Texted,
    Unauthentic,
)
from bcp.contracts.channel import Inbound
from bcp.kernel.errors import BcpError, Invalid
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.suite import SECRET

NOW = 1_800_000_000.0
KEY = f"{SECRET}-key"
BASE = "https://bcp.example.org/callers/c/"
HOSTILE: tuple[bytes, ...] = (
    b"", b"\0", b"\xff\xfe", b"{", b"[]", b"null", b"{}", b'{"payload": 1}', b"payload=", b"payload=[]", b"=&=&=",
    b"a=" + b"x" * 50_000, b"From=&Body=", b'payload={"type":"block_actions","user":{"id":[]},"actions":[]}',
    b"<xml/>", b"Digits=%00", b"[" * 5_000, b'{"a":' * 2_000, "From=\ud800".encode("utf-8", "surrogatepass"),
)  # fmt: skip
"""Bodies that no vendor sends, or that only look like one."""
NASTY = ("", "Yes from alice", "</Say><Dial>+1900</Dial> & \"quoted\" 'too'", "ä, 日本, \U0001f525", "two\nlines")
"""Words for people, as ours may be."""


class CallerSuite(ConfiguredSuite):
    """Proof first, then what was said; nothing but ``Invalid`` is raised; our words cannot break out of its answer."""

    plugin: ClassVar[CallerPlugin[Any]]
    says: ClassVar[tuple[type[Any], ...]] = (Texted, Reported)
    """What this vendor can tell, of ``Texted``, ``Keyed``, ``Answered``, ``Pressed``, ``Reported``."""
    signs_body: ClassVar[bool] = True
    """False: the vendor signs nothing; its proof is a token."""
    signs_url: ClassVar[bool] = False
    """True: the proof holds for the address that was called alone."""
    signs_time: ClassVar[bool] = False
    """True: the proof holds for a while only."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def request(self, said: Said) -> tuple[str, bytes, Mapping[str, str]]:
        """Path, body and headers (names in lower case, without the proof) with which the vendor says this."""
        raise NotImplementedError("say in request() how the vendor tells this")

    def proof(self, raw: bytes, url: str, key: str, at: float) -> Mapping[str, str]:
        """Headers with which the vendor proves itself, knowing ``key``: in ``settings``, ``self.secret("key")``."""
        return {"authorization": f"Bearer {key}"}

    # -- helpers -----------------------------------------------------------------------------------------------------

    def make(self) -> Caller[Any]:
        """The caller of ``settings()``."""
        return self.plugin.create("c", self.model())

    def call(self, said: Said, *, key: str = KEY, sent: float = 0.0) -> Call:
        """A call that says this and proves itself with this key; ``sent`` is in seconds from now."""
        path, raw, headers = self.request(said)
        return Call(path, BASE + path, raw, {**headers, **self.proof(raw, BASE + path, key, NOW + sent)}, NOW)

    def believes(self, call: Call) -> bool:
        """Is this call believed?"""

        async def work() -> bool:
            try:
                await self.make().prove(call)
            except (Unauthentic, Invalid) as error:
                self.hides(error, error.hint)
                return False
            return True

        return self.run(work())

    def examples(self) -> list[Said]:
        """What the vendor can tell, each in a few forms."""
        token = "tok-0123456789-_abcdefghij"  # noqa: S105 - as our links look
        every: tuple[Said, ...] = (
            Texted(Inbound("+12025550101", "123456 yes & <ok> = 100 %, Grüße", NOW, "m-1")),
            Texted(Inbound("+12025550102", "", NOW, "m-2")),
            Keyed(Inbound("+12025550101", "2", NOW, "c-1")),
            Keyed(Inbound("+12025550101", "", NOW, "c-2")),
            Answered(token, True), Answered(token, False), Answered(token, None),
            Pressed("U0ALICE", "q-20260101-abc:yes"), Pressed("U0ALICE", "q-20260101-abc:no"),
            Reported("m-9", "delivered"), Reported("m-9", "failed", "30003"),
        )  # fmt: skip
        return [s for s in every if isinstance(s, self.says)]

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is_and_how_it_is_set_up(self) -> None:
        """Kind, an example for the docs, and where calls about a question come back."""
        kind = self.plugin.make
        assert kind.kind == self.plugin.kind, f"the class says {kind.kind}, its settings {self.plugin.kind}"
        assert kind.Settings is self.plugin.settings, "Settings of the class are not those of PLUGIN"
        assert kind.example.strip(), "example is empty: how is the vendor set up?"
        assert (kind.__doc__ or "").strip(), "the class has no docstring"
        assert self.examples(), "says is empty: what can the vendor tell?"
        assert bool(kind.voices) == bool(kind.answer_path), "voices and answer_path belong together"
        assert not kind.voices or "{link}" in kind.answer_path, "answer_path does not hold {link}"
        made = self.make()
        assert made.takes_calls() or made.listens(), "set up as settings() say, it neither takes calls nor listens"

    def test_only_who_proves_itself_is_believed(self) -> None:
        """A call without proof, with another's, or altered on its way says nothing."""
        found = {}
        for said in self.examples():
            good = self.call(said)
            if not self.believes(good):
                found[f"{said}"] = "a call that proves itself is not believed"
                continue
            for name, call in self._forged(said, good).items():
                if self.believes(call):
                    found[f"{type(said).__name__}: {name}"] = "believed"
        self.all_hold(found)

    def _forged(self, said: Said, good: Call) -> dict[str, Call]:
        path, raw, headers = self.request(said)
        proof = [n for n in good.headers if n not in headers]
        out = {
            "no proof at all": Call(path, good.url, raw, headers, NOW),
            "another key": self.call(said, key="another-key-0123456789"),
            "an empty key": self.call(said, key=""),
            "a key that begins well": self.call(said, key=KEY[:-1]),
            "empty headers": Call(path, good.url, raw, {**headers, **dict.fromkeys(proof, "")}, NOW),
            "rubbish in the headers": Call(path, good.url, raw, {**headers, **dict.fromkeys(proof, "\xff=,;v0=")}, NOW),
        }
        if self.signs_body:
            out["an altered body"] = Call(path, good.url, raw + b"&altered=1", good.headers, NOW)
            out["no body"] = Call(path, good.url, b"", good.headers, NOW) if raw else self.call(said, key="")
        if self.signs_url:
            out["another address"] = Call(path, good.url + "x", raw, good.headers, NOW)
        if self.signs_time:
            out["an hour old"] = self.call(said, sent=-3600.0)
            out["an hour ahead"] = self.call(said, sent=3600.0)
        return out

    def test_what_was_said_is_what_is_heard(self) -> None:
        """Who, what and which message, unchanged."""
        found = {}
        for said in self.examples():
            try:
                heard = self.make().heard(self.call(said))
            except Exception as error:  # exactly this is what is looked for
                found[f"{said}"] = f"raised {type(error).__name__}: {str(error)[:100]}"
                continue
            found[f"{said}"] = "" if heard == said else f"heard as {heard}"
        self.all_hold(found)

    def test_whatever_comes_is_heard_or_refused(self) -> None:
        """A body or path of another shape raises ``Invalid``; no other exception comes out, and no secret shows."""
        found = {}
        for said in self.examples():
            path, _, headers = self.request(said)
            for raw in HOSTILE:
                found[f"{path} {raw[:30]!r}"] = self._lives(Call(path, BASE + path, raw, headers, NOW))
        _, raw, headers = self.request(self.examples()[0])
        for path in ("", "nowhere", "../..", "\0", "a/" * 200, "gather/"):
            found[f"path {path[:20]!r}"] = self._lives(Call(path, BASE + path, raw, headers, NOW))
        self.all_hold(found)

    def _lives(self, call: Call) -> str:
        try:
            heard = self.make().heard(call)
        except Invalid as error:
            self.hides(error, error.hint)
            return ""
        except Exception as error:  # exactly this is what is looked for
            return f"raised {type(error).__name__}: {str(error)[:80]}"
        return "" if isinstance(heard, Texted | Keyed | Answered | Pressed | Reported) else f"heard as {heard!r:.80}"

    def test_a_call_without_proof_cannot_break_the_proof(self) -> None:
        """Whatever stands in the body, ``prove`` says no; it does not fail."""
        found = {}
        path, _, headers = self.request(self.examples()[0])
        for raw in HOSTILE:
            call = Call(path, BASE + path, raw, headers, NOW)
            try:
                found[f"{raw[:30]!r}"] = "believed" if self.believes(call) else ""
            except BcpError as error:
                found[f"{raw[:30]!r}"] = f"raised {type(error).__name__}: {error.message[:80]}"
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                found[f"{raw[:30]!r}"] = f"raised {type(error).__name__}: {str(error)[:80]}"
        self.all_hold(found)

    def test_our_words_stay_words_in_its_answer(self) -> None:
        """Names and titles of ours may hold anything; none of it becomes an instruction to the vendor."""
        found = {}
        for said in self.examples():
            for words in NASTY:
                answer = self.make().reply(said, words)
                found[f"{type(said).__name__}, {words!r}"] = _whole(answer, words)
                self.hides(answer)
        self.all_hold(found)


def _whole(answer: Reply, words: str) -> str:
    """What is wrong with an answer; empty: nothing."""
    if not isinstance(answer, Reply) or not 200 <= answer.status < 300:
        return f"no answer of success, although it was taken: {answer!r:.80}"
    if answer.media.endswith("xml"):
        try:
            tags = [e.tag for e in ElementTree.fromstring(answer.body).iter()]  # noqa: S314 - the plug-in's own words
        except ElementTree.ParseError as error:
            return f"no XML: {error}: {answer.body[:80]!r}"
        return "our words became an instruction" if "Dial" in tags else ""
    if answer.media.endswith("json"):
        try:
            found = json.dumps(json.loads(answer.body), ensure_ascii=False)
        except ValueError as error:
            return f"no JSON: {error}: {answer.body[:80]!r}"
        lacks = words and json.dumps(words, ensure_ascii=False)[1:-1] not in found
        return f"our words are not in it: {answer.body[:80]!r}" if lacks else ""
    return ""
