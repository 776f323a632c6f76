"""``route53``: Amazon Route 53. One batch deletes the set exactly as it was read, TTL included, and makes the new one.

All or nothing, and refused when anything else stands there: a full compare-and-swap. UPSERT is never sent, and the
policy does not allow it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.route53_host import Route53Dns

PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""Beginnings of regions outside AWS's own partition, and what stands in an ARN there."""
POLICY_CAP = 6_144
"""Characters of a managed policy, blanks not counted (AWS, IAM quotas)."""


class Route53Settings(DnsSettings):
    """A zone at Amazon Route 53, and a credential that may change its MX and nothing else."""

    kind: Literal["route53"] = "route53"
    """Which plug-in."""
    access_key_id: Secret | None = None
    """Access key, by reference. Without keys and `profile`: AWS's chain (environment, files, SSO, roles, instance)."""
    secret_access_key: Secret | None = None
    """Its secret, by reference."""
    session_token: Secret | None = None
    """Session token of a temporary key, by reference."""
    profile: str = ""
    """Profile of AWS's own files (`~/.aws/config`): a role, SSO or web identity is set up there."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "us-east-1"
    """Region of the signature. Route 53 is one service for all regions; in China it is `cn-northwest-1`."""
    zone_ids: dict[str, Annotated[str, Field(pattern=r"^[A-Z0-9]{1,32}$")]] = Field(default_factory=dict)
    """Hosted zone id by zone, where a name alone does not say which is meant. It saves looking, too."""
    calls_per_s: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """Calls a second that the account may make (AWS's limit is 5, for all who use the account)."""
    endpoint_url: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another endpoint, for tests."""

    @model_validator(mode="after")
    def _pair(self) -> Route53Settings:
        if (self.access_key_id is None) is not (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token belongs to an access_key_id")
        return self


def policy(settings: Route53Settings, zones: Mapping[str, str], /) -> str:
    """The IAM policy: MX of these names by DELETE and CREATE, and nothing else. Pure.

    Source: Route 53 developer guide, specifying-rrset-conditions; IAM, quotas. Zones whose id the settings do not name
    stay open (``hostedzone/*``): the names hold all the same. More names than one policy takes: several policies.
    """
    names, parts = sorted(zones), 1
    while True:
        size = -(-len(names) // parts)
        made = [_policy(settings, zones, names[i : i + size]) for i in range(0, len(names), max(1, size))]
        if parts >= len(names) or all(len(re.sub(r"\s", "", m)) <= POLICY_CAP for m in made):
            return "\n".join(made)
        parts += 1


def _policy(settings: Route53Settings, zones: Mapping[str, str], names: Sequence[str]) -> str:
    """One policy, for these names."""
    kept = {zones[name] or name for name in names}
    open_ = sorted(z for z in kept if z not in settings.zone_ids)
    arns = ["hostedzone/*"] if open_ else sorted(f"hostedzone/{settings.zone_ids[z]}" for z in kept)
    partition = next((p for begins, p in PARTITIONS.items() if settings.region.startswith(begins)), "aws")
    resources = [f"arn:{partition}:route53:::{a}" for a in arns]
    key = "route53:ChangeResourceRecordSets"
    only = {
        f"{key}NormalizedRecordNames": list(names),
        f"{key}RecordTypes": ["MX"],
        f"{key}Actions": ["CREATE", "DELETE"],
    }
    find = [_allow("FindZones", ["ListHostedZonesByName"], ["*"])] if open_ else []
    move = {
        **_allow("MoveMx", ["ChangeResourceRecordSets"], resources),
        "Condition": {"ForAllValues:StringEquals": only},
    }
    statements = [
        *find,
        _allow("ReadZones", ["GetHostedZone", "ListResourceRecordSets"], resources),
        move,
        _allow("Progress", ["GetChange"], [f"arn:{partition}:route53:::change/*"]),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": [f"route53:{a}" for a in actions], "Resource": list(resources)}


PLUGIN = DnsPlugin(api=1, settings=Route53Settings, make=Route53Dns, policy=policy)
