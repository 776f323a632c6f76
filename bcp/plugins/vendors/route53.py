"""Amazon Route 53 by botocore: one attempt a call, in a thread, every end typed.

With keys in hand by botocore's parts (``route53_wire``), else by its client, which knows AWS's own files and chain.

Sources: docs.aws.amazon.com/Route53/latest/APIReference (actions, CommonErrors) and the DeveloperGuide, DNSLimitations.
botocore is loaded when the first call is made (extra ``route53``).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bcp.contracts.dns import SentState
from bcp.kernel.secret import Secret
from bcp.kernel.units import format_duration
from bcp.kit.dates import Asked
from bcp.kit.http import retry_after
from bcp.kit.wire_words import OPENED
from bcp.plugins.vendors.hosted import Fault, in_words, key_of, not_of, of_ours, untrusted
from bcp.plugins.vendors.in_thread import in_thread
from bcp.plugins.vendors.route53_wire import BATCH, SERVICE, Keys, Wire, told_otherwise, with_words

SERVICE_EVENTS = "route-53"
"""The service's name in botocore's events."""
START_S = 30.0
"""For loading botocore and finding a credential (instance metadata is asked over the network)."""
WAIT_S = 2.0
"""Pause before one asks again, where AWS names none."""
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes of *not now* (botocore's own list of them, without those of other services)."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
UNKNOWN_KEY = frozenset(
    {
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "MissingAuthenticationToken",
        "IncompleteSignature",
        "OptInRequired",
    }
)
_TIME = re.compile(r"\b\d{8}T\d{6}Z")
_URL, _ARN = re.compile(r"(https?://[^/\s\"']+)[^\s\"']*"), re.compile(r" on resource: \S+")
"""What is another for each domain in words that are the same for all: they are to be one reason."""
CLOCK = frozenset({"RequestExpired", "RequestTimeTooSkewed"})


@dataclass(frozen=True, slots=True)
class Access:
    """How the account is reached. Without keys and profile: AWS's own chain (environment, files, SSO, web identity,
    container, instance)."""

    region: str = "us-east-1"
    endpoint_url: str = ""
    profile: str = ""
    key_id: Secret | None = None
    key: Secret | None = None
    session_token: Secret | None = None


class Route53:
    """One account. The client is made when it is first needed."""

    def __init__(self, access: Access, timeout_s: float) -> None:
        self.access, self.timeout_s = access, timeout_s
        self._client: Any = None
        self._credentials: Any = None
        self._lock = threading.Lock()

    async def call(self, operation: str, **given: Any) -> Mapping[str, Any]:
        """One call, sent once. Raises ``Fault``."""
        made = await self._ready()

        def work() -> Mapping[str, Any]:
            if isinstance(made, Wire):
                return made.call(operation, **given)
            found: Mapping[str, Any] = getattr(made, operation)(**given)
            return found

        asked = Asked(made.url if isinstance(made, Wire) else made.meta.endpoint_url)
        try:
            found = await in_thread(work, self.timeout_s * 2)
        except TimeoutError as error:
            text = f"Route 53 did not answer in {self.timeout_s * 2:g} s"
            raise Fault(SentState.LOST, "silent", text) from error
        except Exception as error:  # of botocore, or of what it made of a wrong answer
            asked.answered(_dated(getattr(error, "response", None)))
            raise (of_ours(error) or fault_of(error)) from error
        asked.answered(_dated(found))
        return found

    async def ends(self) -> float | None:
        """When the credential ends, where it says so (roles, SSO, web identity); ``None``: never, or not known."""
        await self._ready()
        until = getattr(self._credentials, "_expiry_time", None)  # botocore has no public name for it
        return float(until.timestamp()) if until is not None else None

    async def _ready(self) -> Any:
        if self._client is None:
            try:
                await in_thread(self._make, START_S)
            except Fault:
                raise
            except Exception as error:  # of botocore: profiles, metadata, files
                raise (of_ours(error) or fault_of(error)) from error
        return self._client

    def _make(self) -> None:
        """In a thread: imports, and look-ups in files and over the network."""
        with self._lock:
            if self._client is not None:
                return
            try:
                self._client = self._wire() or self._full()
            except ImportError as error:
                text = "the DNS back end 'route53' needs the extra 'route53'"
                raise Fault(SentState.REFUSED, "extra", text, "pip install 'bcp-mail[route53]'.") from error

    def _wire(self) -> Wire | None:
        """Without botocore's client, where keys are all that is to be known; ``None``: they are not."""
        access = self.access
        if access.key_id is None or access.key is None or access.profile or told_otherwise():
            return None
        return Wire(Keys(*_keys(access)), access.region, access.endpoint_url, self.timeout_s)

    def _full(self) -> Any:
        import botocore.session  # an extra
        from botocore.config import Config

        access = self.access
        session = botocore.session.Session(profile=access.profile or None)
        if access.key_id is not None and access.key is not None:
            session.set_credentials(*_keys(access))
        self._credentials = session.get_credentials()
        if self._credentials is None:
            raise no_credential("no AWS credential was found in settings, environment, files or instance metadata")
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=self.timeout_s,
            read_timeout=self.timeout_s,
            proxies={},
            user_agent_extra="bcp",
        )
        client = session.create_client(
            SERVICE, region_name=access.region, endpoint_url=access.endpoint_url or None, config=config
        )
        client.meta.events.register(f"after-call.{SERVICE_EVENTS}", _keep_words)
        return client

    def close(self) -> None:
        """Let connections go."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _keys(access: Access) -> tuple[str, str, str | None]:
    """Access key, its secret, session token. Raises ``Fault`` where one cannot be what it should be."""
    assert access.key_id is not None and access.key is not None  # noqa: PT018 - of the same settings
    token = key_of(access.session_token, "the AWS session token") if access.session_token else None
    key_id, key = key_of(access.key_id, "the id of the AWS access key"), key_of(access.key, "the AWS secret access key")
    return key_id, key, token


def _keep_words(http_response: Any, parsed: dict[str, Any], **_: object) -> None:
    """What botocore's parser loses of an answer is put back before its client raises it."""
    parsed.update(with_words(parsed, http_response.content))


