"""The version of the package, which is recorded in results."""

__version__ = '0.1.0'
