"""Drills carried out: in the lab, dry, live and at a table; by the same deeds as everywhere."""
