"""The network that ships with the package: `mini.npz`, its digest `mini.sha256` and its card `mini.md`."""
