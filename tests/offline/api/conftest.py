from __future__ import annotations

from tests.offline.api.stubbed import api, impatient, stub

__all__ = ["api", "impatient", "stub"]
