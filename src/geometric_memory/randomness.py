"""Named random streams: every use of randomness has its own seed, derived from one seed by name.

Changing one stream (say, the initial weights) therefore leaves the others (the graph, the order of
the examples) as they were, and a stream can be entered anywhere without replaying it.
"""

import hashlib


def stream_seed(seed: int, *name: str | int) -> int:
    """Return the seed of the stream `name`, a 63-bit integer fixed by `seed` and the name alone."""
    text = "/".join(str(part) for part in (seed, *name))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
