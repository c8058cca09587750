"""The door: `deploy`. Each verb reads, calls a room, prints; nothing is decided here."""
