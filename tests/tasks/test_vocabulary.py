"""The vocabulary table of the contract."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.tasks.vocabulary import Vocabulary


def test_special_tokens_follow_the_nodes_in_the_published_order():
    vocabulary = Vocabulary(17)
    published = ["|", "[PAUSE]", "/", "$", ">", "<", "[PAD]", "[EDGE]", "[PATH]"]
    assert [vocabulary.special(text) for text in published] == list(range(17, 26))
    assert vocabulary.size == 26
    named = (vocabulary.pause, vocabulary.teacherless, vocabulary.pad)
    assert named == (18, 20, 23)
    assert (vocabulary.edge_task, vocabulary.path_task) == (24, 25)


def test_texts_of_the_contract():
    vocabulary = Vocabulary(29)
    assert vocabulary.encode("[PATH]28,13[PAUSE]").tolist() == [37, 28, 13, 30]
    assert vocabulary.decode(np.array([37, 28, 13, 30])) == "[PATH]28,13[PAUSE]"
    assert vocabulary.encode("3,11,8").tolist() == [3, 11, 8]
    assert vocabulary.decode(np.array([], dtype=np.int64)) == ""


@given(st.integers(1, 200), st.data())
def test_encoding_undoes_decoding(node_count, data):
    vocabulary = Vocabulary(node_count)
    tokens = data.draw(st.lists(st.integers(0, vocabulary.size - 1)))
    text = vocabulary.decode(np.array(tokens, dtype=np.int64))
    assert vocabulary.encode(text).tolist() == tokens


@pytest.mark.parametrize("text", ["[NODE]3", "a", "1;2", "17", "-1", "[EDGE] 3", "\u0663", "3."])
def test_text_that_is_no_token_is_refused(text):
    with pytest.raises(ValueError, match=r"no token|outside"):
        Vocabulary(17).encode(text)
