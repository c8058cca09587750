"""The switching experiment of the multi-task zipping papers, on files of our own."""
