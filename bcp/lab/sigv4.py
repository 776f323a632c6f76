"""AWS signature version 4, as the one who checks it (docs.aws.amazon.com/IAM, reference_sigv-create-signed-request)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

_AUTHORIZATION = re.compile(r"^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, *"
                            r"SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$")  # fmt: skip


class BadSignature(Exception):
    """AWS's code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def key_of(headers: Mapping[str, str]) -> str:
    """Whose signature it claims to be."""
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    if found is None:
        raise BadSignature("MissingAuthenticationToken", "Request is missing Authentication Token")
    return found.group(1)


def check(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, secret: str, region: str, now: float
) -> None:
    """Raises ``BadSignature``: another region, a time more than five minutes off, or another secret."""
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    assert found is not None
    _, day, scope, service, names, signature = found.groups()
    if scope != region:
        text = f"Credential should be scoped to a valid region, not '{scope}'. "
        raise BadSignature("SignatureDoesNotMatch", text)
    stamp = headers.get("X-Amz-Date", "")
    sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if abs(now - sent) > 300:
        here = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        early = "Signature expired" if sent < now else "Signature not yet current"
        raise BadSignature("SignatureDoesNotMatch", f"{early}: {stamp} is now compared with {here}")
    signed = "".join(f"{n}:{' '.join(headers.get(n, '').split())}\n" for n in names.split(";"))
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join(
        [method, quote(path, safe="/-_.~"), "&".join(f"{k}={v}" for k, v in pairs), signed, names,
         hashlib.sha256(body).hexdigest()]
    )  # fmt: skip
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            stamp,
            f"{day}/{scope}/{service}/aws4_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in (day, scope, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature):
        raise BadSignature("SignatureDoesNotMatch", "The request signature we calculated does not match yours.")
