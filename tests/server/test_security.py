"""What must be refused: answers that are forged, late, used, of another person or plan; pages without a session;
other sites."""

from __future__ import annotations

import base64
import json
import re
import time
from urllib.parse import urlencode

import pyotp
from twilio.request_validator import RequestValidator

from bcp.incident.book import Book
from bcp.incident.codes import codes_in, link_holds, new_link
from bcp.kernel.clock import SystemClock
from server.world import alert

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def asked(w):
    """An outage, its question, and the texts."""
    w.start()
    w.break_("refuse")
    w.hook(alert())
    question = w.wait(lambda: w.api("/questions")[1])[0]
    w.wait(lambda: sum(1 for m in w.vendors.sms if " = " in m["body"]) >= 2)
    return question


def text_to(w, number: str) -> str:
    return [m["body"] for m in w.vendors.sms if m["to"] == number and " = " in m["body"]][-1]


class Browser:
    """A browser without scripts: cookies and forms."""

    def __init__(self, w, name: str = "alice", role: str = "admin", **options) -> None:
        self.w, self.cookies, self.name = w, {}, name
        done = w.run(
            "user",
            "add",
            name,
            "--role",
            role,
            "--output",
            "json",
            *[x for k, v in options.items() for x in (f"--{k}", v)],
        )
        assert done.returncode == 0, done.stderr
        self.totp = json.loads(done.stdout)["totp"]

    def code(self) -> str:
        return pyotp.TOTP(self.totp).now()

    def ask(self, method: str, path: str, fields: dict | None = None, headers: dict | None = None):
        heads = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **(headers or {})}
        raw = urlencode(fields, doseq=True).encode() if fields is not None else None
        status, got, body = self.w.ask(method, path, raw, {**heads, **(FORM if raw is not None else {})})
        if "set-cookie" in got:
            name, _, rest = got["set-cookie"].partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return status, got, body.decode()

    def log_in(self, password: str = "correct horse battery", code: str = ""):
        return self.ask(
            "POST", "/login", {"name": self.name, "password": password, "code": code or self.code(), "next": "/"}
        )

    def csrf(self, path: str = "/account") -> str:
        return re.search(r'name="csrf" value="([^"]+)"', self.ask("GET", path)[2])[1]


def test_wrong_codes_are_counted_and_the_right_one_of_another_person_is_none(world) -> None:
    """Five wrong ones void what that person was sent; a code works from its own phone only, once."""
    w = world()
    question = asked(w)
    alices = codes_in(text_to(w, "+12025550101"))
    bobs = codes_in(text_to(w, "+12025550102"))
    assert len(set(alices + bobs)) == 4
    w.vendors.reply("+12025550102", "+15005550006", alices[0])  # alice's code from bob's phone
    w.vendors.reply("+49999999999", "+15005550006", alices[0])  # from nobody's
    w.wait(lambda: w.events("wrong_code"))
    assert w.api("/questions")[1], "a stolen code opened the gate"
    for _ in range(5):
        w.vendors.reply("+12025550102", "+15005550006", "000000")
    w.wait(lambda: len(w.events("wrong_code")) >= 5)
    w.vendors.reply("+12025550102", "+15005550006", bobs[0])  # right, too late
    w.fetched()
    assert w.api("/questions")[1] and not w.events("answered")
    w.vendors.reply("+12025550101", "+15005550006", f"{alices[1]} - no")
    w.wait(lambda: w.events("answered"))
    assert w.events("answered")[-1]["data"]["yes"] is False
    w.wait(lambda: w.api(f"/runs/{question['run']}")[1]["status"] == "failed")


def test_links_forged_of_others_and_of_other_plans(world) -> None:
    """Not ours, changed, for another plan, after the end."""
    w = world()
    question = asked(w)
    path = re.search(r"(/a/\S+)", text_to(w, "+12025550101"))[1]
    token = path.removeprefix("/a/")
    key = (w.folder / "state" / "serve.key").read_bytes().strip()
    assert link_holds(key, token, question["id"], "alice", question["checksum"])
    assert not link_holds(key, token, question["id"], "bob", question["checksum"])
    assert not link_holds(key, token, question["id"], "alice", "0" * 64)
    for wrong in (
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:10],
        "x" * len(token),
        new_link(b"k" * 32, question["id"], "alice", question["checksum"]),
        new_link(key, question["id"], "alice", question["checksum"]),
    ):  # even signed with our key: nobody was sent it
        assert w.ask("POST", f"/a/{wrong}", b"answer=yes", FORM)[0] in {404, 429}, wrong
    assert w.ask("POST", path, b"answer=maybe", FORM)[0] == 400
    assert w.ask("POST", path, b"answer=yes", {**FORM, "Origin": "https://evil.example"})[0] == 400
    assert not w.events("answered")
    book = Book(w.folder / "state" / "incidents.db", SystemClock())  # the clock goes on: the gate is over
    book.db.execute("update question set deadline = ?", (time.time() - 1,))
    book.close()
    assert w.ask("POST", path, b"answer=yes", FORM)[0] in {409, 410}
    assert not w.events("answered")


