"""Zip trained networks of several tasks, export them, and measure on an ARM device what switching costs."""

__version__ = "0.1.0"
