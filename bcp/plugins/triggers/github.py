"""``github``: GitHub's webhooks: a watch that runs as a workflow,
or an issue with a label (docs.github.com, webhooks)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of


class GitHubSettings(HookSettings):
    """A webhook of a repository, content type application/json, with a secret (`hmac`)."""

    kind: Literal["github"] = "github"
    """Which plug-in."""
    label: str = "outage"
    """An issue with this label is an outage."""
    workflow: str = ""
    """A workflow whose failure is an outage and whose success ends it. Empty: none."""


class GitHub(Hook[GitHubSettings]):
    """`X-Hub-Signature-256` over the raw body; `X-GitHub-Delivery` is the identity, also of a redelivery."""

    kind = "github"
    signature = "X-Hub-Signature-256"
    prefix = "sha256="
    Settings = GitHubSettings
    example: ClassVar[
        str
    ] = """Repository > Settings > Webhooks: http://127.0.0.1:8080/hooks/github, application/json, a secret
Events: Issues, Workflow runs"""

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. All other events, `ping` too, say nothing."""
        top = mapping(body, "the body")
        event, mark = received.headers.get("x-github-event", ""), received.headers.get("x-github-delivery", "")
        if event == "issues":
            return self._issue(top, mark)
        if event == "workflow_run" and self.settings.workflow:
            return self._workflow(top, mark)
        return []

    def _issue(self, top: Any, mark: str) -> list[Alert]:
        issue, action = mapping(top.get("issue"), "issue"), needed(top, "action")
        given = issue.get("labels")
        labels = {text_of(x.get("name")) for x in given if isinstance(x, dict)} if isinstance(given, list) else set()
        if self.settings.label not in labels or action not in {"opened", "reopened", "labeled", "closed"}:
            return []
        firing = text_of(issue.get("state")) == "open"
        number, title = needed(issue, "number"), text_of(issue.get("title")) or "issue"
        return [
            Alert(mark, f"issue {number}", firing, title, "", {"number": number}, text_of(issue.get("html_url"), 500))
        ]

    def _workflow(self, top: Any, mark: str) -> list[Alert]:
        run = mapping(top.get("workflow_run"), "workflow_run")
        ended = text_of(run.get("conclusion"))
        if text_of(run.get("name")) != self.settings.workflow or ended not in {"failure", "timed_out", "success"}:
            return []
        name = self.settings.workflow
        return [
            Alert(
                mark,
                f"workflow {name}",
                ended != "success",
                f"{name}: {ended}",
                "",
                {},
                text_of(run.get("html_url"), 500),
            )
        ]


PLUGIN = HookPlugin(api=1, settings=GitHubSettings, make=GitHub)
