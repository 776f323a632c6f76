"""A stranger behind the same address takes nothing from whoever has the right proof, at no door."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pyotp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from unit.server.visits import GOOD, Place, Visit, place  # noqa: F401 - a fixture
from webauthn.helpers import bytes_to_base64url

from bcp.detect.remote import Batch, seal
from bcp.incident import questions
from bcp.incident.codes import new_link
from bcp.kernel.errors import Refused
from bcp.relay.batch import HELLO
from bcp.relay.batch import seal as sealed
from bcp.server.doors.guard import Throttle
from bcp.server.signin.accounts import TRIES
from bcp.server.signin.desk import IN_ALL, Desk

KEY = "k" * 40
MORE = """\
serve:
  max_body: 2048
  hooks:
    am: {kind: alertmanager, auth: {bearer: ["file:am.key"]}}
    gh: {kind: github, auth: {hmac: ["file:shared.key"]}}
detect:
  vantages: {berlin: {key: "file:shared.key"}}
"""


@pytest.fixture
def doors(place: Place) -> Place:  # noqa: F811
    """With a hook of either kind, an agent that pushes and a second vantage point; 60 wrong proofs from the address of
    everybody who comes."""
    config = place.house.folder / "bcp.yaml"
    text = config.read_text().partition("serve:")[0]
    config.write_text(
        text.replace("preference: 10}]", 'preference: 10}], agent: {push: true, key: "file:shared.key"}') + MORE
    )
    (config.parent / "shared.key").write_text(KEY)
    return place


async def knock(v: Visit, path: str, body: bytes = b"{}", **headers: str) -> int:
    head = {"Content-Type": "application/json", **{k.replace("_", "-"): t for k, t in headers.items()}}
    return (await v.browser.post(path, content=body, headers=head)).status_code


async def shut(v: Visit, path: str, body: bytes = b"{}") -> None:
    """Wrong proofs until they are turned away."""
    codes = [await knock(v, path, body, Authorization="Bearer wrong") for _ in range(62)]
    assert codes[-1] == 429 and 429 not in codes[:60], path


def test_a_token_of_monitoring_is_heard_where_strangers_were_turned_away(doors) -> None:
    async def work(v: Visit) -> None:
        await shut(v, "/hooks/am")
        alerts = json.dumps({"version": "4", "status": "firing", "alerts": []}).encode()
        assert await knock(v, "/hooks/am", alerts, Authorization="Bearer a-bearer-of-monitoring") == 202
        assert await knock(v, "/hooks/am", alerts, Authorization="Bearer wrong") == 429
        assert await knock(v, "/hooks/none", alerts, Authorization="Bearer wrong") == 429

    doors.visit(work)


def test_a_body_that_proves_nothing_is_not_read_of_an_address_that_is_shut(doors) -> None:
    """Its size is not even looked at; where the body is what is signed it has to be read."""

    async def work(v: Visit) -> None:
        await shut(v, "/hooks/am")
        large = b"x" * 2049
        assert await knock(v, "/hooks/am", large, Authorization="Bearer wrong") == 429
        assert await knock(v, "/hooks/am", large, Authorization="Bearer a-bearer-of-monitoring") == 413
        assert await knock(v, "/hooks/gh", large) == 413

    doors.visit(work)


def test_a_signed_body_is_heard_where_strangers_were_turned_away(doors) -> None:
    async def work(v: Visit) -> None:
        await shut(v, "/hooks/gh")
        right = "sha256=" + hmac.new(KEY.encode(), b"{}", hashlib.sha256).hexdigest()
        assert await knock(v, "/hooks/gh", X_Hub_Signature_256=right) == 202
        assert await knock(v, "/hooks/gh", b"{ }", X_Hub_Signature_256=right) == 429

    doors.visit(work)


def test_observations_and_batches_with_our_seal_are_taken_where_strangers_were_turned_away(doors) -> None:
    async def work(v: Visit) -> None:
        await shut(v, "/observations")
        now = v.daemon.clock.now()
        assert await knock(v, "/observations", seal(Batch("berlin", 1, now, ()), KEY.encode()).encode()) == 202
        assert await knock(v, "/observations", seal(Batch("berlin", 2, now, ()), b"x" * 40).encode()) == 429
        path = "/relays/mx-backup/batch"
        await shut(v, path, b"no seal")
        assert await knock(v, path, sealed(KEY.encode(), HELLO, {"relay": "mx-backup", "now": now})) == 200
        assert await knock(v, path, sealed(b"x" * 40, HELLO, {"relay": "mx-backup", "now": now})) == 429
        assert await knock(v, "/relays/none/batch", b"") == 429

    doors.visit(work)


def test_a_link_works_where_strangers_were_turned_away(place) -> None:  # noqa: F811
    """A phone shares its address with thousands."""
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[place.house.gate()])

    async def work(v: Visit) -> None:
        asked = v.question(found.id)
        token = new_link(v.daemon.key, asked.id, "alice", asked.checksum)
        with v.house.book:
            assert questions.claim(v.house.book, asked, "alice", "sms", 0, yes="", no="", link=token, key=v.daemon.key)
        for _ in range(21):
            last = await v.browser.get("/a/forged")
        assert last.status_code == 429 and "One that is genuine works" in last.text
        assert 'name="answer" value="yes"' in await v.get(f"/a/{token}")

    place.visit(work)


@dataclass
class Authenticator:
    """A passkey in a phone (WebAuthn level 2, sections 6.1 and 7.2)."""

    mark: bytes = b"a credential of alice"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        """As COSE has it (RFC 9053, section 7.1.1)."""
        at = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32), -3: at.y.to_bytes(32)})

    def says(self, challenge: str, *, host: str = "bcp.test", spoil: bool = False) -> dict[str, Any]:
        """The answer to a challenge."""
        client = json.dumps({"type": "webauthn.get", "challenge": challenge, "origin": f"http://{host}"}).encode()
        seen = hashlib.sha256(host.encode()).digest() + b"\x05" + (1).to_bytes(4)
        proof = self.key.sign(seen + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        given = {"clientDataJSON": client, "authenticatorData": seen, "signature": proof[::-1] if spoil else proof}
        mark = bytes_to_base64url(self.mark)
        return {
            "id": mark, "rawId": mark, "type": "public-key",
            "response": {k: bytes_to_base64url(raw) for k, raw in given.items()},
        }  # fmt: skip


def test_a_passkey_opens_where_strangers_were_turned_away(place) -> None:  # noqa: F811
    async def work(v: Visit) -> None:
        phone = Authenticator()
        v.accounts.add("alice", "alice", "admin", GOOD)
        v.accounts.add_passkey("alice", phone.mark, phone.public, 0, "phone")

        async def enter(*, spoil: bool = False) -> int:
            begun = (await v.browser.post("/login/passkey/begin")).json()
            body = {"credential": phone.says(begun["challenge"], spoil=spoil), "next": "/"}
            return (await v.browser.post("/login/passkey/finish", json=body)).status_code

        assert [await enter(spoil=True) for _ in range(TRIES + 2)] == [401] * TRIES + [429] * 2
        assert len([e for e in v.house.book.events() if e.kind == "login_wrong"]) == TRIES  # a flood fills no book
        assert await enter() == 200
        await v.get("/runs")

    place.visit(work)


def test_whoever_is_logged_in_changes_the_password_though_strangers_try_the_name(place) -> None:  # noqa: F811
    """From the same address, and from all."""

    async def work(v: Visit) -> None:
        await v.log_in()
        for n in range(60):
            v.accounts.was_wrong("alice", "127.0.0.1" if n < 10 else f"198.51.100.{n}")
        await v.post("/account/authenticator", 409, password="wrong")
        await v.post("/account/authenticator", 200, password=GOOD)
        for _ in range(TRIES):
            await v.post("/account/password", 409, old="wrong", new="another horse battery")
        assert "too many wrong tries" in await v.post("/account/password", 409, old=GOOD, new="another horse battery")

    place.visit(work)


def test_a_known_browser_logs_in_while_strangers_fill_the_desk(place) -> None:  # noqa: F811
    """They share its address, and come from everywhere."""

    async def work(v: Visit) -> None:
        await v.log_in()
        await v.post("/logout")
        v.accounts.set_totp("alice", secret := pyotp.random_base32())
        desk = v.browser._transport.app.state.site.desk
        desk._waiting.update({"127.0.0.1": 2, **{f"198.51.100.{n}": 1 for n in range(IN_ALL)}})
        form = {"name": "alice", "password": GOOD, "code": pyotp.TOTP(secret).now()}
        assert (await v.browser.post("/login", data=form)).status_code == 303
        v.browser.cookies.clear()
        assert (await v.browser.post("/login", data=form)).status_code == 429

    place.visit(work)


def test_a_desk_that_is_full_is_open_to_whom_it_knows() -> None:
    async def work() -> None:
        desk = Desk()
        desk._waiting.update({f"a{n}": 1 for n in range(IN_ALL)})
        assert await desk.check("mine", lambda: True, known=True)
        with pytest.raises(Refused) as caught:
            await desk.check("theirs", lambda: True)
        assert caught.value.rule == "busy"

    asyncio.run(work())


def test_what_is_turned_away_does_not_count() -> None:
    """The door opens again though a stranger goes on knocking."""
    made = Throttle(2, 60.0)
    assert [made.refuses("a") for _ in range(4)] == [False, False, True, True] and not made.refuses("b")
    assert len(made._wrong["a"]) == 2
