"""Nights on the emulated device, in some of which a row really takes 1 % longer."""
