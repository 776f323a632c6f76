"""Keys of an identity provider: kept for the day when it is down, asked for rarely, and never by a forged token."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bcp.kit import jwks
from bcp.kit.jwks import AGE_S, PAUSE_S, Keys
from bcp.testing.vendor import Answer, FakeVendor

ONE, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
WANTED = {"issuer": "https://idp.test", "audience": "bcp"}


def published(*names: str, key: Any = ONE) -> str:
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return json.dumps({"keys": [{**own, "kid": n, "use": "sig", "alg": "RS256"} for n in names]})


def token(kid: str = "k1", key: Any = ONE, **changed: Any) -> str:
    said = {"iss": "https://idp.test", "aud": "bcp", "exp": 4e9, "sub": "me", **changed}
    return jwt.encode({k: v for k, v in said.items() if v is not None}, key, "RS256", {"kid": kid} if kid else None)


class Provider(Keys):
    """Keys that a test hands out; how often they were asked for is counted."""

    def __init__(self, *texts: str, store: Any = None) -> None:
        super().__init__("https://idp.test/keys", store)
        self.texts, self.count = list(texts), 0

    async def _fetch(self) -> str:
        self.count += 1
        return self.texts.pop(0) if self.texts else ""

    def ask(self, given: str, now: float = 0.0) -> dict[str, Any] | None:
        return asyncio.run(self.claims(given, **WANTED, now=now))


def test_a_token_of_the_provider_says_who_it_is() -> None:
    assert Provider(published("k1")).ask(token())["sub"] == "me"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "no token",
        "a.b.c",
        token(key=OTHER),
        token(kid="unknown"),
        token(kid=""),
        token(iss="https://evil.test"),
        token(aud="another"),
        token(exp=1),
        token(exp=None),
        token(aud=None),
        jwt.encode({"iss": "https://idp.test", "aud": "bcp", "exp": 4e9}, "x" * 32, "HS256", {"kid": "k1"}),
        jwt.encode({"iss": "https://idp.test", "aud": "bcp", "exp": 4e9}, None, "none", {"kid": "k1"}),
    ],
)
def test_any_other_token_says_nothing(given) -> None:
    assert Provider(published("k1")).ask(given) is None


def test_forged_key_ids_do_not_make_us_ask_again_and_again() -> None:
    keys = Provider(published("k1"), published("k1"))
    for _ in range(5):
        assert keys.ask(token(kid="forged"), now=10.0) is None
    assert keys.count == 1
    assert keys.ask(token(kid="forged"), now=10.0 + PAUSE_S + 1) is None and keys.count == 2


def test_a_new_key_is_found_after_the_pause() -> None:
    keys = Provider(published("k1"), published("k1", "k2"))
    assert keys.ask(token()) is not None and keys.ask(token(kid="k2"), now=1.0) is None
    assert keys.ask(token(kid="k2"), now=PAUSE_S + 1) is not None and keys.count == 2


def test_old_keys_are_asked_for_anew_and_stay_while_nobody_answers() -> None:
    keys = Provider(published("k1"), "", "no JSON", published("k2"))
    assert keys.ask(token()) is not None
    for now in (AGE_S + 1, AGE_S + PAUSE_S + 2):
        assert keys.ask(token(), now=now) is not None  # away, then nonsense: the old ones hold
    assert keys.count == 3
    assert keys.ask(token(kid="k2"), now=AGE_S + 2 * PAUSE_S + 3) is not None
    assert keys.ask(token(), now=AGE_S + 2 * PAUSE_S + 4) is None  # the provider took it back


def test_keys_outlive_us(tmp_path) -> None:
    """Another process, with the provider down, knows them from the file."""
    assert Provider(published("k1"), store=tmp_path).ask(token()) is not None
    assert Provider(store=tmp_path).ask(token()) is not None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]", b'{"keys": 7}', b'{"keys": []}'])
def test_a_damaged_file_is_no_reason_to_stay_without_keys(tmp_path, content) -> None:
    """The provider is asked, and the file is mended."""
    keys = Provider(published("k1"), store=tmp_path)
    keys.path.write_bytes(content)
    assert keys.ask(token()) is not None
    assert Provider(store=tmp_path).ask(token()) is not None


def test_a_folder_in_the_place_of_the_file_is_no_end(tmp_path) -> None:
    """Neither read nor written: they are known all the same, for as long as we live."""
    keys = Provider(published("k1"), store=tmp_path)
    keys.path.mkdir()
    assert keys.ask(token()) is not None


@pytest.mark.parametrize("content", [None, b"\xff", b"x"])
def test_keys_in_a_file_of_ours(tmp_path, content) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    assert asyncio.run(Keys(str(path)).claims(token(), **WANTED, now=0.0)) is None
    path.write_text(published("k1"))
    assert asyncio.run(Keys(str(path)).claims(token(), **WANTED, now=0.0)) is not None


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (Answer(200, published("k1").encode()), True),
        (Answer(500, published("k1").encode()), False),
        (Answer(302, b"", {"Location": "https://evil.test/"}), False),
        (Answer(200, b"\xff\xfe"), False),
        (Answer(200, b" " * (jwks.MAX_BYTES + 10)), False),
        (b"not http\r\n\r\n", False),
    ],
    ids=["well", "an error", "elsewhere", "no text", "too much", "no HTTP"],
)
def test_what_a_provider_may_answer(answer, known) -> None:
    async def work() -> Any:
        vendor = FakeVendor(lambda asked: answer)
        vendor.fault = lambda asked: answer
        await vendor.start()
        try:
            return await Keys(vendor.url).claims(token(), **WANTED, now=0.0)
        finally:
            await vendor.stop()

    assert (asyncio.run(work()) is not None) is known


def test_a_provider_that_is_away_is_no_error() -> None:
    assert asyncio.run(Keys("http://127.0.0.1:1/").claims(token(), **WANTED, now=0.0)) is None


class Hanging(Provider):
    """Hands keys out once; asked again it hangs until the end."""

    async def _fetch(self) -> str:
        if self.count:
            self.hangs.set()
            await asyncio.Event().wait()
        return await super()._fetch()


def test_strangers_key_ids_and_a_provider_that_hangs_keep_no_right_token_waiting() -> None:
    async def work() -> None:
        keys = Hanging(published("k1"))
        keys.hangs = asyncio.Event()
        assert await keys.claims(token(), **WANTED, now=0.0)
        now = PAUSE_S + 1
        stranger = asyncio.ensure_future(keys.claims(token("unknown"), **WANTED, now=now))
        await keys.hangs.wait()
        mine = asyncio.ensure_future(keys.claims(token(), **WANTED, now=now))
        await asyncio.wait({stranger, mine}, return_when=asyncio.FIRST_COMPLETED)
        assert mine.done() and mine.result() and not stranger.done()
        stranger.cancel()

    asyncio.run(work())
