"""Exports under every fault at once, by seed, judged by an oracle that shares no code with the program."""
