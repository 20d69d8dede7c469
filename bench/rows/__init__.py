"""The rows: what is done, how often, and what is counted."""

from bench.rows.alone import ALONE
from bench.rows.many import MANY
from bench.rows.million import MILLION
from bench.rows.reading import READING
from bench.rows.searching import SEARCHING
from bench.rows.writing import WRITING
from bench.work import Row

ROWS: dict[str, Row] = {**READING, **WRITING, **SEARCHING, **MANY, **ALONE, **MILLION}
"""By name, in the order of the table."""
