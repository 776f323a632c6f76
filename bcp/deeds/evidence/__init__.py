"""Evidence that stands: heads signed, stamped and left with others; everything checked; everything handed over."""
