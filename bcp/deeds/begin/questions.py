"""What is asked for a first configuration, in order. Pure: each question is data, each check a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bcp.deeds.begin import checks
from bcp.deeds.begin.checks import Answers, Check

CHANNELS = ("twilio", "slack", "teams", "email", "status-page")
"""Ways to reach people that are asked for. More of them: the reference of the configuration."""
MAX_PEOPLE = 20


def _always(answers: Answers) -> bool:
    return True


def _nothing(answers: Answers) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. An empty answer takes ``default``; where that is empty too, nothing is kept (or, if ``needed``, it
    is asked again)."""

    key: str
    """Its name in files of answers."""
    ask: str
    check: Check
    why: str = ""
    default: Callable[[Answers], str] = _nothing
    when: Callable[[Answers], bool] = _always
    needed: bool = False
    many: bool = False
    """Asked again and again, until the answer is empty."""
    silent: bool = False
    """Never asked; it may stand in a file of answers. For networks that are not like others, and for tests."""


def _has(channel: str) -> Callable[[Answers], bool]:
    return lambda a: channel in a.get("channels", ())


def _moves(answers: Answers) -> bool:
    return bool(answers.get("relay"))


def back_ends(answers: Answers) -> list[str]:
    """The kinds of DNS hosts that were answered: one, or several with commas."""
    return str(answers.get("dns") or "").split(", ")


def _at(kind: str) -> Callable[[Answers], bool]:
    return lambda a: _moves(a) and kind in back_ends(a)


def _name(answers: Answers) -> str:
    first: str = answers["domains"][0].partition(".")[0]
    try:
        return first.encode("ascii").decode("idna").capitalize()
    except UnicodeError:
        return first.capitalize()


def _secret(name: str) -> Callable[[Answers], str]:
    return lambda a: f"env:{name}"


def _fixed(value: str) -> Callable[[Answers], str]:
    return lambda a: value


def questions(kinds: tuple[str, ...], zone: str = "UTC") -> tuple[Question, ...]:
    """All of them. ``kinds``: DNS back ends that there are; ``zone``: the time zone of this machine."""
    return (*_ourselves(zone), *_mail(kinds), *_channels(), *_people())


def _ourselves(zone: str) -> Iterator[Question]:
    q = Question
    yield q(
        "domains", "Your mail domains, the most important first", checks.domains, "such as: corp.example", needed=True
    )
    yield q("name", "Your organisation, as your people call it", checks.text, default=_name)
    yield q("timezone", "Time zone in which your people read times", checks.zone, default=_fixed(zone))
    yield q("hotline", "Number that people can call when in doubt", checks.phone, "empty: none")
    yield q("resolvers", "Resolvers", checks.endpoints, silent=True)
    yield q("authoritative", "Authoritative servers", checks.endpoints, silent=True)


def _mail(kinds: tuple[str, ...]) -> Iterator[Question]:
    q, why = Question, "a host outside of Microsoft that takes mail for you; empty: MX is never moved, we look and talk"
    yield q("relay", "Host name of your backup relay", checks.host, why)
    yield q("relay_address", "Address of the relay", checks.endpoint, silent=True, when=_moves)
    yield q(
        "dns",
        "Where your zone is kept",
        checks.one_or_more(*kinds),
        f"some of: {', '.join(kinds)}; rfc2136: a server of your own; manual: no interface, a person enters records",
        default=lambda a: str(a.get("found_dns", "manual")),
        when=_moves,
    )
    at = _at("rfc2136")
    yield q("dns_server", "Address of the primary that takes updates", checks.endpoint, needed=True, when=at)
    yield q("tsig_key", "Name of its TSIG key", checks.key_name, default=_fixed("bcp"), when=at)
    yield q("tsig_secret", "Where the key's secret is", checks.secret, default=_secret("BCP_TSIG_SECRET"), when=at)
    at, token = _at("cloudflare"), _secret("CLOUDFLARE_API_TOKEN")
    yield q("cloudflare_token", "Where the API token is", checks.secret, "Zone: DNS: Edit", default=token, when=at)
    yield q("cloudflare_api", "Address of the API", checks.url, silent=True, when=at)
    yield from (*_route53(), *_azure(), *_google(), *_octodns())
    at = _at("manual")
    yield q(
        "registrar", "Whose form records are entered in", checks.text, "such as: IONOS", default=_registrar, when=at
    )
    yield q("registrar_url", "Address of that form", checks.url, "empty: they know it", when=at)
    yield q("canary", "A mailbox of yours that may get test mails", checks.mailbox, "it must exist; empty: none yet")
    yield q("known", "Other mailboxes that exist", checks.mailboxes, "asked for, and sent nothing; empty: none")
    yield q("smtp_port", "Port of mail hosts", checks.port, silent=True)


