"""The same workload at falling memory."""