def no_credential(text: str) -> Fault:
    """Nothing was sent, because there is nothing to sign with."""
    hint = "Set access_key_id: and secret_access_key:, profile:, or give this machine a role."
    return Fault(SentState.REFUSED, "credential", text, hint)


def fault_of(error: Exception) -> Fault:
    """What an exception of botocore means. Pure."""
    from botocore import exceptions as aws  # whoever gets here has it loaded

    if isinstance(error, aws.ClientError):
        return _told(error.response)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound)):
        return no_credential(f"AWS credential: {_words(error)}")
    tokens = (aws.CredentialRetrievalError, aws.TokenRetrievalError, aws.SSOError, aws.MetadataRetrievalError)
    if isinstance(error, tokens):
        return no_credential(f"the AWS credential cannot be had: {_words(error)}")
    away = (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError, aws.SSLError)
    if isinstance(error, away):
        why = in_words(_URL.sub(r"\1", str(error)))
        hint = OPENED if untrusted(why) else "Check the network and endpoint_url:; nothing was sent."
        return Fault(SentState.NOT_SENT, "unreachable", f"Route 53 cannot be reached: {why}", hint)
    if isinstance(error, (aws.ParamValidationError, aws.InvalidRegionError)) or type(error) is ValueError:
        return Fault(SentState.REFUSED, "invalid", f"this cannot be said to Route 53: {_words(error)}")
    if isinstance(error, (aws.ReadTimeoutError, aws.ConnectionClosedError)):
        return Fault(SentState.LOST, "silent", f"Route 53 broke off: {_words(error)}")
    return not_route53(type(error).__name__)


def not_route53(what: object) -> Fault:
    """An answer that is none of Route 53."""
    return not_of("Route 53", what, "endpoint_url:.")


def _words(error: Exception) -> str:
    return " ".join(_URL.sub(r"\1", str(error)).split())[:300]


