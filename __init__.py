"""Zip trained networks of several tasks, export them, measure on an ARM device what they cost."""

__version__ = "0.1.0"
