"""How much the nightly detector finds, and how often it is wrong, beside simple rules."""
