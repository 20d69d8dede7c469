"""Which existing mailbox the detail of an address means. Pure."""

import unicodedata
from collections.abc import Collection

from mailwren.store.values import SEPARATOR


def folder_named(detail: str, names: Collection[str]) -> str | None:
    """The mailbox that ``detail`` names, or ``None``.

    As written and with ``.`` for the separator; first exactly, then in any case and Unicode form. Of several that
    differ only in case the first in order of names is meant.
    """
    if not detail:
        return None
    wanted = (detail, detail.replace(".", SEPARATOR))
    for name in wanted:
        if name in names:
            return name
    folded = {_folded(name): name for name in sorted(names, reverse=True)}
    for name in wanted:
        if _folded(name) in folded:
            return folded[_folded(name)]
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
