"""What went wrong below HTTP, in words: libraries say it with the names of their classes and the lines of their source.
Pure."""

from __future__ import annotations

import re

BETWEEN = "is a proxy or a log-in page in between"
"""A question that stands where something other than the host answers."""
_SAID = (
    (
        r"CERTIFICATE_VERIFY_FAILED\W+certificate verify failed: (.+?)\.?\s*(?:\(_ssl|$)",
        "its certificate is not trusted ({})",
    ),
    (r"CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    (r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE", "it does not speak TLS there (http in place of https?)"),
    (r"Failed to resolve '([^']+)'", "the name {} cannot be resolved"),
    (r"Connection refused|Connect call failed|Errno 111\b", "nobody listens there"),
    (r"ServerDisconnectedError|Server disconnected|Remote end closed", "it closed the connection without an answer"),
    (r"Exceeded \d+ redirects|OIDC Discovery: 30\d", f"it sends us elsewhere; {BETWEEN}"),
    (r"Tunnel connection failed: 407|Proxy Authentication Required", "a proxy in between asks for a password"),
    (r"ClientPayloadError|ContentEncodingError", "its answer is cut short or cannot be unpacked"),
    (r"(?i)\b(?:read|connect|connection|handshake operation) time(?:d |-)?out", "it did not answer in time"),
    (r"(?i)connection reset|connection aborted|EOF occurred|UNEXPECTED_EOF", "it broke the connection off"),
    (r"(?i)network is unreachable|no route to host", "no way leads there from here"),
)
UNTRUSTED = "certificate is not trusted"
"""What stands in these words where TLS was refused for the certificate."""
OPENED = "Does a proxy in between open TLS, or does an authority of your own sign it? Nothing was sent."
"""What to do about that."""


def plain(text: str) -> str:
    """The same in a few words; empty where nothing is known of it."""
    for pattern, words in _SAID:
        if found := re.search(pattern, text):
            return words.format(*found.groups())
    return ""