def test_an_answer_for_one_plan_never_opens_another(world) -> None:
    """The run was aborted and planned anew: old codes and links are void."""
    w = world()
    question = asked(w)
    old = text_to(w, "+12025550101")
    assert w.api(f"/runs/{question['run']}/abort", {})[0] == 200
    w.wait(lambda: not w.api("/questions")[1])
    plan = w.api("/plans", {"playbook": "exchange-inbound-outage"})[1]
    assert w.api(f"/plans/{plan['id']}/run", {})[0] == 202
    w.wait(lambda: w.api("/questions")[1])
    w.vendors.reply("+12025550101", "+15005550006", codes_in(old)[0])
    assert w.ask("POST", re.search(r"(/a/\S+)", old)[1], b"answer=yes", FORM)[0] in {409, 410}
    w.fetched()
    assert w.api("/questions")[1] and not w.events("answered")


def test_twilio_calls_are_signed_over_the_public_url(world) -> None:
    """Unsigned, for another URL, with another parameter: 401. A report never goes back."""
    w = world(twilio={"auth_token": "file:secrets/twilio-token"})
    question = asked(w)
    yes = codes_in(text_to(w, "+12025550101"))[0]
    validator = RequestValidator(w.vendors.twilio_token)

    def call(path: str, fields: dict, url: str = "", sign: dict | None = None) -> tuple[int, bytes]:
        mark = validator.compute_signature(url or w.base + path, sign or fields)
        status, _, body = w.ask("POST", path, urlencode(fields).encode(), {**FORM, "X-Twilio-Signature": mark})
        return status, body

    text = {"From": "+12025550101", "To": "+15005550006", "Body": yes, "MessageSid": "SM1"}
    assert w.ask("POST", "/twilio/sms", urlencode(text).encode(), FORM)[0] == 401
    assert call("/twilio/sms", text, url="https://else.example/twilio/sms")[0] == 401
    assert call("/twilio/sms", text, sign={**text, "Body": "x"})[0] == 401
    assert not w.events("answered")
    status, body = call("/twilio/sms", text)
    assert status == 200 and b"<Message>Yes from alice" in body, body
    assert call("/twilio/sms", text)[1].count(b"<Message>") == 0  # the same message again
    w.wait(lambda: w.events("answered"))
    for state in ("sent", "delivered", "sent", "queued", "no-such"):
        assert call("/twilio/status", {"MessageSid": "SM9", "MessageStatus": state})[0] == 204
    book = Book(w.folder / "state" / "incidents.db", SystemClock())
    assert book.db.execute("select status, rank from receipt where id = 'SM9'").fetchone() == ("delivered", 4)
    assert question


def test_a_word_is_given_by_api_and_console_under_the_name_of_who_is_proven(world) -> None:
    """The token's contact, the account's contact; a token that may only look gives none; both are in the chain."""
    w = world().start()
    status, word = w.api("/words", {"what": "maintenance", "lasts": "30m", "text": "we move"})
    assert status == 201 and (word["who"], word["kind"], word["class"]) == ("bob", "maintenance", ""), word
    assert w.api("/words", {"what": "B", "who": "alice"})[0] == 422, "there is no field for another's name"
    assert w.api("/words", {"what": "B"}, token=w.token("reads", "read"))[0] == 403
    boss = Browser(w, "alice", "admin", contact="alice")
    viewer = Browser(w, "carol", "viewer")
    assert boss.log_in()[0] == 303 and viewer.log_in()[0] == 303
    shown = boss.ask("GET", "/")[2]
    assert 'action="/words"' in shown and "bob has declared maintenance: we move" in shown
    assert 'action="/words"' not in viewer.ask("GET", "/")[2]
    assert viewer.ask("POST", "/words", {"csrf": viewer.csrf(), "what": "none"})[0] == 403
    said = {"csrf": boss.csrf(), "what": "none", "who": "bob", "as": "bob", "lasts": "1h", "text": "", "until": ""}
    assert boss.ask("POST", "/words", said)[0] == 303
    assert [(x["who"], x["kind"]) for x in w.api("/words")[1]] == [("bob", "maintenance"), ("alice", "is-not")]
    chain = Book(w.folder / "state" / "incidents.db", SystemClock()).events()
    noted = [(e.actor, e.data["word"], e.data["how"]) for e in chain if e.kind == "word"]
    assert noted == [("bob", "maintenance", "api token all"), ("alice", "is-not", "console as alice")]
    assert w.run("incident", "verify").returncode == 0
    assert w.api("/words", {"what": "withdraw"})[0] == 201 and w.api("/words", {"what": "withdraw"})[0] == 409
    assert [x["who"] for x in w.api("/words")[1]] == ["alice"]


