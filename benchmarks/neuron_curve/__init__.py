"""The error against the number of shared neurons, as in He et al. 2018, figure 3."""
