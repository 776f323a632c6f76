"""What Graph and Entra raise, by whose fault it is; a directory that answers nonsense, elsewhere, or without end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from kiota_abstractions.api_error import APIError

from bcp.kernel.errors import BcpError, Permanent, Refused, Transient
from bcp.kernel.secret import Secret
from bcp.plugins.directories import graph as directory
from bcp.plugins.directories.graph import GraphDirectory, GraphSettings
from bcp.plugins.vendors.graph import OWN_CODES, Graph, NoToken, OurCredential, _other, _why

HERE = "http://127.0.0.1:9"


class ClientAuthenticationError(Exception):
    """Of azure-identity, by its name."""


def asked(error: Exception | None, timeout_s: float = 5.0) -> BcpError:
    """How a call ends whose work ends like this; without an error it never ends."""
    graph = Graph("t", "c", "s", api_url=HERE)
    graph._client = object()

    async def work(client: Any, configuration: Any) -> None:
        if error is not None:
            raise error
        await asyncio.Event().wait()

    with pytest.raises(BcpError) as caught:
        asyncio.run(graph.call(work, timeout_s))
    return caught.value


def api(status: int | None, message: str = "", told: str | None = None) -> APIError:
    found = APIError(message=message, response_status_code=status)
    if told is not None:
        found.error = SimpleNamespace(message=told)
    return found


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (401, Permanent, "client_secret"),
        (403, Permanent, "permission"),
        (404, Permanent, "name"),
        (410, Permanent, "up?"),
        (429, Transient, "repeat"),
        (500, Transient, "up?"),
        (502, Transient, "up?"),
        (503, Transient, "up?"),
        (504, Transient, "up?"),
        (None, Transient, "up?"),
    ],
)
def test_a_status_may_pass_or_stays(status, kind, hint) -> None:
    found = asked(api(status))
    assert type(found) is kind and hint in found.hint and found.outputs == {"status": status or 0}


def test_graphs_own_words_are_told_and_cut() -> None:
    assert asked(api(403, "outer", "inner")).message == "Graph answers 403: inner"
    assert asked(api(403, "outer")).message == "Graph answers 403: outer"
    assert len(asked(api(403, told="x" * 9000)).message) < 250


def test_silence_ends_at_the_deadline() -> None:
    found = asked(None, 0.01)
    assert isinstance(found, Transient) and found.outputs == {"why": "timeout"}


def test_what_is_an_error_of_ours_already_stays_what_it_is() -> None:
    assert isinstance(asked(Refused("no", rule="x")), Refused)


@pytest.mark.parametrize("code", OWN_CODES)
def test_entra_says_that_the_credential_is_ours_to_mend(code) -> None:
    assert isinstance(_other(ClientAuthenticationError(f"{code}: expired")), OurCredential)


@pytest.mark.parametrize("text", ["AADSTS90033: a transient error", "", "no network"])
def test_no_token_for_another_reason_is_entras(text) -> None:
    found = _other(ClientAuthenticationError(text))
    assert isinstance(found, NoToken) and isinstance(found, Transient)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.ConnectError("x"), "refused"),
        (httpx.RemoteProtocolError("x"), "closed"),
        (ConnectionResetError(), "closed"),
        (httpx.DecodingError("x"), "unreadable"),
        (ValueError("no JSON"), "unreadable"),
        (AttributeError("x"), "unreadable"),
    ],
)
def test_the_way_there_or_an_answer_that_is_none_of_graphs(error, why) -> None:
    assert _why(error) == why
    found = _other(error)
    assert isinstance(found, Transient) and found.outputs == {"why": why}
    assert ("cannot be read" in found.message) is (why == "unreadable")


def test_a_client_that_was_never_made_is_closed_without_harm() -> None:
    asyncio.run(Graph("t", "c", "s").close())


def test_a_client_is_made_once_and_again_after_closing(monkeypatch) -> None:
    made: list[str] = []
    closed: list[str] = []

    async def close() -> None:
        closed.append("x")

    monkeypatch.setattr("bcp.plugins.vendors.graph._client", lambda *given: (made.append("x") or object(), close))
    graph = Graph("t", "c", "s", api_url=HERE)
    assert graph._open() is graph._open() and len(made) == 1
    asyncio.run(graph.close())
    graph._open()
    assert (len(made), len(closed)) == (2, 1)


# -- the directory ---------------------------------------------------------------------------------------------------


class Pages:
    """Graph's builders over pages that a test gives."""

    def __init__(self, *pages: Any) -> None:
        self.pages, self.asked = list(pages), []
        for name in ("users", "delta", "groups", "transitive_members", "graph_user"):
            setattr(self, name, self)

    def by_group_id(self, ident: str) -> Pages:
        return self

    def with_url(self, url: str) -> Pages:
        self.asked.append(url)
        return self

    async def get(self, request_configuration: Any = None) -> Any:
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