def test_the_console_needs_a_session_a_role_and_our_own_page(world) -> None:
    """No session: to the login. Viewer: looks, does not act. Another site, a stale token, a foreign origin: refused."""
    w = world().start()
    for path in ("/", "/incidents", "/runs", "/messages", "/audit", "/account", "/events", "/start"):
        status, headers, _ = w.ask("GET", path)
        assert status == 303 and headers["location"].startswith("/login"), path
        assert (
            "default-src 'none'" in headers["content-security-policy"]
            and headers["x-content-type-options"] == "nosniff"
            and headers["cache-control"] == "no-store"
        )
    assert w.ask("POST", "/plans", b"playbook=x", FORM)[0] == 401
    viewer = Browser(w, "carol", "viewer")
    assert viewer.log_in()[0] == 303
    assert viewer.ask("GET", "/")[0] == 200
    token = viewer.csrf()
    assert viewer.ask("POST", "/plans", {"csrf": token, "playbook": "exchange-inbound-outage"})[0] == 403
    assert "Run this plan" not in viewer.ask("GET", "/")[2] and "Tell people</a></p>" not in viewer.ask("GET", "/")[2]
    boss = Browser(w, "alice", "admin")
    assert boss.log_in()[0] == 303
    assert boss.ask("POST", "/plans", {"csrf": "x", "playbook": "exchange-inbound-outage"})[0] == 403
    assert (
        boss.ask("POST", "/plans", {"csrf": token, "playbook": "exchange-inbound-outage"})[0] == 403
    )  # another person's
    good = boss.csrf()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert boss.ask("POST", "/plans", {"csrf": good, "playbook": "exchange-inbound-outage"}, headers)[0] == 403
    assert boss.ask("POST", "/plans", {"csrf": good, "playbook": "../../etc/passwd"})[0] == 404
    status, headers, _ = boss.ask("POST", "/plans", {"csrf": good, "playbook": "exchange-inbound-outage"})
    assert status == 303 and headers["location"].startswith("/plans/")
    assert boss.ask("POST", headers["location"] + "/run", {"csrf": good, "checksum": "0" * 64})[0] == 409
    cookie = dict(boss.cookies)
    assert boss.ask("POST", "/logout", {"csrf": good})[0] == 303
    boss.cookies = cookie
    assert boss.ask("GET", "/")[0] == 303  # the old cookie is worth nothing
    assert w.run("user", "role", "carol", "operator").returncode == 0
    assert viewer.ask("GET", "/")[0] == 303  # another role: log in again


def test_logging_in(world) -> None:
    """Password and code, a code once, locked after five wrong ones from one address, no open redirect,
    no name that answers faster."""
    w = world().start()
    b = Browser(w)
    assert b.log_in("wrong password here")[0] == 401
    assert b.log_in(code="000000")[0] in {401, 303}
    code = b.code()
    status, headers, _ = b.log_in(code=code)
    assert (
        status == 303
        and headers["location"] == "/"
        and "httponly" in headers["set-cookie"].lower()
        and "samesite=lax" in headers["set-cookie"].lower()
    )
    b.cookies = {}
    assert b.log_in(code=code)[0] == 401  # used
    for next_ in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
    ):
        found = b.ask("GET", f"/login?{urlencode({'next': next_})}")[2]
        assert 'name="next" value="/"' in found, next_
    for _ in range(6):
        last = b.log_in("wrong password here", "123456")
    assert last[0] == 429 and "five minutes" in last[2]
    assert w.run("user", "add", "x", env={"BCP_PASSWORD": "short"}).returncode == 2
    assert w.run("user", "list").stdout.count("alice") == 2
    done = w.run("incident", "verify")
    assert done.returncode == 0
    log = w.errors.read_text()
    assert "correct horse" not in log and "wrong password" not in log and code not in log


