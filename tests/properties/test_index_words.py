"""Words of the search index: what they answer is what looking for the needle in the text answers."""

from hypothesis import example, given
from hypothesis import strategies as st

from mailwren.message.fold import fold
from mailwren.search.fuzzy import SUBJECT, FuzzyText, Hits, without_accents
from mailwren.search.index.resembling import outlines
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


WORDS = st.text(alphabet="aäbe\u0301o1_日本語ー가 ", min_size=1, max_size=12)


def changed(word: str, place: int, kind: int, letter: str) -> str:
    """A word with a typing mistake, another ending, or something around it."""
    place %= len(word) + 1
    head, tail = word[:place], word[place:]
    return [
        word,
        head + letter + tail,
        head + tail[1:],
        head + letter + tail[1:],
        head + tail[1:2] + tail[:1] + tail[2:],
        word[: max(4, len(word) - 3)] + letter,
        letter + word + letter,
    ][kind]


@given(
    st.lists(st.tuples(WORDS, st.integers(0, 12), st.integers(0, 6), st.sampled_from("abä1_日-é\u0301")), max_size=4)
)
@example([("meeting", 3, 3, "1")])
@example([("日本語ー", 1, 4, "a")])
@example([("bäbebäbe", 4, 4, "a")])
def test_what_resembles_is_a_candidate(pairs: list[tuple[str, int, int, str]]) -> None:
    """A text that resembles what is looked for has a word for each outline."""
    sought = FuzzyText(" ".join(word for word, *_ in pairs))
    text = " ".join(changed(*pair) for pair in pairs)
    hits = Hits(sought)
    for _step in hits.look(text, SUBJECT):
        pass
    lines = without_accents("\n" + "\n".join(sorted(words_of(fold(text)))) + "\n")
    if hits.score():
        assert all(outline.found_in(lines) for outline in outlines(sought))


def test_what_does_not_resemble_is_no_candidate() -> None:
    """Words are told apart well enough that few texts have to be read; the numbers are the lines'."""
    lines = "\nmeat\nmeek\nmeet\nmeeting\nmeetings\nmeetnig\nmeeeting\nmetric\nthing\nvotre\näther\n"
    (outline,) = outlines(FuzzyText("meeting"))
    assert sorted(outline.found_in(lines)) == [2, 3, 4, 5, 6]
    (outline,) = outlines(FuzzyText("vot"))
    assert sorted(outline.found_in(lines)) == [9]
    assert outlines(FuzzyText("abc123 foo_bar ab日本 ?!")) == []


@given(st.sampled_from(["hello", "2026", "ünï", "漢", "漢字", "😀", "가나", "سلام", "a" * (STEP + 1)]))
def test_words_of_all_scripts_are_certain(needle: str) -> None:
    """One word of any script is answered without looking at the messages."""
    assert question(fold(needle)).is_certain


@given(RUNS)
def test_words_are_short(text: str) -> None:
    """No word is longer than the longest piece, however long a run is."""
    assert max(map(len, words_of(text))) <= LONG
