"""Route 53's calls by botocore's parts, without its client: what one switch needs, and nothing else of it.

A client of botocore costs a third of the CPU of a whole switch: it reads the endpoints of all services and makes
classes, hooks, retries and documentation that are not used here. Requests, signatures, answers and errors are
botocore's own all the same (``serialize``, ``auth``, ``httpsession``, ``parsers``), and the exceptions are those that
its client would raise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from typing import Any, NamedTuple

SERVICE = "route53"
BATCH = "InvalidChangeBatch"
"""A batch that was refused whole, for its content."""
OWN = frozenset(
    {
        "AWS_CONFIG_FILE",
        "AWS_DATA_PATH",
        "AWS_DEFAULT_PROFILE",
        "AWS_PROFILE",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
    }
)
"""Variables by which AWS's tools are told where and how to call."""
OPERATIONS = {
    "list_hosted_zones_by_name": "ListHostedZonesByName",
    "get_hosted_zone": "GetHostedZone",
    "list_resource_record_sets": "ListResourceRecordSets",
    "change_resource_record_sets": "ChangeResourceRecordSets",
    "get_change": "GetChange",
}

_MESSAGE = re.compile(r"<(?:[\w.-]+:)?Message>([^<]*)<")


class Keys(NamedTuple):
    """An access key, as the signer reads it."""

    access_key: str
    secret_key: str
    token: str | None = None


def told_otherwise() -> bool:
    """Do AWS's own files or variables say how calls are made? Then only its client knows all that they may say."""
    given = os.environ  # noqa: TID251 - AWS's own variables, not settings of ours
    named = any(n in OWN or n.startswith("AWS_ENDPOINT_URL") for n, v in given.items() if v)
    return named or os.path.exists(os.path.expanduser("~/.aws/config"))


def trust() -> str | bool:
    """Certificates (a file or a folder) that the environment names for AWS's tools; else botocore's own."""
    given = os.environ  # noqa: TID251 - AWS's own variables, not settings of ours
    return given.get("AWS_CA_BUNDLE") or given.get("REQUESTS_CA_BUNDLE") or True


class Wire:
    """One key at one endpoint. Raises what botocore's client would."""

    def __init__(self, keys: Keys, region: str, endpoint_url: str, timeout_s: float) -> None:
        from botocore.httpsession import URLLib3Session  # an extra
        from botocore.parsers import create_parser
        from botocore.serialize import create_serializer

        self._keys = keys
        self._model = _model()
        self._serializer = create_serializer("rest-xml")
        self._parser = create_parser("rest-xml")
        self.url, self._region = (endpoint_url, region) if endpoint_url else _place(region)
        self._http = URLLib3Session(verify=trust(), proxies={}, timeout=(timeout_s, timeout_s))

    def call(self, operation: str, **given: Any) -> Mapping[str, Any]:
        """One call, sent once."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import create_request_object, prepare_request_dict
        from botocore.exceptions import ClientError

        model = self._model.operation_model(OPERATIONS[operation])
        made = self._serializer.serialize_to_request(given, model)
        prepare_request_dict(made, self.url, user_agent="bcp")
        request = create_request_object(made)
        SigV4Auth(self._keys, SERVICE, self._region).add_auth(request)
        answer = self._http.send(request.prepare())
        raw = {"headers": answer.headers, "status_code": answer.status_code, "body": answer.content}
        told: dict[str, Any] = self._parser.parse(raw, model.output_shape)
        if answer.status_code >= 300:
            raise ClientError(with_words(told, answer.content), model.name)
        return told

    def close(self) -> None:
        """Let connections go."""
        self._http.close()


def with_words(told: dict[str, Any], body: bytes) -> dict[str, Any]:
    """An error with every message of a batch that was refused.

    Route 53's older form of it (``InvalidChangeBatch`` with ``Messages``) has no code, and of several messages
    botocore's parser keeps none.
    """
    if "Messages" not in told:
        return told
    words = _MESSAGE.findall(body.decode("utf-8", "replace"))
    return {**told, "Messages": {"Message": [unescape(w) for w in words]}}


@cache
def _model() -> Any:
    """The operations as AWS describes them: read once, whatever number of clients there is."""
    from botocore.loaders import create_loader
    from botocore.model import ServiceModel

    return ServiceModel(create_loader().load_service_model(SERVICE, "service-2"), service_name=SERVICE)


@cache
def _place(region: str) -> tuple[str, str]:
    from botocore.loaders import create_loader

    return _endpoint(create_loader(), region)


def _endpoint(loader: Any, region: str) -> tuple[str, str]:
    """Where Route 53 is for this region's part of the world (China, government), and the region of its signature."""
    from botocore.endpoint_provider import EndpointProvider

    rules = loader.load_service_model(SERVICE, "endpoint-rule-set-1")
    provider = EndpointProvider(rules, loader.load_data("partitions"))
    found = provider.resolve_endpoint(Region=region, UseDualStack=False, UseFIPS=False)
    schemes = found.properties.get("authSchemes") or [{}]
    return str(found.url), str(schemes[0].get("signingRegion") or region)
