"""What libraries say of a broken connection, in words that somebody understands."""

from __future__ import annotations

import pytest

from bcp.kit.wire_words import plain

TLS = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TLS}self-signed certificate (_ssl.c:1006)", "its certificate is not trusted (self-signed certificate)"),
        (
            f"SSL validation failed for https://h/x {TLS}unable to get local issuer certificate (_ssl.c:1)",
            "its certificate is not trusted (unable to get local issuer certificate)",
        ),
        (
            f"{TLS}Hostname mismatch, certificate is not valid for 'h'. (_ssl.c:1006)",
            "its certificate is not trusted (Hostname mismatch, certificate is not valid for 'h')",
        ),
        ("[SSL: CERTIFICATE_VERIFY_FAILED]", "its certificate is not trusted"),
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong version (_ssl.c:1)",
            "it does not speak TLS there (http in place of https?)",
        ),
        ("Connect call failed ('127.0.0.1', 1)", "nobody listens there"),
        (
            "HTTPSConnectionPool(host='h', port=443): Max retries exceeded (Caused by NameResolutionError(\"Failed to "
            "resolve 'oauth2.example' ([Errno -2] Name or service not known)\"))",
            "the name oauth2.example cannot be resolved",
        ),
        ("ServerDisconnectedError", "it closed the connection without an answer"),
        ("ClientPayloadError 400, message: Can not decode", "its answer is cut short or cannot be unpacked"),
        (
            "HTTPSConnectionPool(host='h', port=443): Read timed out. (read timeout=3.0)",
            "it did not answer in time",
        ),
        ('Connect timeout on endpoint URL: "https://h/x"', "it did not answer in time"),
        (
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
            "it broke the connection off",
        ),
        ("Failed to establish a new connection: [Errno 101] Network is unreachable", "no way leads there from here"),
        ("invalid_grant: Invalid JWT Signature.", ""),
        ("", ""),
    ],
)
def test_it_is_said_in_words(text, words) -> None:
    assert plain(text) == words