def _told(response: Mapping[str, Any]) -> Fault:
    """What an error answer means."""
    code, message = _code(response)
    meta = response.get("ResponseMetadata")
    status = meta.get("HTTPStatusCode", 0) if isinstance(meta, Mapping) else 0
    if code in THROTTLED or status == 429:
        text = (
            "Route 53 still works on the change before"
            if code == "PriorRequestNotComplete"
            else "Route 53 asks us to slow down"
        )
        wait = retry_after(_headers(meta))
        return Fault(SentState.THROTTLED, "throttled", text, wait_s=WAIT_S if wait is None else wait)
    if not code or code.isdigit():
        return not_route53(status)
    if (fault := _credential(code, message, _headers(meta).get("date", ""))) is not None:
        return fault
    if status >= 500:
        return Fault(SentState.LOST, "server", f"Route 53 failed ({status} {code}): {message}")
    if code == "NoSuchHostedZone":
        return Fault(
            SentState.REFUSED, "zone", f"Route 53 has no such zone: {message}", "Check zone_ids: and the account."
        )
    return Fault(SentState.REFUSED, code if code == BATCH else "server", f"Route 53 refuses: {message} ({code})")


def _dated(response: object) -> dict[str, str]:
    return _headers(response.get("ResponseMetadata")) if isinstance(response, Mapping) else {}


def _headers(meta: object) -> dict[str, str]:
    """Headers of an answer, by lower-case names."""
    found = meta.get("HTTPHeaders") if isinstance(meta, Mapping) else None
    return {str(k).lower(): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}


def _credential(code: str, message: str, date: str) -> Fault | None:
    """Errors about who we are. ``date`` is that of the answer: the vendor's clock."""
    if code in DENIED:
        hint = "Attach the policy that `bcp dns policy` prints to this user or role."
        return Fault(SentState.REFUSED, "permission", f"AWS does not allow it: {_ARN.sub('', message)}", hint)
    if code in EXPIRED:
        hint = "Log in again, or use a credential that renews itself (a role)."
        return Fault(SentState.REFUSED, "credential", f"the AWS credential has ended ({code})", hint)
    skewed = "Signature expired" in message or "not yet current" in message
    if code in CLOCK or (code == "SignatureDoesNotMatch" and skewed):
        hint = "Set this machine's clock (NTP)."
        return Fault(SentState.REFUSED, "clock", f"this machine's clock {_skew(message, date)}: {message}", hint)
    if code in {"SignatureDoesNotMatch", "InvalidSignatureException"}:
        if "region" in message:
            hint = "Set region: as AWS says (us-east-1, for China cn-northwest-1)."
            return Fault(SentState.REFUSED, "credential", f"AWS refuses the region of the signature: {message}", hint)
        return Fault(SentState.REFUSED, "credential", "AWS refuses the signature", "Check the secret access key.")
    if code in UNKNOWN_KEY:
        hint = "Make a new one, or check which profile or environment it comes from."
        return Fault(SentState.REFUSED, "credential", f"AWS does not know the access key ({code})", hint)
    return None


def _skew(message: str, date: str) -> str:
    """How far off our clock is, from the times that AWS names: first ours, at the end its own. Where it names none, the
    date of its answer is said."""
    times = [datetime.strptime(t, "%Y%m%dT%H%M%SZ").timestamp() for t in _TIME.findall(message)]
    if len(times) < 2 or times[0] == times[-1]:
        return f"is not AWS's ({date} there)" if date else "is not AWS's"
    off = times[0] - times[-1]
    return f"is {format_duration(abs(off))} {'ahead of' if off > 0 else 'behind'} AWS's"


def _code(response: Mapping[str, Any]) -> tuple[str, str]:
    """Code and words. An older form is a document of messages, to which botocore gives no code."""
    error = response.get("Error")
    found = error if isinstance(error, Mapping) else {}
    code, message = str(found.get("Code") or ""), " ".join(str(found.get("Message") or "").split())[:400]
    if "Messages" not in response or code not in {"", BATCH}:
        return code, message
    messages = response["Messages"]
    if isinstance(messages, Mapping):
        messages = messages.get("Message")
    texts = messages if isinstance(messages, list) else [messages or message]
    return BATCH, " ".join(" ".join(map(str, texts)).split())[:400]
