"""Our transport under Twilio's client: what it gets is what the standard library would send;
what may have left is said so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.channel import NotSent
from bcp.kernel.errors import InDoubt
from bcp.plugins.vendors.twilio import form, transport

VALUES = (
    st.text(st.characters(codec="utf-8"))
    | st.from_regex(r"\A\+?[0-9٠-٩]{0,16}\Z")
    | st.integers()
    | st.lists(st.text(st.characters(codec="utf-8")), max_size=3)
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), VALUES, min_size=1))
def test_a_form_is_quoted_as_the_standard_library_does(data) -> None:
    """Every text, number and list."""
    assert form(data) == urlencode(data, doseq=True).encode()


def test_nothing_is_no_body() -> None:
    """As with GET."""
    assert form({}) is None and form(None) is None and form([("a", "b")]) == b"a=b"


def test_nobody_who_answers_the_door_is_not_sent_and_a_silent_vendor_is_in_doubt() -> None:
    """A connection that never comes about took nothing along; a request without an answer may have."""
    with socket.socket() as full, socket.socket() as silent, contextlib.ExitStack() as held:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # the queue of the kernel is full: who comes now waits
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)

        async def ask(port: int) -> Exception:
            way = transport(0.5, 1)
            try:
                await way.request("POST", f"http://127.0.0.1:{port}/x", data={"To": "+1"}, auth=("a", "b"))
            except (NotSent, InDoubt) as error:
                return error
            finally:
                await way.close()
            raise AssertionError("answered")

        assert isinstance(asyncio.run(ask(full.getsockname()[1])), NotSent)
        assert isinstance(asyncio.run(ask(silent.getsockname()[1])), InDoubt)
