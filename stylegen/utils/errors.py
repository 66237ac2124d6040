"""Error classes for mistakes of the user, and the error for an unknown name."""

import difflib
from collections.abc import Iterable

_MANY = 40  # names in one line


class UserError(ValueError):
    """A mistake that the user can correct. The text says what was expected, what was found and what to do.

    The command line prints it as one line and exits with code 2. Any other exception is a fault of this program, with
    exit code 1.
    """


class MissingFromNetwork(UserError):
    """The network lacks something that another network may have."""


Missing = MissingFromNetwork  # its former name


class NoWeights(MissingFromNetwork):
    """The weights or class names of a network are not on this machine and cannot be downloaded."""


def unknown(what: str, name: str, choices: Iterable[str], kind: type[UserError] = UserError) -> UserError:
    """Returns the error for a name that is not among `choices`. It suggests similar names, or else lists the choices.

    A choice is similar if it is spelled alike or contains the name; case is ignored. Of many choices only the first are
    listed.

    Args:
        what: What the name stands for, such as 'network'.
        name: The name that was given.
        choices: The valid names.
        kind: The class of the error.

    Example:
        raise unknown('layer', 'blok1', ['block1', 'block2'])
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
    """Returns an error as one line for the user. A fault of this program is marked as such."""
    text = ' '.join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or type(error).__name__ == 'ResourceExhaustedError':
        return 'out of memory; make the pictures, their number or the batch smaller, or --max_memory where there is one'
    if isinstance(error, (OSError, ArithmeticError, UserError)):
        return text
    return f'{type(error).__name__}: {text[:300]} (a fault in stylegen; --debug shows where)'
