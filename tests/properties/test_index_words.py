"""Words of the search index: what they answer is what looking for the needle in the text answers."""

from hypothesis import example, given
from hypothesis import strategies as st

from mailwren.message.fold import fold
from mailwren.search.index.words import LONG, STEP, Place, Wanted, question, words_of

FEW = st.text(alphabet="aAbzß09 -@.\n\u0301éü\u0131漢字かが가😀\ufe0f“\u0e01\u0e33\u0645\ud800", max_size=30)
RUNS = st.text(alphabet="ab", min_size=LONG - 5, max_size=4 * LONG)
TEXTS = st.one_of(FEW, RUNS, st.text(max_size=60))


def holds(word: str, wanted: Wanted) -> bool:
    """Whether a word is one that is wanted."""
    match wanted.place:
        case Place.ANYWHERE:
            return wanted.text in word
        case Place.BEGINNING:
            return word.startswith(wanted.text)
        case Place.END:
            return word.endswith(wanted.text)
        case Place.WHOLE:
            return word == wanted.text


def is_candidate(text: str, needle: str) -> bool:
    """Whether the text's words have all that the needle wants."""
    words = words_of(text)
    return all(any(holds(word, wanted) for word in words) for wanted in question(needle).wanted)


@given(TEXTS, st.integers(0, 200), st.integers(1, 3 * LONG))
@example("a" * (LONG + 1), 0, STEP + 1)
@example("a" * LONG, 0, LONG)
def test_every_piece_of_a_text_is_found(text: str, start: int, length: int) -> None:
    """A text that holds a needle is a candidate for it, wherever the needle was cut out."""
    folded = fold(text)
    needle = folded[start % max(len(folded), 1) :][:length]
    assert is_candidate(folded, needle)


@given(TEXTS, FEW)
@example("ab" * LONG, "ba" * 8)
@example("ab" * LONG, "bb")
def test_certain_questions_find_nothing_else(text: str, needle: str) -> None:
    """Where the index says that it is certain, a candidate holds the needle."""
    text, needle = fold(text), fold(needle)
    if question(needle).is_certain:
        assert is_candidate(text, needle) == (needle in text)
    elif needle in text:
        assert is_candidate(text, needle)


@given(st.sampled_from(["hello", "2026", "ünï", "漢", "漢字", "😀", "가나", "سلام", "a" * (STEP + 1)]))
def test_words_of_all_scripts_are_certain(needle: str) -> None:
    """One word of any script is answered without looking at the messages."""
    assert question(fold(needle)).is_certain


@given(RUNS)
def test_words_are_short(text: str) -> None:
    """No word is longer than the longest piece, however long a run is."""
    assert max(map(len, words_of(text))) <= LONG
