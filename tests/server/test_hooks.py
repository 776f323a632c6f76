"""Hooks: every sender's published body, its way to prove itself, and everything that is wrong with either."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import random
import resource
import time
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from httpx import ASGITransport
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bcp import registry
from bcp.settings import load
from server.payloads import BODIES, KEY, SETTINGS, WHSEC, body, signed

CONFIG = """\
version: 1
organisation: {name: Corp}
domains: [{name: corp.test, dns: main}]
dns: {main: {kind: rfc2136, server: 127.0.0.1, key: {name: k., secret: "file:key"}}}
serve:
  max_body: 100000
  hooks: %s
"""


class Server:
    """The application of a daemon whose loops do not run: what is received lies in the book."""

    def __init__(self, folder, hooks: dict, more: str = "") -> None:
        for name, text in (("key", KEY), ("old", "old-" + KEY), ("whsec", WHSEC)):
            (folder / name).write_text(text)
        (folder / "bcp.yaml").write_text(CONFIG % json.dumps(hooks) + more)
        self.configuration = load(folder / "bcp.yaml")

    async def __aenter__(self):
        from bcp.server.daemon import Daemon
        from bcp.server.web import web

        self.daemon = Daemon(self.configuration)
        self.app = web(self.daemon)
        self.client = httpx.AsyncClient(
            transport=ASGITransport(app=self.app, client=("127.0.0.1", 40000)), base_url="http://bcp.test"
        )
        return self

    async def __aexit__(self, *error) -> None:
        await self.client.aclose()
        self.app.state.accounts.close()
        await self.daemon.writer.close()
        self.daemon.lock.release()

    async def post(self, kind: str, raw: bytes, path: str = "", headers: dict | None = None):
        return await self.client.post(
            f"/hooks/{kind}{path}", content=raw, headers={"Content-Type": "application/json", **(headers or {})}
        )


def hooks(*kinds: str) -> dict:
    return {k: {"kind": k, **SETTINGS[k]} for k in kinds}


def test_every_kind_has_a_body_here_and_an_example_for_the_docs() -> None:
    """One more kind cannot be forgotten."""
    assert set(BODIES) == set(registry.kinds("triggers")) == set(SETTINGS)


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_published_body_opens_one_incident_and_ends_it(kind, tmp_path) -> None:
    """Good credentials, a replay, bad ones, a truncated body, another type; the end of the outage."""

    async def run() -> None:
        async with Server(tmp_path, hooks(kind)) as server:
            raw = body(kind, "firing")
            path, headers = signed(kind, raw)
            first = await server.post(kind, raw, path, headers)
            assert first.status_code == 202 and first.json()["opened"] and first.json()["incident"], first.text
            again = await server.post(kind, raw, path, headers)
            assert (
                again.status_code == 202
                and again.json()["incident"] == first.json()["incident"]
                and not again.json()["opened"]
                and again.json()["repeated"] == 1
            )
            wrong_path, wrong = signed(kind, raw, key="x" * 20)
            assert (await server.post(kind, raw, wrong_path, wrong)).status_code == 401
            assert (await server.post(kind, raw)).status_code == 401
            cut = raw[: len(raw) // 2]
            path, headers = signed(kind, cut)
            assert (await server.post(kind, cut, path, headers)).status_code == 422
            packed = gzip.compress(raw)
            path, headers = signed(kind, packed)
            answer = await server.post(kind, packed, path, headers)
            assert answer.status_code == 415 and "compression off" in answer.json()["hint"]
            for other in (b"[]", b"{}", b"null", b'"x"', b"1e999"):
                path, headers = signed(kind, other)
                if kind == "github":  # an event of another shape says nothing
                    headers["X-GitHub-Event"] = "issues"
                assert (await server.post(kind, other, path, headers)).status_code == 422, other
            path, headers = signed(kind, raw)
            assert (
                await server.client.post(
                    f"/hooks/{kind}{path}", content=raw, headers={**headers, "Content-Type": "text/html"}
                )
            ).status_code == 415
            large = b" " * 100_001
            path, headers = signed(kind, large)
            assert (await server.post(kind, large, path, headers)).status_code == 413
            over = body(kind, "resolved")
            path, headers = signed(kind, over, mark="msg_2")
            ended = await server.post(kind, over, path, headers)
            assert (
                ended.status_code == 202
                and ended.json()["resolved"]
                and ended.json()["incident"] == first.json()["incident"]
            ), ended.text
            assert (await server.post("nobody", raw, path, headers)).status_code == 404
            assert (
                len(await server.daemon.writer.do(lambda b: b.incidents())) == 1
                and await server.daemon.writer.do(lambda b: b.damage()) == ""
            )

    asyncio.run(run())


def test_the_end_before_the_beginning_and_late_repeats_open_nothing(tmp_path) -> None:
    """Senders retry in any order: an outage that is known to be over does not begin again."""

    async def run() -> None:
        async with Server(tmp_path, hooks("alertmanager")) as server:
            path, headers = signed("alertmanager", b"")
            over, begun = body("alertmanager", "resolved"), body("alertmanager", "firing")
            assert (await server.post("alertmanager", over, path, headers)).json()["incident"] is None
            late = (await server.post("alertmanager", begun, path, headers)).json()
            assert (late["incident"], late["opened"], late["ignored"]) == (None, False, 1)
            fresh = json.loads(begun)
            fresh["alerts"][0]["startsAt"] = "2026-02-01T00:00:00Z"
            assert (await server.post("alertmanager", json.dumps(fresh).encode(), path, headers)).json()["opened"]

    asyncio.run(run())


def test_a_group_is_judged_alert_by_alert_in_any_order(tmp_path) -> None:
    """A firing group with resolved alerts in it; the same alerts in another order are a repeat."""

    async def run() -> None:
        async with Server(tmp_path, hooks("alertmanager")) as server:
            path, headers = signed("alertmanager", b"")
            group = json.loads(body("alertmanager", "firing"))
            group["alerts"] = [
                {**group["alerts"][0], "fingerprint": f"f{i}", "status": "firing" if i % 2 else "resolved"}
                for i in range(6)
            ]
            first = (await server.post("alertmanager", json.dumps(group).encode(), path, headers)).json()
            assert (first["new"], first["ignored"]) == (3, 3)
            random.Random(1).shuffle(group["alerts"])
            again = (await server.post("alertmanager", json.dumps(group).encode(), path, headers)).json()
            assert (again["new"], again["repeated"]) == (0, 6)

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["grafana", "standard-webhooks"])
@pytest.mark.parametrize("off", [-301, 301, 299, -299])
def test_a_signed_time_is_good_for_five_minutes(kind, off, tmp_path) -> None:
    """Both ways."""

    async def run() -> int:
        async with Server(tmp_path, hooks(kind)) as server:
            raw = body(kind, "firing")
            path, headers = signed(kind, raw, at=time.time() + off)
            return (await server.post(kind, raw, path, headers)).status_code

    assert asyncio.run(run()) == (202 if abs(off) < 300 else 401)


def test_grafana_with_the_signature_of_another_time_is_refused(tmp_path) -> None:
    """The time is under the signature."""

    async def run() -> int:
        async with Server(tmp_path, hooks("grafana")) as server:
            raw = body("grafana", "firing")
            _, headers = signed("grafana", raw, at=time.time() - 100)
            headers["X-Grafana-Alerting-Timestamp"] = str(int(time.time()))
            return (await server.post("grafana", raw, "", headers)).status_code

    assert asyncio.run(run()) == 401


def test_an_old_event_of_pagerduty_is_a_replay(tmp_path) -> None:
    """No time is signed there; ids are kept for longer than it repeats, and an event from before that says nothing."""

    async def run() -> dict:
        async with Server(tmp_path, hooks("pagerduty")) as server:
            data = json.loads(body("pagerduty", "firing"))
            data["event"]["occurred_at"] = "2020-10-02T18:45:22.169Z"
            raw = json.dumps(data).encode()
            path, headers = signed("pagerduty", raw)
            return (await server.post("pagerduty", raw, path, headers)).json()

    assert asyncio.run(run())["incident"] is None


def test_tokens_of_an_identity_provider_with_keys_that_are_kept(tmp_path) -> None:
    """Right ones pass, also when the provider is down; wrong issuer, audience, role, key, algorithm and time do not."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "alg": "ES256", "use": "sig"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    auth = {
        "jwt": {
            "issuer": "https://sts.example/t/",
            "audience": "api://bcp",
            "keys": str(tmp_path / "jwks.json"),
            "role": "ActionGroupsSecureWebhook",
        }
    }

    def token(signer=key, kid="k1", algorithm="ES256", **changes) -> str:
        claims = {
            "iss": "https://sts.example/t/",
            "aud": "api://bcp",
            "exp": time.time() + 60,
            "roles": ["ActionGroupsSecureWebhook"],
            **changes,
        }
        return jwt.encode(
            {k: v for k, v in claims.items() if v is not None}, signer, algorithm=algorithm, headers={"kid": kid}
        )

    async def run() -> list[int]:
        out = []
        raw = body("azure-monitor", "firing")
        async with Server(tmp_path, {"azure-monitor": {"kind": "azure-monitor", "auth": auth}}) as server:

            async def give(value: str) -> int:
                return (await server.post("azure-monitor", raw, "", {"Authorization": f"Bearer {value}"})).status_code

            out.append(await give(token()))
            (tmp_path / "jwks.json").unlink()
            out.append(await give(token()))
            for wrong in (
                token(other),
                token(kid="k2"),
                token(iss="https://evil/"),
                token(aud="api://else"),
                token(roles=[]),
                token(exp=time.time() - 120),
                token(exp=None),
                token("x" * 32, algorithm="HS256"),
                "a.b.c",
                jwt.encode({"iss": "https://sts.example/t/"}, None, algorithm="none"),
                "",
            ):
                out.append(await give(wrong))
        from bcp.kit import hook_auth

        hook_auth._KEYS.clear()  # a new process: the keys lie in the state folder
        async with Server(tmp_path, {"azure-monitor": {"kind": "azure-monitor", "auth": auth}}) as server:
            out.append(
                (await server.post("azure-monitor", raw, "", {"Authorization": f"Bearer {token()}"})).status_code
            )
        return out

    codes = asyncio.run(run())
    assert codes == [202, 202, *[401] * 11, 202], codes


