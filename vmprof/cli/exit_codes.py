"""What the exit codes of commands that judge mean; 0 is that all is well."""

SAYS_NO = 3
CANNOT_TELL = 4
