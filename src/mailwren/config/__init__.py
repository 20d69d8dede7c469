"""The configuration: every setting in one frozen value, where each came from, and everything wrong with it at once."""