def test_a_client_certificate_counts_from_the_named_proxy_only(tmp_path) -> None:
    """Anybody else may write the headers."""
    auth = {"proxy": {"from": ["10.9.9.9"], "subjects": ["CN=alertmanager"]}}

    async def run() -> list[int]:
        async with Server(tmp_path, {"alertmanager": {"kind": "alertmanager", "auth": auth}}) as server:
            good = {"X-Client-Verify": "SUCCESS", "X-Client-DN": "CN=alertmanager", "Content-Type": "application/json"}
            raw, out = body("alertmanager", "firing"), []
            for peer, headers in (
                ("10.9.9.9", good),
                ("127.0.0.1", good),
                ("10.9.9.9", {**good, "X-Client-DN": "CN=else"}),
                ("10.9.9.9", {**good, "X-Client-Verify": "FAILED"}),
            ):
                async with httpx.AsyncClient(
                    transport=ASGITransport(app=server.app, client=(peer, 1)), base_url="http://bcp.test"
                ) as client:
                    out.append((await client.post("/hooks/alertmanager", content=raw, headers=headers)).status_code)
            return out

    assert asyncio.run(run()) == [202, 401, 401, 401]


def test_ed25519_of_standard_webhooks(tmp_path) -> None:
    """`v1a`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    (tmp_path / "whpk").write_text("whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode())

    async def run() -> list[int]:
        async with Server(
            tmp_path, {"standard-webhooks": {"kind": "standard-webhooks", "auth": {"hmac": ["file:whpk"]}}}
        ) as server:
            raw, moment = body("standard-webhooks", "firing"), str(int(time.time()))
            right = base64.b64encode(key.sign(f"m1.{moment}.".encode() + raw)).decode()
            wrong = base64.b64encode(key.sign(f"m2.{moment}.".encode() + raw)).decode()
            heads = {"webhook-id": "m1", "webhook-timestamp": moment}
            return [
                (
                    await server.post("standard-webhooks", raw, "", {**heads, "webhook-signature": f"v1a,{s}"})
                ).status_code
                for s in (wrong, right)
            ]

    assert asyncio.run(run()) == [401, 202]


def test_the_token_in_a_path_is_in_no_log(tmp_path, caplog) -> None:
    """Of ours."""
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", "uvicorn.access")
    caplog.set_level("DEBUG", "bcp")

    async def run() -> None:
        async with Server(tmp_path, hooks("azure-monitor")) as server:
            raw = body("azure-monitor", "firing")
            assert (await server.post("azure-monitor", raw, f"/{KEY}")).status_code == 202
            assert (await server.post("azure-monitor", raw, "/" + "z" * 30)).status_code == 401

    asyncio.run(run())
    assert "/hooks/azure-monitor/********" in caplog.text
    for record in caplog.records:
        if record.name.startswith("bcp"):
            assert KEY not in record.getMessage() and "zzzz" not in record.getMessage()


def test_a_form_is_taken_where_a_command_line_sends_it_and_nowhere_else(tmp_path) -> None:
    """`curl --data-urlencode` quotes what a shell and JSON would not;
    a form that is none is refused, without a trace of ours."""

    async def run() -> None:
        async with Server(tmp_path, hooks("icinga", "zabbix")) as server:
            path, headers = signed("icinga", b"")
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}

            async def post(raw: bytes, kind: str = "icinga"):
                return await server.client.post(
                    f"/hooks/{kind}{path}",
                    content=raw,
                    headers=headers
                    if kind == "icinga"
                    else {**signed(kind, b"")[1], "Content-Type": headers["Content-Type"]},
                )

            fields = {
                "host": "mx",
                "service": "smtp",
                "state": "CRITICAL",
                "type": "PROBLEM",
                "output": 'he said "no" & left\n2nd',
                "since": "1764000000.5",
            }
            first = (await post(urlencode(fields).encode())).json()
            assert first["opened"] and (await post(urlencode(fields).encode())).json()["repeated"] == 1
            over = (
                await post(urlencode({**fields, "type": "RECOVERY", "state": "OK", "since": "1764000060"}).encode())
            ).json()
            assert over["resolved"] and over["incident"] == first["incident"]
            # A system that never saw it change says 0: that is no identity, and a later outage is another one.
            assert (await post(urlencode({**fields, "since": "0"}).encode())).json()["new"] == 1
            for raw in (
                b"",
                b"x",
                b"\xff=\xfe&",
                b"&".join(b"a%d=1" % i for i in range(200)),
                b"host=mx",
                b'{"host": 1}',
            ):
                assert (await post(raw)).status_code == 422, raw
            assert (await post(b"event_id=1&value=1", "zabbix")).status_code == 415

    asyncio.run(run())


def test_conditions_choose_alerts_and_a_missing_label_is_no(tmp_path) -> None:
    """`when` is an expression of the playbook language."""

    async def run() -> list:
        hook = {
            "kind": "alertmanager",
            **SETTINGS["alertmanager"],
            "when": "labels.service == 'exchange' and labels.team == 'mail'",
        }
        async with Server(tmp_path, {"alertmanager": hook}) as server:
            path, headers = signed("alertmanager", b"")
            out = [
                (await server.post("alertmanager", body("alertmanager", "firing"), path, headers)).json()["incident"]
            ]
            data = json.loads(body("alertmanager", "firing"))
            data["alerts"][0]["labels"]["team"] = "mail"
            return [
                *out,
                (await server.post("alertmanager", json.dumps(data).encode(), path, headers)).json()["incident"],
            ]

    none, some = asyncio.run(run())
    assert none is None and some


def test_too_many_wrong_credentials_close_the_door_for_that_address(tmp_path) -> None:
    """60 a minute."""

    async def run() -> list[int]:
        async with Server(tmp_path, hooks("alertmanager")) as server:
            raw = body("alertmanager", "firing")
            codes = [
                (await server.post("alertmanager", raw, "", {"Authorization": "Bearer no"})).status_code
                for _ in range(70)
            ]
            path, headers = signed("alertmanager", raw)
            async with httpx.AsyncClient(
                transport=ASGITransport(app=server.app, client=("127.0.0.2", 1)), base_url="http://bcp.test"
            ) as other:
                codes.append(
                    (
                        await other.post(
                            "/hooks/alertmanager", content=raw, headers={"Content-Type": "application/json", **headers}
                        )
                    ).status_code
                )
            return codes

    codes = asyncio.run(run())
    assert codes[:60] == [401] * 60 and codes[60:70] == [429] * 10 and codes[70] == 202


def test_a_full_disk_is_503_and_nothing_is_taken(tmp_path, monkeypatch) -> None:
    """The sender tries again; nobody is told that it was taken."""
    from bcp.incident.book import Book

    async def run() -> list[int]:
        async with Server(tmp_path, hooks("alertmanager")) as server:
            import sqlite3

            real = Book.commit

            def broken(self):
                raise sqlite3.OperationalError("database or disk is full")

            raw = body("alertmanager", "firing")
            path, headers = signed("alertmanager", raw)
            monkeypatch.setattr(Book, "commit", broken)
            out = [(await server.post("alertmanager", raw, path, headers)).status_code]
            assert (await server.client.get("/readyz")).status_code == 503 and (
                await server.client.get("/healthz")
            ).status_code == 200
            monkeypatch.setattr(Book, "commit", real)
            out += [
                (await server.post("alertmanager", raw, path, headers)).status_code,
                len(await server.daemon.writer.do(lambda b: b.incidents())),
            ]
            return out

    assert asyncio.run(run()) == [503, 202, 1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=12), c, max_size=4),
    max_leaves=12,
)


def mutate(rng: random.Random, raw: bytes) -> bytes:  # noqa: C901 - one branch a kind of damage
    """One of a dozen kinds of damage."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        how, at = rng.randrange(8), rng.randrange(max(1, len(data)))
        if how == 0:
            data[at : at + rng.randint(1, 40)] = b""
        elif how == 1:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
        elif how == 2 and data:
            data[at % len(data)] = rng.randrange(256)
        elif how == 3:
            data[at:at] = rng.choice(
                [
                    b"null",
                    b"[]",
                    b"{}",
                    b'"\\ud800"',
                    b"1e400",
                    b"-" * 3,
                    b"[" * 200,
                    b'{"a":' * 150,
                    b"9" * 5000,
                    b"\x00",
                ]
            )
        elif how == 4:
            piece = data[at : at + rng.randint(1, 60)]
            data[at:at] = piece
        elif how == 5:
            text = data.decode("latin-1")
            for old in rng.sample(
                [
                    '"firing"',
                    '"resolved"',
                    '"alerts"',
                    '"labels"',
                    '"status"',
                    '"fingerprint"',
                    '"id"',
                    '"data"',
                    "true",
                    "1",
                ],
                2,
            ):
                text = text.replace(old, rng.choice(['"x"', "[]", "{}", "null", "7", '"\\u0000"', '""']))
            data = bytearray(text.encode("latin-1"))
        elif how == 6:
            try:
                found = json.loads(bytes(data))
                key = rng.choice(list(found)) if isinstance(found, dict) and found else None
                if key is not None:
                    found[key] = rng.choice([None, [], {}, "x", 0, [[]], [{}], {"a": 1}, "\udc80"])
                    data = bytearray(json.dumps(found).encode())
            except (ValueError, RecursionError):
                continue
        else:
            data = data[: rng.randrange(len(data) + 1)]
    return bytes(data[:90_000])


