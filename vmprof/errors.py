"""What vmprof raises when the user, not vmprof, has to do something."""


class VmprofError(Exception):
    """Something that the message explains: what went wrong, where, what to do.

    The command line prints it as one line, without a traceback.
    """
