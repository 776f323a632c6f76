"""Drills: scored rehearsals. What is broken, when, and what must hold."""
