"""One file per promise, with the nouns that cross it. No I/O here: promises only."""
