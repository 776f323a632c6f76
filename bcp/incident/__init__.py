"""Incidents: our record of each outage, who told us of it, whom we asked, and what was answered."""
