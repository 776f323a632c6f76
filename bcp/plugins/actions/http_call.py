"""``http.call``: one HTTP request to another system."""

from __future__ import annotations

from typing import Literal

from bcp.contracts.action import Access, Action, ActionPlugin, Change, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.errors import Permanent, Transient


class HttpArgs(Args):
    """The request."""

    url: str
    """https://... ; redirects are not followed."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """Method. GET and HEAD are taken as harmless and repeated after a crash; others are not."""
    headers: dict[str, str] = {}
    """Headers. A value such as `env:TOKEN` or `Bearer env:TOKEN` is a secret by reference."""
    body: str = ""
    """Body, as text."""
    expect_status: list[int] = [200, 201, 202, 204]
    """Which answers are a success."""
    timeout: Duration = 10.0
    """For the whole request."""
    idempotency_header: str = ""
    """Header in which the receiver accepts an idempotency key.
    With it a request in doubt is sent again with the same key."""


class HttpCall(Action[HttpArgs]):
    """Sends one request. Without an idempotency header a lost answer is in doubt, and a person settles it."""

    kind = "http.call"
    access = Access.WRITE
    Args = HttpArgs
    outputs = {"status": "number", "body": "string"}

    async def plan(self, args: HttpArgs, services: Services, step: StepInfo) -> Proposal:
        """Show the request, without secrets."""
        return Proposal(
            changes=(Change(args.url.partition("?")[0], "", f"{args.method} request", "see undo of the step"),),
            facts={"method": args.method, "url": args.url},
            outputs={"status": 200, "body": ""},
        )

    async def perform(self, args: HttpArgs, services: Services, step: StepInfo) -> Outcome:
        """Send it."""
        headers = {k: _with_secrets(v, services) for k, v in args.headers.items()}
        if args.idempotency_header:
            headers[args.idempotency_header] = step.key
        found = await services.outside.http(
            args.method, args.url, headers=headers, body=args.body, timeout_s=args.timeout, cap=20_000
        )
        if found.status not in args.expect_status:
            kind = (
                Transient
                if found.status == 429 or (found.status >= 500 and args.method in {"GET", "HEAD"})
                else Permanent
            )
            raise kind(
                f"{args.method} {args.url.partition('?')[0]} answers {found.status}: {found.body[:200]}",
                hint="See the other system's log.",
            )
        return Outcome(f"{found.status}", {"status": found.status, "body": found.body[:4000]})

    async def probe(self, args: HttpArgs, services: Services, step: StepInfo) -> Finding:
        """Harmless or keyed requests may be sent again; others need a person."""
        if args.method in {"GET", "HEAD"} or args.idempotency_header:
            return Finding(Happened.NO, detail="it may be sent again")
        return Finding(
            Happened.UNKNOWN, detail=f"only the receiver of {args.method} {args.url.partition('?')[0]} knows"
        )


def _with_secrets(value: str, services: Services) -> str:
    head, _, tail = value.rpartition(" ")
    if tail.startswith(("env:", "file:", "keyring:")):
        return f"{head} {services.outside.reveal(tail)}".strip()
    return value


PLUGIN = ActionPlugin(api=1, make=HttpCall)
