"""What plug-ins may lean on: wire-level helpers that belong to no vendor."""