BODIES_SENT = int(os.environ.get("BCP_BODIES", "6000"))
"""``make soak`` sends 20,000."""


def test_thousands_of_mutated_bodies_break_nothing(tmp_path) -> None:
    """With good signatures, so that all of them are parsed:
    no 5xx, no growth, one incident at most, the chain holds."""
    rng = random.Random(20_000)

    async def run() -> tuple[dict[int, int], float, int]:
        counted: dict[int, int] = {}
        async with Server(tmp_path, hooks(*BODIES)) as server:
            grown = 0.0
            for i in range(BODIES_SENT):
                kind = rng.choice(sorted(BODIES))
                raw = mutate(rng, body(kind, rng.choice(["firing", "resolved"])))
                path, headers = signed(kind, raw, mark=f"m{rng.randrange(200)}")
                answer = await server.post(kind, raw, path, headers)
                counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, (kind, raw[:300], answer.text)
                if i == BODIES_SENT // 5:
                    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            assert await server.daemon.writer.do(lambda b: b.damage()) == ""
            return (
                counted,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - grown,
                len(await server.daemon.writer.do(lambda b: b.incidents())),
            )

    counted, grown, incidents = asyncio.run(asyncio.wait_for(run(), 500))
    assert set(counted) <= {202, 422, 401} and min(counted[202], counted[422]) > BODIES_SENT // 10, counted
    assert grown < 40, f"{grown:.0f} MiB"
    assert incidents == 1


