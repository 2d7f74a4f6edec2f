"""Turns what each source says into records; one file a source."""
