"""Readiness: what is promised by playbooks, judged from gathered facts. Pure: no clock, no I/O.

Facts are gathered in ``bcp.deeds.readiness``; what is judged here is a list of ``bcp.contracts.readiness.Check``.
"""
