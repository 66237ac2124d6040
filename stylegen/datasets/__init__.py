"""What `stylegen.data` is made of: where pictures come from, how they are cut to one size, in which order they come."""
