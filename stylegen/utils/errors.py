"""What a user's mistake looks like, and how a wrong name is answered."""

import difflib
from collections.abc import Iterable

_MANY = 40  # names that a line takes


class UserError(ValueError):
    """A mistake that the user can mend; its text says what was expected, what came and what to do.

    The command line prints it as one line and exits with 2; anything else that is raised is ours, and exits with 1.
    """


class Missing(UserError):
    """Something that this network does not have; another may have it."""


class NoWeights(Missing):
    """The weights of a network, or the names of its classes, are not on the machine and cannot be fetched."""


def unknown(what: str, name: str, choices: Iterable[str], kind: type[UserError] = UserError) -> UserError:
    """The error for a name that is not among `choices`: the nearest ones, or all of them where none is near.

    Near is what is spelled alike, case aside, or has the name as a part. Of many choices only the first are named.
    """
    choices = list(choices)
    folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    near = near or [key for key in folded if name and name.casefold() in key][:3]
    if near:
        return kind(f'unknown {what} {name!r}; did you mean {" or ".join(folded[key] for key in near)}?')
    names = ', '.join(choices[:_MANY])
    if len(choices) > _MANY:
        return kind(f'unknown {what} {name!r}; there are {len(choices)}: {names}, ...')
    return kind(f'unknown {what} {name!r}; there are: {names}')


def one_line(error: Exception) -> str:
    """What a person is told of an error, in one line; of one that is ours, with its kind."""
    text = ' '.join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or type(error).__name__ == 'ResourceExhaustedError':
        return 'out of memory; make the pictures, their number or the batch smaller, or --max_memory where there is one'
    if isinstance(error, (OSError, ArithmeticError, UserError)):
        return text
    return f'{type(error).__name__}: {text[:300]} (an error of ours; --debug shows where)'