def _route53() -> Iterator[Question]:
    q, at = Question, _at("route53")
    by = _by("aws_by", at)
    why = "keys: an access key by reference; profile: of AWS's own files; machine: a role, SSO or the environment"
    ways = checks.one_of("keys", "profile", "machine")
    yield q("aws_by", "How AWS knows us", ways, why, default=_fixed("keys"), when=at)
    key, secret = _secret("AWS_ACCESS_KEY_ID"), _secret("AWS_SECRET_ACCESS_KEY")
    yield q("aws_key_id", "Where the access key id is", checks.secret, default=key, when=by("keys"))
    yield q("aws_key", "Where its secret is", checks.secret, default=secret, when=by("keys"))
    yield q("aws_profile", "Name of the profile", checks.key_name, needed=True, when=by("profile"))
    yield q("aws_api", "Address of Route 53's API", checks.url, silent=True, when=at)


def _azure() -> Iterator[Question]:
    q, at = Question, _at("azure")
    by = _by("azure_by", at)
    yield q("azure_subscription", "Id of the subscription", checks.uuid, needed=True, when=at)
    yield q("azure_group", "Resource group of the zones", checks.group, "empty: all are looked through", when=at)
    why = "secret, certificate: of an application; managed: this machine's own; workload: Kubernetes"
    ways = checks.one_of("secret", "certificate", "managed", "workload")
    yield q("azure_by", "How Entra knows us", ways, why, default=_fixed("secret"), when=at)
    app = by("secret", "certificate")
    yield q("azure_tenant", "Id of the tenant", checks.key_name, needed=True, when=app)
    yield q("azure_client", "Id of the application (client)", checks.key_name, needed=True, when=app)
    secret = _secret("AZURE_CLIENT_SECRET")
    yield q("azure_secret", "Where its secret is", checks.secret, default=secret, when=by("secret"))
    yield q("azure_certificate", "File with certificate and key", checks.text, needed=True, when=by("certificate"))
    yield q("azure_api", "Address of Azure's API", checks.url, silent=True, when=at)
    yield q("azure_signin", "Address of the sign-in", checks.url, silent=True, when=at)
    yield q("azure_ca", "Certificates of a private authority", checks.text, silent=True, when=at)


def _google() -> Iterator[Question]:
    q, at = Question, _at("google")
    by = _by("google_by", at)
    yield q("google_project", "Id of the project", checks.project, needed=True, when=at)
    why = "key: of a service account, by reference; machine: its own account, or the environment"
    yield q("google_by", "How Google knows us", checks.one_of("key", "machine"), why, default=_fixed("key"), when=at)
    key = _fixed("file:secrets/google.json")
    yield q("google_key", "Where the key (JSON) is", checks.secret, default=key, when=by("key"))
    yield q("google_api", "Address of Cloud DNS' API", checks.url, silent=True, when=at)
    yield q("google_metadata", "Metadata server with its port", checks.endpoint, silent=True, when=at)


def _octodns() -> Iterator[Question]:
    q, at, why = Question, _at("octodns"), "class: of your octoDNS file, such as octodns_powerdns.PowerDnsProvider"
    yield q("octodns_class", "Which octoDNS provider", checks.class_path, why, needed=True, when=at)
    why = "name=value with blanks between, secrets by reference: host=192.0.2.53 api_key=env:POWERDNS_API_KEY"
    yield q("octodns_arguments", "What its section holds beside class:", checks.arguments, why, when=at)


def _by(key: str, at: Callable[[Answers], bool]) -> Callable[..., Callable[[Answers], bool]]:
    """Asked where one of these ways was chosen."""
    return lambda *ways: lambda a: at(a) and a.get(key) in ways


