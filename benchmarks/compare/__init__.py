"""Sessions side by side: statistics, verdicts, and how they are shown."""
