"""What an operator types. One file per command group; ``render`` is the only module that prints."""