def test_oidc_vouches_for_accounts_that_exist(world) -> None:
    """Authorization code with PKCE against an emulated provider; a wrong nonce, state, issuer or address is refused."""
    from urllib.parse import parse_qs, urlsplit

    import jwt
    from aiohttp import web as http
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "r1", "alg": "RS256"}
    w = world()
    state: dict = {"claims": {}}

    async def provider() -> str:
        app = http.Application()

        async def discovery(request):
            return http.json_response(
                {
                    "issuer": state["issuer"],
                    "authorization_endpoint": state["issuer"] + "/auth",
                    "token_endpoint": state["issuer"] + "/token",
                    "jwks_uri": state["issuer"] + "/keys",
                }
            )

        async def token(request):
            form = await request.post()
            import hashlib

            proof = (
                base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
            )
            if proof != state["challenge"] or form["client_secret"] != "oidc-secret-123":
                return http.json_response({"error": "invalid_grant"}, status=400)
            claims = {
                "iss": state["issuer"],
                "aud": "bcp",
                "exp": time.time() + 60,
                "nonce": state["nonce"],
                "email": "alice@corp.test",
                **state["claims"],
            }
            return http.json_response({"id_token": jwt.encode(claims, key, algorithm="RS256", headers={"kid": "r1"})})

        async def keys(request):
            return http.json_response({"keys": [jwk]})

        app.router.add_get("/.well-known/openid-configuration", discovery)
        app.router.add_post("/token", token)
        app.router.add_get("/keys", keys)
        runner = http.AppRunner(app, access_log=None)
        await runner.setup()
        site = http.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    state["issuer"] = w.loop.do(provider())
    (w.lab.folder / "secrets" / "oidc").write_text("oidc-secret-123")
    w.data["serve"]["console"] = {
        "oidc": {"issuer": state["issuer"], "client_id": "bcp", "client_secret": "file:secrets/oidc"}
    }
    w.write()
    w.start()
    b = Browser(w, "alice", "viewer", email="alice@corp.test")

    def go(tamper: bool = False, **claims) -> int:
        b.cookies = {}
        status, headers, _ = b.ask("GET", "/login/oidc")
        assert status == 303
        query = {k: v[0] for k, v in parse_qs(urlsplit(headers["location"]).query).items()}
        state.update(challenge=query["code_challenge"], nonce=query["nonce"], claims=claims)
        return b.ask(
            "GET", "/login/oidc/return?" + urlencode({"code": "c", "state": "x" if tamper else query["state"]})
        )[0]

    assert go() == 303 and b.ask("GET", "/")[0] == 200
    assert go(tamper=True) == 400
    assert go(nonce="else") == 401
    assert go(iss="https://else") == 401
    assert go(email="mallory@corp.test") == 403
    assert go(email_verified=False) == 401


STRANGE = (
    "<script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "a\r\nX-Evil: 1",
    "../../etc/passwd",
    "\u202egnp.exe",
    "' or 1=1 --",
)


def test_what_an_alert_says_stays_text(world) -> None:
    """In pages, logs and texts: no markup, no template, no header."""
    w = world().start()
    b = Browser(w)
    b.log_in()
    for title in STRANGE:
        told = alert()["alerts"][0] | {"annotations": {"summary": title}, "labels": {"alertname": title}}
        status, taken = w.hook(alert(name=title) | {"groupKey": f"strange-{title}", "alerts": [told]})
        assert status == 202, title
        page = b.ask("GET", f"/incidents/{taken['incident']}")[2]
        bare = re.sub(r'name="csrf" value="[^"]*"|\d\d:\d\d:\d\d|inc-[\w-]+|\d{2} \w{3}', "", page)
        assert "<script>alert" not in page, title
        assert "49" not in bare.split("Timeline")[1], title
        assert not any("script" in m["body"] or "{{" in m["body"] for m in w.vendors.sms), title


def test_secrets_are_in_no_page_log_metric_or_book(world) -> None:
    """Canaries in every secret of the daemon."""
    w = world(twilio={"auth_token": "file:secrets/twilio-token"}, slack={"signing_secret": "file:secrets/signing"})
    asked(w)
    b = Browser(w)
    b.log_in()
    canaries = {
        n: (w.lab.folder / "secrets" / n).read_text() for n in ("am", "signing", "slack", "tsig", "code-alice")
    } | {"totp": b.totp, "key": (w.folder / "state" / "serve.key").read_text().strip()}
    canaries["cookie"] = b.cookies["bcp_session"]
    pages = [
        b.ask("GET", p)[2]
        for p in (
            "/",
            "/incidents",
            "/audit",
            "/account",
            "/drills",
            "/messages?message=employees-investigating",
            "/history",
        )
    ]
    pages.append(b.ask("GET", f"/runs/{w.api('/runs')[1][0]['id']}/plan")[2])
    codes = [c for m in w.vendors.sms for c in codes_in(m["body"]) if " = " in m["body"]]
    everything = "\n".join(
        [*pages, w.errors.read_text(), w.get("/metrics")[1].decode(), json.dumps(w.api("/incidents")[1])]
    )
    for name, value in canaries.items():
        assert value not in everything, name
    for path in (w.folder / "state").rglob("*"):
        if path.is_file() and path.name not in {"serve.key"}:
            raw = path.read_bytes()
            for name, value in canaries.items():
                assert value.encode() not in raw, (name, path)
            if path.name == "incidents.db":
                assert not any(c.encode() in raw for c in codes)
