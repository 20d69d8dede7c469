"""docs/limits.md tells what base/limits.py holds."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _made() -> str:
    spec = importlib.util.spec_from_file_location("make_limits_page", ROOT / "docs" / "make_limits_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    assert isinstance(page, str)
    return page


def test_the_page_is_made_from_the_limits() -> None:
    """docs/limits.md is what ``python docs/make_limits_page.py`` makes: run that after a limit was changed."""
    assert (ROOT / "docs" / "limits.md").read_text("utf-8") == _made()


def test_times_have_their_units() -> None:
    """A time is told in the unit that it is meant in."""
    page = _made()
    for name, told in (("BUSY_POLL_MICROSECONDS", "100 µs"), ("IDLE_SECONDS", "35 min"), ("SLICE_SECONDS", "0.25 ms")):
        assert f"| `{name}` | {told} |" in page
