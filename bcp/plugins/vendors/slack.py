"""slack_sdk with its retries off: one call is one request, with a deadline, and typed outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bcp.contracts.channel import Check, Choice, NotSent, RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.secret import Secret

MAX_TEXT = 10_000
"""Blocks fail near 13,200 characters in total although 40,000 are documented (slackapi/bolt-js issue 2509)."""


class SlackClient:
    """One bot, for one event loop."""

    def __init__(self, token: Secret, *, api_url: str, timeout_s: float) -> None:
        self._token, self._api_url, self._timeout_s = token, api_url, timeout_s
        self._client: Any = None
        self._session: Any = None

    def _open(self) -> Any:
        if self._client is None:
            import aiohttp
            from slack_sdk.web.async_client import AsyncWebClient  # 0.2 s of import

            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                response_class=_bounded(),
            )
            options: dict[str, Any] = {"base_url": self._api_url.rstrip("/") + "/api/"} if self._api_url else {}
            self._client = AsyncWebClient(
                token=self._token.reveal(),
                timeout=max(1, int(self._timeout_s)),
                session=self._session,
                retry_handlers=[],
                **options,
            )
        return self._client

    async def call(self, method: str, **arguments: Any) -> Any:
        """One call. Raises ``RateLimited``, ``NotSent``, ``Permanent`` or ``InDoubt``."""
        import aiohttp
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            answer = await getattr(self._open(), method)(**arguments)
            if answer.get("ok") is not True:  # the library takes anything that is not empty for a yes
                raise InDoubt("Slack's answer is neither yes nor no")
            return answer
        except SlackApiError as error:
            raise translate(error) from error
        except aiohttp.ClientConnectorError as error:
            raise NotSent("Slack cannot be reached", hint="Nothing was sent.") from error
        except (TimeoutError, aiohttp.ClientError, SlackClientError) as error:
            raise InDoubt(f"no usable answer from Slack ({type(error).__name__})") from error
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise InDoubt(
                "Slack's address answers, but not as Slack does", hint="Is a proxy or a guest network in between?"
            ) from error

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
        self._client = self._session = None


def ts_of(answer: Any) -> str:
    """The time stamp that names a message. Raises ``InDoubt`` where there is none: that is no yes."""
    found = answer.get("ts")
    if not isinstance(found, str) or not found:
        raise InDoubt("Slack's answer names no message", hint="Look in the channel, then `bcp settle`.")
    return found


def messages_of(answer: Any) -> list[Any]:
    """The messages of a history. Raises ``InDoubt`` where there is no list of them."""
    found = answer.get("messages")
    if not isinstance(found, list):
        raise InDoubt("Slack's answer holds no list of messages")
    return [m for m in found if isinstance(m, dict)]


MAX_BYTES = 8_000_000
"""Longest answer that is read: a page of a channel's history is a hundredth of it."""


def _bounded() -> Any:
    """An answer that is read to ``MAX_BYTES`` and no further: slack_sdk reads whatever comes, for as long as it comes.
    Our token goes nowhere else: slack_sdk would follow a redirect, and post a second time."""
    import aiohttp

    from bcp.kit.body import read_whole
    from bcp.kit.dates import Asked

    class Bounded(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> Bounded:
            asked = Asked(str(self.url))
            await super().start(connection)
            asked.answered(self.headers)
            if 300 <= self.status < 400:
                raise aiohttp.ClientError("it was redirected")
            return self

        async def read(self) -> bytes:
            if self._body is None:
                raw = await read_whole(self.content, MAX_BYTES + 1)
                if len(raw) > MAX_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"the answer is longer than {MAX_BYTES} bytes")
                self._body = raw
            return self._body

    return Bounded


async def check_bot(client: SlackClient, name: str, needed: Sequence[str]) -> list[Check]:
    """``auth.test``: the token, and the scopes that Slack names in the answer's header."""
    try:
        answer = await client.call("auth_test")
    except (Permanent, NotSent, RateLimited, InDoubt) as error:
        return [Check(name, "fail", f"Slack: {error.message}", error.hint or "Check the token.")]
    out = [Check(name, "ok", f"Slack workspace {answer.get('team')} as {answer.get('user')}")]
    headers = {str(k).lower(): str(v) for k, v in dict(getattr(answer, "headers", None) or {}).items()}
    if "x-oauth-scopes" in headers:
        have = {s.strip() for s in headers["x-oauth-scopes"].split(",")}
        missing = [n for n in needed if not have & set(n.split("|"))]
        if missing:
            out.append(
                Check(name, "fail", f"the bot lacks {', '.join(missing)}", "Add the scopes and install the app again.")
            )
    return out


def blocks_of(text: str) -> list[dict[str, Any]]:
    """Block Kit sections of 2,900 characters; ``text`` beside them is the notification and the fall-back."""
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text[i : i + 2900]}} for i in range(0, len(text), 2900)
    ]


def buttons_of(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """A row of buttons (Block Kit, actions block); none without choices."""
    elements = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": c.label},
            "action_id": f"bcp-answer-{i}",
            "value": c.value,
            "style": "primary" if c.good else "danger",
        }
        for i, c in enumerate(choices)
    ]
    return [{"type": "actions", "block_id": "bcp-answer", "elements": elements}] if elements else []


def metadata_of(key: str) -> dict[str, Any]:
    """Our key, so that a lost answer can be looked up."""
    return {"event_type": "bcp_message", "event_payload": {"key": key}}


def key_of(message: Any) -> str:
    """Our key in a message of the history; empty without one."""
    found: Any = message
    for part in ("metadata", "event_payload", "key"):
        found = found.get(part) if isinstance(found, dict) else None
    return str(found or "")


def translate(error: Any) -> Permanent | RateLimited | InDoubt:
    """Slack's errors, by what to do about them."""
    from bcp.kit.http import retry_after

    status, data = getattr(error.response, "status_code", 0), getattr(error.response, "data", None)
    said = data.get("error") if isinstance(data, dict) else None
    name = said if isinstance(said, str) else ""
    if status == 429 or name == "ratelimited":
        headers = {str(k).lower(): str(v) for k, v in dict(error.response.headers or {}).items()}
        return RateLimited("Slack asks to slow down", retry_after_s=retry_after(headers))
    if status < 300 and not (name and isinstance(data, dict) and data.get("ok") is False):
        return InDoubt("Slack's answer is neither yes nor no")  # the library takes what is no yes for a no
    if status >= 500 or name in {"internal_error", "fatal_error", "request_timeout", "service_unavailable"}:
        return InDoubt(f"Slack answers {name or status}")
    hints = {
        "not_in_channel": "Invite the bot to the channel.",
        "channel_not_found": "Use the channel's id, and invite the bot.",
        "invalid_auth": "Check the token.",
        "token_revoked": "Make a new token.",
        "missing_scope": "Give the bot the scope.",
        "is_archived": "Choose another channel.",
    }
    return Permanent(
        f"Slack refuses it: {name or status}", hint=hints.get(name, "See Slack's list of errors for this method.")
    )
