"""What was measured, night after night, in a database that is only ever added to."""