def page(*users: Any, next_: str = "", delta: str = "") -> SimpleNamespace:
    return SimpleNamespace(value=list(users), odata_next_link=next_, odata_delta_link=delta)


def user(name: str, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{
            "id": name,
            "display_name": name,
            "mail": None,
            "user_principal_name": f"{name}@corp.test",
            "mobile_phone": None,
            "preferred_language": "de-DE",
            "department": "Sales",
            "account_enabled": True,
            "additional_data": {},
            "manager": None,
            **more,
        }
    )


def gone(name: str) -> SimpleNamespace:
    return user(name, additional_data={"@removed": {"reason": "deleted"}})


@pytest.fixture
def of(tmp_path, monkeypatch):
    """A directory over these pages."""

    def make(pages: Pages, **given: Any) -> GraphDirectory:
        settings = GraphSettings(
            kind="graph", tenant_id="t", client_id="c", client_secret=Secret("env:PATH"), api_url=HERE, **given
        )
        made = GraphDirectory("graph", settings)

        async def ask(work: Any, timeout_s: float) -> Any:
            return await work(pages, lambda query=None: None)

        monkeypatch.setattr(made, "_ask", ask)
        return made

    return make


def test_the_last_word_about_a_person_counts(of) -> None:
    """Gone and back is there; there and gone is gone; an account that is closed is nobody's."""
    pages = Pages(
        page(user("ann"), gone("bob"), user("carl"), user("dora", account_enabled=False), next_=f"{HERE}/2"),
        page(gone("carl"), user("bob"), delta=f"{HERE}/d"),
    )
    found = asyncio.run(of(pages).changes())
    assert [p.id for p in found.people] == ["ann", "bob"] and found.gone == ("dora", "carl")
    assert found.since == f"{HERE}/d" and pages.asked == [f"{HERE}/2"]


def test_a_person_without_mail_is_reached_by_their_sign_in_name(of) -> None:
    (ann,) = asyncio.run(of(Pages(page(user("ann"), delta="d"))).changes()).people
    assert (ann.email, ann.language, ann.groups, ann.logins) == ("ann@corp.test", "de", ("Sales",), ("ann",))
    nothing = user("x", user_principal_name=None, preferred_language=None, department="")
    (bare,) = asyncio.run(of(Pages(page(nothing, delta="d"))).changes()).people
    assert (bare.email, bare.language, bare.groups, bare.logins) == ("", "", (), ())


def test_a_link_of_last_time_is_followed(of) -> None:
    pages = Pages(page(delta=f"{HERE}/e"))
    assert asyncio.run(of(pages).changes(f"{HERE}/d")).since == f"{HERE}/e" and pages.asked == [f"{HERE}/d"]


@pytest.mark.parametrize("link", ["http://127.0.0.1:8/x", "https://127.0.0.1:9/x", "http://evil.test/x", "/x"])
def test_a_link_elsewhere_is_not_followed(of, link) -> None:
    """Our token would go there: neither the link that was kept, nor one in an answer."""
    kept = Pages(page(delta="d"))
    with pytest.raises(Permanent, match="another host"):
        asyncio.run(of(kept).changes(link))
    told = Pages(page(user("ann"), next_=link))
    with pytest.raises(Permanent, match="another host"):
        asyncio.run(of(told).changes())
    assert kept.asked == told.asked == []


@pytest.mark.parametrize(
    "broken", [page(user("ann")), SimpleNamespace(value=None), SimpleNamespace(value="x"), None, page(user(7))]
)
def test_a_page_that_is_none_is_no_empty_directory(of, broken) -> None:
    with pytest.raises(Transient, match="not as Graph does"):
        asyncio.run(of(Pages(broken)).changes())


def test_pages_without_end_end(of, monkeypatch) -> None:
    monkeypatch.setattr(directory, "MAX_PAGES", 3)
    endless = page(user("ann"), next_=f"{HERE}/more")
    for work in (lambda d: d.changes(), lambda d: d.members({"oncall": "g"}), lambda d: d.managers()):
        with pytest.raises(Permanent, match="no end"):
            asyncio.run(work(of(Pages(endless))))


def test_members_and_managers_are_read_to_the_last_page(of) -> None:
    pages = Pages(page(user("ann"), next_=f"{HERE}/2"), page(user("bob")))
    assert asyncio.run(of(pages).members({"oncall": "g"})) == {"oncall": ["ann", "bob"]}
    boss = SimpleNamespace(id="ann")
    pages = Pages(page(user("ann"), user("bob", manager=boss), user("carl", manager=SimpleNamespace(id=None))))
    assert asyncio.run(of(pages).managers()) == {"bob": "ann"}