def _registrar(answers: Answers) -> str:
    return str(answers.get("found_host", ""))


def _channels() -> Iterator[Question]:
    q, why = Question, f"some of: {', '.join(CHANNELS)}; twilio: text messages and calls"
    yield q(
        "channels",
        "How you reach people when mail is down",
        checks.some_of(*CHANNELS),
        why,
        default=_fixed("status-page"),
    )
    on = _has("twilio")
    account = _secret("TWILIO_ACCOUNT_SID")
    yield q("twilio_account", "Where Twilio's account SID is", checks.secret, default=account, when=on)
    yield q("twilio_token", "Where its auth token is", checks.secret, default=_secret("TWILIO_AUTH_TOKEN"), when=on)
    yield q("twilio_from", "The number that texts come from", checks.phone, "with country code", needed=True, when=on)
    yield q("twilio_api", "Address of Twilio's API", checks.url, silent=True, when=on)
    on = _has("slack")
    yield q("slack_token", "Where the bot token is", checks.secret, default=_secret("SLACK_BOT_TOKEN"), when=on)
    yield q("slack_channel", "Id of the Slack channel", checks.slack_channel, needed=True, when=on)
    yield q("slack_api", "Address of Slack's API", checks.url, silent=True, when=on)
    on = _has("teams")
    yield q("teams_url", "Where the workflow's URL is", checks.secret, default=_secret("TEAMS_WORKFLOW_URL"), when=on)
    on = _has("email")
    why = "not at Microsoft"
    yield q("email_host", "Host that takes our e-mail", checks.host, why, default=_relay, needed=True, when=on)
    yield q("email_port", "Its port", checks.port, silent=True, when=on)
    yield q("email_from", "Address we write from", checks.sender, needed=True, when=on)
    on = _has("status-page")
    yield q("page_folder", "Folder for the status page", checks.text, default=_fixed("public"), when=on)
    yield q("page_url", "Where people read it", checks.page, "not at Microsoft; empty: not yet known", when=on)


def _relay(answers: Answers) -> str:
    return str(answers.get("relay", ""))


def _people() -> Iterator[Question]:
    yield Question(
        "people",
        "Who decides at night",
        checks.person,
        "Name, mobile, private e-mail; you first, then who approves what you start; empty: that is all",
        many=True,
    )


def waiting(asked: tuple[Question, ...], answers: Mapping[str, Any]) -> Iterator[Question]:
    """Questions that are not answered yet and that these answers call for, in order. ``silent`` ones are left out."""
    for q in asked:
        if not q.silent and q.key not in answers and q.when(answers):
            yield q


def taken(question: Question, given: Any, answers: Mapping[str, Any]) -> Any:
    """The value of an answer as typed, or as a file of answers has it (a list, a mapping, a number).

    Raises:
        ValueError: what is wrong, in words.
    """
    if question.many:
        rows = given if isinstance(given, list) else [given]
        if len(rows) > MAX_PEOPLE:
            raise ValueError(f"{MAX_PEOPLE} are enough here; more in contacts.csv")
        found = [question.check(_line(r), answers) for r in rows if r]
        if wrong := checks.twice([*answers.get(so_far(question), ()), *found]):
            raise ValueError(wrong)
        return found
    line = _line(given).strip() or question.default(answers)
    if not line and question.needed:
        raise ValueError("this is needed")
    return question.check(line, answers) if line else ""


def so_far(question: Question) -> str:
    """Where the answers to a question that is asked again and again are kept until the last one."""
    return f"{question.key}_so_far"


def before(asked: tuple[Question, ...], answers: Mapping[str, Any], this: Question) -> Question | None:
    """The question that was answered before this one; ``None``: this is the first."""
    done = [q for q in asked[: asked.index(this)] if not q.silent and q.key in answers and q.when(answers)]
    return done[-1] if done else None


def _line(given: Any) -> str:
    """What a person would have typed."""
    if isinstance(given, dict):
        return ", ".join(str(v) for k in ("name", "phone", "email") if (v := given.get(k)))
    if isinstance(given, (list, tuple)):
        return ", ".join(str(g) for g in given)
    return "" if given is None else str(given)
