"""What a user's mistake looks like, and how a wrong name is answered."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake that the user can mend; its text says what was expected, what came and what to do.

    The command line prints it as one line and exits with 2; anything else that is raised is ours, and exits with 1.
    """


def unknown(what: str, name: str, choices: Iterable[str]) -> UserError:
    """The error for a name that is not among `choices`: the nearest ones, or all of them where none is near."""
    choices = list(choices)
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    if near:
        return UserError(f'unknown {what} {name!r}; did you mean {" or ".join(near)}?')
    return UserError(f'unknown {what} {name!r}; there are: {", ".join(choices)}')
