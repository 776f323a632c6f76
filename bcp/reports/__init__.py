"""Reports: what happened, from the journal alone."""
