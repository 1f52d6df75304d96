import pytest
from hypothesis import given
from hypothesis import strategies as st

from llavaction.processing.tokenizer import load_tokenizer, num_token_ids, train_tokenizer
from llavaction.testing.tiny import TEXTS, tiny_tokenizer
from llavaction.utils.errors import CheckpointError, ConfigError

TOKENIZER = tiny_tokenizer()


@given(st.text())
def test_every_text_survives(text):
    ids = TOKENIZER.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert TOKENIZER.decode(ids, clean_up_tokenization_spaces=False) == text


def test_order_and_repetition_do_not_matter():
    assert train_tokenizer([*TEXTS[::-1], TEXTS[0]], 300).get_vocab() == TOKENIZER.get_vocab()


def test_number_of_ids():
    assert num_token_ids(TOKENIZER) == len(TOKENIZER)


def test_missing_tokenizer_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="no tokenizer"):
        load_tokenizer(str(tmp_path / "none"))


def test_tokenizer_without_chat_tokens_is_refused(tmp_path):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]").save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="im_start"):
        load_tokenizer(str(tmp_path))
