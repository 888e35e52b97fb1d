"""Drawing on pictures; matplotlib is imported by the functions that draw with it."""
