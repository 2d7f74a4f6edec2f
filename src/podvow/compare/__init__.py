"""Two runs side by side: which verdicts changed and of what sort, the first transition that differs, latencies.

`ran` reads a run, `story` reduces a timeline to transitions, `align` finds the first that differs, `classify` sorts
the changes, `latency` and `significance` compare durations; `output` writes what comes out.
"""

from __future__ import annotations

from podvow.compare.comparison import compare
from podvow.compare.model import Change, Class, Comparison, Latency
from podvow.compare.output import write

__all__ = ["Change", "Class", "Comparison", "Latency", "compare", "write"]
