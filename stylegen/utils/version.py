"""The version of the package, which is recorded in results."""

__version__ = '1.3.0'
