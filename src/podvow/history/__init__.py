"""What many runs say together: nights that were kept, what changed between them, which of them are kept.

Reads results.json alone (docs/results.md), so that a night of another podvow, or from another machine, counts too.
"""
