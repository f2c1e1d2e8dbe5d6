"""``python -m tracegraph demo`` or ``doctor``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code, 2 for a command line that is not understood."""
    parser = argparse.ArgumentParser(prog="python -m tracegraph", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    # `demo` has options of its own, --help among them.
    commands.add_parser("demo", help="train a classifier of digits in three ways", add_help=False)
    commands.add_parser("doctor", help="say what was found on this machine, and whether it works")
    options, rest = parser.parse_known_args(arguments)
    if options.command == "demo":
        from tracegraph import demo

        return demo.main(rest)
    if rest:
        parser.error(f"doctor takes no arguments, got {' '.join(rest)}")
    from tracegraph import doctor

    return doctor.main()


if __name__ == "__main__":
    sys.exit(main())
