"""The daemon in a lab, under the name by which these tests know it. It is ``bcp.testing.world``."""

from __future__ import annotations

from bcp.testing.command import free_port
from bcp.testing.lab import Lab
from bcp.testing.slack_socket import SlackSocket
from bcp.testing.world import HMAC, TOKEN, Loop, World, alert

__all__ = ["HMAC", "TOKEN", "Lab", "Loop", "SlackSocket", "World", "alert", "free_port"]
