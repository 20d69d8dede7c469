"""What a check of stored mail has to say."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is."""

    NOTE = "note"
    """Harmless; goes away by itself or costs a little space."""
    WARNING = "warning"
    """Something that is derived is wrong; no mail is lost, and a repair makes it right."""
    ERROR = "error"
    """Mail is lost or damaged, or a rule that clients rely on is broken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    severity: Severity
    what: str
    """In words for the operator."""
    mend: str
    """What to do about it, or what was done."""
    repaired: bool = False
    """Whether a repair has made it right."""
    kind: str = ""
    """What findings of the same kind share; ``what`` without its numbers."""
