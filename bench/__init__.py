"""The benchmark: the same work against Mailwren and its peers, in turn within one run."""
