"""The numbers of detection, from the settings. Pure."""

from __future__ import annotations

from bcp.detect.rules import Rules
from bcp.settings import DetectSettings, Settings


def rules_of(settings: Settings) -> Rules:
    """The numbers of detection."""
    return rules_from(settings.detect, max((x.primary_ttl for x in settings.domains), default=0))


def rules_from(d: DetectSettings, ttl: float) -> Rules:
    """The numbers of detection, with the TTL of MX in peacetime in seconds."""
    return Rules(
        interval_s=d.interval,
        threshold=d.threshold,
        reject_threshold=d.reject_threshold,
        suspect=d.suspect,
        need=d.need,
        confirm_for_s=d.interval if d.confirm_for is None else d.confirm_for,
        keep_firing_for_s=d.keep_firing_for,
        flap_high=d.flap_percent,
        flap_low=min(d.flap_low, d.flap_percent),
        partial_share=d.partial_share,
        switch_share=d.switch_share,
        target_share=d.target_share,
        stale_after=d.stale_after,
        skew_s=d.clock_skew,
        decide_b_s=d.decide.b,
        decide_e_s=d.decide.e,
        decide_f_s=d.decide.f,
        dwell_s=max(3600.0, 4.0 * ttl) if d.dwell is None else d.dwell,
    )
