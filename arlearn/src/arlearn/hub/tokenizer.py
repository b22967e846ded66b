"""A model's vocabulary as a Hugging Face tokenizer."""

from __future__ import annotations

import json
from typing import Any

from arlearn.errors import ArlearnError
from arlearn.evaluation.subject import Subject


def tokenizer_files(subject: Subject) -> dict[str, str]:
    """``tokenizer.json`` and ``tokenizer_config.json``, as text.

    A text's vocabulary puts end-of-text before every text, as in training, and takes text that spells a special token
    for text. A task's is its words, with space between them. Raises ArlearnError if the words cannot be told apart.
    """
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # the name that every version of transformers knows
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if subject.vocabulary is not None:
        from tokenizers import Tokenizer, processors

        vocabulary = subject.vocabulary
        tokenizer = Tokenizer.from_str(vocabulary.to_bytes().decode("utf-8"))
        end, pad = vocabulary.word(vocabulary.end_of_text), vocabulary.word(vocabulary.pad)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{end} $A", pair=f"{end} $A $B", special_tokens=[(end, vocabulary.end_of_text)]
        )
        config |= {"bos_token": end, "eos_token": end, "pad_token": pad, "split_special_tokens": True}
    else:
        tokenizer = _of_words(subject)
    return {
        "tokenizer.json": str(tokenizer.to_str(pretty=True)),
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }


def _of_words(subject: Subject) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    assert subject.task is not None
    words = subject.task.words
    odd = sorted({word for word in words if word.split() != [word]} | {word for word in words if words.count(word) > 1})
    if odd:
        raise ArlearnError(f"the task's words cannot be told apart in a line of text: {', '.join(map(repr, odd[:5]))}")
    tokenizer = Tokenizer(models.WordLevel({word: token for token, word in enumerate(words)}))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer
