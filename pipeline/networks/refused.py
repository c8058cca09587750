"""Why a network is not loaded, before it is known for which task."""


class Refused(Exception):
    """A source of networks cannot give one; the message says why, and what to try."""
