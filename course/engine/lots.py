"""Lots of which nobody knows the next, and that are the same for ever."""


class Random:
    """The same numbers for the same seed for ever (xorshift, Marsaglia 2003)."""

    def __init__(self, seed):
        self.state = seed * 2654435761 % (1 << 32) or 1

    def below(self, bound):
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x % bound
