"""The one error that users see: bad input, told in one line."""


class InputError(Exception):
    """Something the user gave is wrong.

    The message is one line that names the file, row or option, the value, and the remedy. The
    command line prints it and exits with status 2.
    """
