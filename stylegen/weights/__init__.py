"""The networks that ship with the package: an `.npz` each, its digest `.sha256` and its card `.md`."""
