"""The nouns of the project and their state machines.

Pure: no library, no clock, no random. ``now`` comes in, a decision goes out.
"""
