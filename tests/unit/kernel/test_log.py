"""The log of a service: what libraries say of vendors stays out of it."""

from __future__ import annotations

import logging

import pytest

from bcp.kernel.log import CHATTY, set_up, set_up_json


@pytest.fixture
def quiet(capsys):
    """The root logger as it was, afterwards."""
    root = logging.getLogger()
    before, levels = root.handlers[:], {n: logging.getLogger(n).level for n in ("", "bcp", *CHATTY)}
    yield capsys
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("start", [set_up, set_up_json])
@pytest.mark.parametrize("name", ["urllib3.connection", "apprise", "httpx", "twilio.http_client"])
def test_no_library_writes_addresses_or_tracebacks(quiet, monkeypatch, start, name) -> None:
    """urllib3 warns with the whole URL, which is the secret of a webhook, and a traceback."""
    start(0)
    try:
        raise ValueError("no header")
    except ValueError:
        logging.getLogger(name).warning("Failed to parse headers (url=https://x.example/SECRET)", exc_info=True)
    logging.getLogger("bcp.test").warning("of ours")
    said = quiet.readouterr().err
    assert "SECRET" not in said and "Traceback" not in said and "of ours" in said
