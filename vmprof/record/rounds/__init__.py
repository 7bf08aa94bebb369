"""Running a program by itself, in rounds."""
