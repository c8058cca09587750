"""Measuring every night beside a pinned reference, and saying what became slower."""
