"""Reports, from what a run wrote down."""
