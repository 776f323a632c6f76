"""Gathers what readiness is judged from: harmless looks, side by side, each bounded in time, each failure a check."""
