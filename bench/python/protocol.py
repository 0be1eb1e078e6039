"""The protocol of `src/contestant.ts`: JSON lines on standard input and output."""

import json
import resource
import sys


def say(record):
    print(json.dumps(record), flush=True)


def decline(reason):
    say({"unavailable": str(reason)})
    sys.exit(0)


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def serve(introduction, answer):
    """Introduces this process and answers requests until its input ends."""
    say(introduction)
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            say(answer(json.loads(line)))
        except Exception as error:  # whatever went wrong, the other side must hear of it
            lines = str(error).strip().splitlines()
            say({"error": f"{type(error).__name__}: {lines[0] if lines else ''}"})
