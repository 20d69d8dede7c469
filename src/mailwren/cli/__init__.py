"""The command line. Rules for whoever edits it:

1. Nothing heavy is imported at the top of a module here: ``mailwren --help`` answers at once. Commands import what
   they need when they run.
2. Results go to standard output, everything else to standard error.
3. A mistake of the user is an exception that ``failures.py`` knows; commands neither print it nor exit by themselves.
"""
