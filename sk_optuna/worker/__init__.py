"""Things that a process lends to the fold that it runs."""
