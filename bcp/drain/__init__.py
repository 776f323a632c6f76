"""Mail that a relay kept goes to Exchange: in which order, how fast, until when; and carrying it out."""
