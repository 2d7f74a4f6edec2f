"""Kubernetes quantities, exactly: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/."""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]+|[+-]?[0-9]+\.)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def quantity(text: str | float) -> Fraction:
    """Return the exact value of a quantity.

    Args:
        text: e.g. `150m`, `1.5Gi`, `2`, `1e3`.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"not a quantity: {text!r}")
    number, exponent, suffix = found.groups()
    if exponent:
        return Fraction(f"{number}{exponent}")
    if suffix in _BINARY:
        return Fraction(number) * (1 << _BINARY[suffix])
    return Fraction(f"{number}e{_DECIMAL[suffix or '']}")
