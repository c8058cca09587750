"""What crosses a wall between rooms: documents, words, errors. Imports nothing of the rooms."""
