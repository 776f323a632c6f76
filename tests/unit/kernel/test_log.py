"""The log of a service: what libraries say of vendors stays out of it."""

from __future__ import annotations

import logging

import pytest

from bcp.kernel.log import CHATTY, set_up, set_up_json
from bcp.kernel.secret import Secret


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


@pytest.mark.parametrize("start", [set_up, set_up_json])
def test_a_secret_that_was_read_is_in_no_line_and_no_traceback(quiet, monkeypatch, start) -> None:
    monkeypatch.setattr("bcp.kernel.secret._known", {})
    monkeypatch.setenv("TOKEN", "hunter22-hunter22")
    value = Secret("env:TOKEN").reveal()
    start(2)
    try:
        raise ValueError(f"no such key {value}")
    except ValueError:
        logging.getLogger("bcp.test").warning("refused: %s", value, exc_info=True)
    said = quiet.readouterr().err
    assert value not in said and "refused" in said and "no such key" in said
