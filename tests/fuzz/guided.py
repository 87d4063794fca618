"""The coverage-guided fuzzer: python -m tests.fuzz.guided SECONDS [FOLDER]. Ends with status 1 at the first finding.

The first byte of an input says which way it goes (targets.py), the second where it is cut. Inputs that reach something
new are kept in FOLDER, where the next run goes on with them; a finding is written there too.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["backends", "gateway.dialects"]):
    from tests.fuzz.targets import LARGEST, fuzzed, seeds, try_out

WAYS = tuple(fuzzed())


def one_input(data: bytes) -> None:
    """What libFuzzer calls."""
    if len(data) > 2:
        try_out(WAYS[data[0] % len(WAYS)], data[2:], [data[1] * 7, data[1] * 31])


def main() -> None:
    """Set it up and let it run."""
    seconds, folder = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "fuzz-corpus")
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(WAYS):
        for at, seed in enumerate(seeds(one.upstream)):
            (folder / f"seed-{number}-{at}").write_bytes(bytes([number, at]) + seed[:LARGEST])
    options = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-timeout=5", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
