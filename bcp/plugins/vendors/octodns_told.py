"""What an exception of an octoDNS provider means. Providers raise whatever their HTTP or DNS library does; classes are
known by name, so that none of these libraries is imported for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from bcp.contracts.dns import SentState, Trouble
from bcp.kernel.errors import BcpError
from bcp.kernel.secret import redact
from bcp.kit.http import retry_after

REFUSED = "Give the credential the right to change these zones."
_SILENT = {"Timeout", "TimeoutError", "ReadTimeout"}
_UNREACHABLE = {"ConnectionError", "ConnectionRefusedError", "ConnectTimeout", "NewConnectionError", "gaierror"}
_NOT_SENT = {
    "ConnectTimeout",
    "ConnectionRefusedError",
    "NewConnectionError",
    "gaierror",
    "InvalidURL",
    "MissingSchema",
}
_KEY = {"PeerBadKey", "PeerBadSignature", "UnknownTSIGKey", "BadSignature"}
_CLOCK = {"PeerBadTime", "BadTime"}
_SAID_NO = {"Rfc2136ProviderUpdateFailed", "AxfrSourceZoneTransferFailed", "SupportsException", "ValidationError"}
"""The server answered, and its answer was no."""


_NO_SUCH_ANSWER = {"JSONDecodeError", "ExpatError", "ParseError"}
"""What answered was no answer of an interface: a page of somebody in between."""

_NOT_READ = {"RdataParseError", "RrParseError"}
"""A whole zone is read before one MX is changed, and octoDNS's own reader stumbled over a record of it."""
ELSEWHERE = "Look for a TXT record with odd characters, or use another kind: for this host, which reads the MX alone."


class Fault(NamedTuple):
    """An exception, in the words of the contract."""

    state: SentState
    trouble: Trouble
    code: str
    message: str
    hint: str = ""
    wait_s: float = 0.0


def fault_of(error: BaseException) -> Fault:
    """What it means for a read (``trouble``) and for a change (``state``). Unknown is lost, never *not sent*."""
    text = redact(f"{type(error).__name__}: {error}".split("\n")[0][:300])
    if isinstance(error, BcpError):
        return Fault(SentState.REFUSED, Trouble.ERROR, error.rule or "credential", error.message, error.hint)
    names = _names(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return _by_status(status, error, text)
    if names & _NO_SUCH_ANSWER:
        what = f"what answers is not the host's interface ({text})"
        return Fault(SentState.LOST, Trouble.SILENT, "server", what, "Is a proxy or a log-in page in between?")
    if names & _NOT_READ:
        what = f"octoDNS cannot read the zone: it does not take the form of one of its records ({text})"
        return Fault(SentState.LOST, Trouble.ERROR, "unreadable", what, ELSEWHERE)
    if names & _CLOCK:
        return Fault(SentState.REFUSED, Trouble.NOT_ALLOWED, "clock", text, "Set the clock: signatures carry the time.")
    if names & _KEY or any("Unauthorized" in n or "Forbidden" in n for n in names):
        return Fault(SentState.REFUSED, Trouble.NOT_ALLOWED, "permission", text, REFUSED)
    if names & _SAID_NO and not names & (_SILENT | _UNREACHABLE):
        return Fault(SentState.REFUSED, Trouble.ERROR, "refused", text, REFUSED)
    if names & _NOT_SENT:
        return Fault(SentState.NOT_SENT, Trouble.UNREACHABLE, "unreachable", f"the host cannot be reached ({text})")
    if names & _UNREACHABLE or isinstance(error, OSError):
        return Fault(SentState.LOST, Trouble.UNREACHABLE, "lost", f"the host broke off ({text})")
    trouble = Trouble.SILENT if names & _SILENT else Trouble.ERROR
    return Fault(SentState.LOST, trouble, "lost", text)


def _names(error: BaseException) -> set[str]:
    """Names of its class and of all above, and of what caused it."""
    return {c.__name__ for e in (error, error.__cause__, error.__context__) if e for c in type(e).__mro__}


def _by_status(status: int, error: Any, text: str) -> Fault:
    if status == 429:
        return Fault(SentState.THROTTLED, Trouble.SILENT, "throttled", text, "", _retry_after(error))
    if status in {401, 403}:
        return Fault(SentState.REFUSED, Trouble.NOT_ALLOWED, "permission", text, REFUSED)
    if 400 <= status < 500:
        return Fault(SentState.REFUSED, Trouble.ERROR, str(status), text)
    return Fault(SentState.LOST, Trouble.SILENT, "server", text)


def _retry_after(error: Any) -> float:
    """Seconds that the host asks for, an hour at most; 5 where it says nothing usable."""
    try:
        headers = {k.lower(): v for k, v in error.response.headers.items()}
        return min(3600.0, max(0.0, float(headers["retry-after"])))
    except ValueError:  # a date, perhaps
        wait = retry_after(headers)
        return 5.0 if wait is None else wait
    except (AttributeError, KeyError, TypeError):
        return 5.0
