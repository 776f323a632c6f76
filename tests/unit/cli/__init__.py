"""The command line's own rules, in process: what it refuses before anything is done."""
