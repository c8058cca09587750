"""Cases: zips repeated over seeds and methods, in one table with their bars."""