@pytest.fixture(scope="module")
def parsers():
    """Every kind, with its settings."""
    return {
        k: registry.load("triggers", k).create(
            k, registry.settings_class("triggers", k).model_validate({"kind": k, **SETTINGS[k]})
        )
        for k in BODIES
    }


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_understood_or_refused(parsers, data) -> None:
    """A parser never fails in another way than to refuse."""
    from bcp.contracts.hook import Alert, Received
    from bcp.kernel.errors import Invalid

    kind = data.draw(st.sampled_from(sorted(BODIES)))
    base = BODIES[kind]("firing")
    path = data.draw(
        st.lists(
            st.sampled_from(
                ["event", "data", "alerts", "essentials", "monitor", "heartbeat", "issue", "check", "labels"]
            ),
            max_size=3,
        )
    )
    at = base
    for name in path:
        at = at.get(name, at) if isinstance(at, dict) else at
    if isinstance(at, dict) and at:
        at[data.draw(st.sampled_from(sorted(at)))] = data.draw(json_values)
    try:
        found = parsers[kind].alerts(
            base, Received(b"", {"x-github-event": "issues", "x-github-delivery": "d"}, time.time())
        )
    except Invalid:
        return
    except (TypeError, ValueError, AttributeError, KeyError):
        pytest.fail(f"{kind}: {base}")
    assert all(isinstance(a, Alert) and isinstance(a.title, str) and len(a.title) <= 200 for a in found)
