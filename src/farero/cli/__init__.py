"""The command line: translates words into one App call and its result into text or JSON."""
