"""The benchmark: tracegraph beside NumPy, JAX and Numba. See README.md in this folder."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import environment


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    environment.prepare()
    import rows

    names = options.rows or list(rows.NAMES)
    unknown = set(names) - set(rows.NAMES)
    if unknown:
        print(f"no row {', '.join(sorted(unknown))}; there are {', '.join(rows.NAMES)}")
        return 2
    results: dict[str, Any] = {}
    for name in names:
        results[name] = rows.measure(name, quick=options.quick, first=not options.no_first)
        if not options.json:
            print(rows.text(name, results[name]), flush=True)
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    return int(any("error" in c for row in results.values() for c in row.values()))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="measure a fifth as long, one process")
    parser.add_argument("--no-first", action="store_true", help="leave the first calls out")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
