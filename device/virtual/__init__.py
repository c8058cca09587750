"""The emulated ARM device: its image, the machines that run it, and how they are found again."""
