"""Plans: what would be done now, why not, and a checksum that people approve."""
