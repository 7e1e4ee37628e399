"""Random streams: the only reader of the operating system's randomness.

Every random number behind a guarantee (noise, sampling, keys, permutations) is read from a
`Stream`. `secret_stream` is keyed by the operating system; `reproducible_stream` by a seed, for
tests, and whatever it feeds must say so in its guarantee (`Stream.secret` is False).
"""

from privet.entropy.streams import Stream, reproducible_stream, secret_stream

__all__ = ["Stream", "reproducible_stream", "secret_stream"]
