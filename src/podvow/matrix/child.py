"""One run of a matrix: `podvow run` as anybody starts it, which also ends when its parent has died."""

from __future__ import annotations

import sys

from podvow import interrupts
from podvow.ending import end_with_parent


def main() -> None:
    """Run the command with the options that were given; never returns."""
    from podvow import cli  # noqa: PLC0415 - the signals first

    interrupts.install()
    end_with_parent()
    sys.argv = ["podvow", "run", *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
