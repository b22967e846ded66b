"""Byte-level byte-pair vocabularies, by Hugging Face ``tokenizers``.

In a vocabulary trained here every text has an encoding and ``decode(encode(text)) == text``, because the smallest
tokens are the 256 bytes. A vocabulary read from elsewhere may lose text; ``check_kept`` refuses such a loss. Two special
tokens stand outside the text: *end of text*, which separates stories, and *pad*, which fills rows. In a
vocabulary trained here they are tokens 0 and 1, the bytes are 2..257, and the merges follow. A vocabulary read from
elsewhere keeps its own numbers; a special token that it lacks is added at its end (GPT-Neo's 50,257 tokens and a pad
make the paper's 50,258). Text that happens to spell a special token is encoded as text.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from arlearn.errors import ArlearnError
from arlearn.files import sha256, write_atomically

END_OF_TEXT, PAD = "<|endoftext|>", "<|pad|>"
KNOWN_ENDS = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|eot_id|>")
KNOWN_PADS = (PAD, "[PAD]", "<pad>")
SMALLEST = 258  # the two special tokens and the 256 bytes

Span = Literal["word", "sentence"]
# The longest run without a break that a vocabulary is learned from, in characters: the time of learning grows with the
# square of it. Longer runs are cut; no token is that long.
RUN = 1000
RUNS = {"word": rf"\S{{{RUN}}}|\s{{{RUN}}}", "sentence": rf'[^.!?\n"]{{{RUN}}}|[.!?\n"]{{{RUN}}}'}
# The longest piece of one text that is encoded at once, in characters: bounds the memory of a book-long story.
PIECE = 1 << 18

# A token of span "sentence" may hold several words, but not what follows a sentence's end or a line's.
SENTENCE = r'[^.!?\n"]+[.!?"]*|[.!?\n"]+'


Decode = Callable[[Sequence[int]], str]
SEEN = 16  # tokens before the new ones that are decoded with them


class BytePair:
    """A byte-level byte-pair vocabulary.

    Attributes:
        size: number of tokens V, special ones included; all ids lie in 0..V-1. Ids that no token has are counted.
        end_of_text: the token between stories, which generation stops at.
        pad: the token that fills a row; never trained or scored unless asked for.
    """

    size: int
    end_of_text: int
    pad: int

    def __init__(self, tokenizer: Any) -> None:
        """Wrap a ``tokenizers.Tokenizer``; end-of-text and pad are found, or added.

        Raises ArlearnError if two tokens share an id, or most ids have no token.
        """
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.end_of_text = self._special(KNOWN_ENDS)
        self.pad = self._special(KNOWN_PADS)
        self.size = self._checked_size()

    def _special(self, names: tuple[str, ...]) -> int:
        for name in names:
            token = self._tokenizer.token_to_id(name)
            if token is not None:
                return int(token)
        self._tokenizer.add_special_tokens([names[0]])
        return int(self._tokenizer.token_to_id(names[0]))

    def _checked_size(self) -> int:
        """The largest id plus one: what a model needs rows for. The one place where ids are checked."""
        tokens = self._tokenizer.get_vocab(with_added_tokens=True)
        size = int(max(tokens.values())) + 1
        by_id: dict[int, str] = {}
        for word, token in tokens.items():
            if by_id.setdefault(token, word) != word:
                raise ArlearnError(
                    f"the vocabulary is invalid: the tokens {by_id[token]!r} and {word!r} both have the id {token} "
                    "(ids with gaps leave no room for end-of-text and pad); number the tokens 0, 1, 2, ..."
                )
        if size > 2 * len(tokens):
            raise ArlearnError(
                f"the vocabulary is invalid: its {len(tokens):,} tokens have ids up to {size - 1:,}, so most rows of a "
                "model would belong to no token; number the tokens 0, 1, 2, ..."
            )
        return size

    @classmethod
    def train(cls, texts: Iterable[str], size: int, span: Span = "word", progress: bool = False) -> BytePair:
        """A vocabulary of at most ``size`` tokens, special ones included, learned from ``texts``.

        ``span`` says what a token may reach over: "word" splits as GPT-2 does, "sentence" lets a token hold several
        words of one sentence. Raises ArlearnError if ``size`` has no room for the bytes.
        """
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

        if size < SMALLEST:
            raise ArlearnError(
                f"a byte-level vocabulary needs at least {SMALLEST} tokens (256 bytes, 2 special), not {size}"
            )
        tokenizer = Tokenizer(models.BPE())
        if span == "word":
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        else:
            sentences = pre_tokenizers.Split(Regex(SENTENCE), "isolated")
            letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence([sentences, letters])
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=[END_OF_TEXT, PAD],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=progress,
        )
        tokenizer.train_from_iterator((piece for text in texts for piece in _cut_runs(text, RUNS[span])), trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, source: str | Path, timeout: float = 5.0) -> BytePair:
        """A vocabulary from a ``tokenizer.json``, a directory that holds one, or a Hugging Face Hub id.

        ``timeout`` in seconds bounds the wait for the Hub. Raises ArlearnError if nothing usable is there.
        """
        path = Path(source)
        if path.is_dir():
            path = path / "tokenizer.json"
        if not path.is_file():
            path = _from_hub(str(source), timeout)
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as error:
            raise ArlearnError(f"cannot read {path}: {error.strerror or error}") from error
        except ArlearnError as error:
            raise ArlearnError(f"{path}: {error}") from error

    @classmethod
    def from_bytes(cls, content: bytes) -> BytePair:
        """The vocabulary that ``to_bytes`` wrote. Raises ArlearnError if it is none."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_str(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ArlearnError(
                "not a tokenizer in Hugging Face's tokenizer.json format: it is not UTF-8 text"
            ) from error
        except Exception as error:  # the library raises bare Exception
            raise ArlearnError(f"not a tokenizer in Hugging Face's tokenizer.json format: {error}") from error
        return cls(tokenizer)

    def to_bytes(self) -> bytes:
        """What ``save`` writes; its SHA-256 is ``sha256``."""
        return str(self._tokenizer.to_str(pretty=False)).encode("utf-8")

    def save(self, path: str | Path) -> None:
        """Write ``tokenizer.json``, whole or not at all. Raises ArlearnError if that fails."""
        write_atomically(Path(path), self.to_bytes())

    @property
    def sha256(self) -> str:
        return sha256(self.to_bytes())

    def encode(self, text: str) -> list[int]:
        """The text's tokens, without special ones. Raises ArlearnError if the text is not UTF-8."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ArlearnError(f"the text is not UTF-8: byte {error.start} of {text[:40]!r}") from error
        return next(self.encode_many([text]))

    def prompt(self, text: str) -> list[int]:
        """The tokens to continue from: a story begins after end-of-text, as in training."""
        return [self.end_of_text, *self.encode(text)]

    def encode_many(
        self, texts: Iterable[str], batch: int = 1024, on_progress: Callable[[int], None] | None = None
    ) -> Iterator[list[int]]:
        """The tokens of each text, in order; ``on_progress`` is called with the number of characters of each batch."""
        waiting: list[list[str]] = []
        characters = 0
        for text in texts:
            waiting.append(list(_pieces(text)))
            characters += len(text)
            if len(waiting) >= batch or characters >= 1 << 22:
                yield from self._encode(waiting)
                if on_progress is not None:
                    on_progress(characters)
                waiting, characters = [], 0
        yield from self._encode(waiting)
        if on_progress is not None:
            on_progress(characters)

    def _encode(self, texts: list[list[str]]) -> Iterator[list[int]]:
        flat = [piece for pieces in texts for piece in pieces]
        encoded = iter(self._tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for pieces in texts:
            yield [token for _ in pieces for token in next(encoded).ids]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens; special ones are left out, bytes that are not UTF-8 become U+FFFD."""
        return str(self._tokenizer.decode([int(token) for token in tokens], skip_special_tokens=True))

    def added(self, before: Sequence[int], tokens: Sequence[int]) -> str:
        """What ``tokens`` add to the text of the tokens before them: a space before a word, the rest of a character."""
        return added_text(self.decode, before, tokens)

    def check_kept(self, texts: Sequence[str], tokens: Sequence[Sequence[int]], where: str) -> None:
        """Raise ArlearnError, with the first place, unless decoding the tokens gives back each text.

        Bits per byte compare models by the bytes of one text, so a vocabulary that loses some of it cannot take part.
        """
        decoded = self._tokenizer.decode_batch([list(each) for each in tokens], skip_special_tokens=True)
        for text, got in zip(texts, decoded, strict=True):
            if got != text:
                place = next(
                    (i for i, (a, b) in enumerate(zip(text, got, strict=False)) if a != b), min(len(text), len(got))
                )
                shown = slice(max(0, place - 10), place + 15)
                raise ArlearnError(
                    f"the vocabulary is invalid for this text: in {where}, {text[shown]!r} comes back as {got[shown]!r}; "
                    "give a byte-level vocabulary, or --tokenizer train to learn one"
                )

    def word(self, token: int) -> str:
        """One token as text, for tables: special tokens by name, incomplete UTF-8 as U+FFFD."""
        if token in (self.end_of_text, self.pad):
            return str(self._tokenizer.id_to_token(token))
        return self.decode([token])


def added_text(decode: Decode, before: Sequence[int], tokens: Sequence[int]) -> str:
    """What ``tokens`` add to the text of the tokens ``before`` them."""
    seen = [int(token) for token in before[-SEEN:]]
    shown, whole = decode(seen) if seen else "", decode([*seen, *tokens])
    return whole[len(shown) :] if whole.startswith(shown) else decode(tokens)


def _cut_runs(text: str, runs: str) -> Iterator[str]:
    """The text, cut after every ``RUN`` characters of a run that no break ends."""
    begin = 0
    if len(text) >= RUN:
        for found in re.finditer(runs, text):
            yield text[begin : found.end()]
            begin = found.end()
    yield text[begin:]


def _pieces(text: str) -> Iterator[str]:
    """A long text in pieces cut before a line or a word, so that the cut changes tokens hardly ever."""
    begin = 0
    while len(text) - begin > PIECE:
        end = max(text.rfind("\n", begin + 1, begin + PIECE), text.rfind(" ", begin + PIECE // 2, begin + PIECE))
        end = end if end > begin else begin + PIECE
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _from_hub(name: str, timeout: float) -> Path:
    """Fetch ``tokenizer.json`` of a repository on the Hugging Face Hub. Raises ArlearnError if it cannot be had."""
    parts = name.split("/")
    if name.endswith(".json") or len(parts) > 2 or name.startswith((".", "/", "~")) or not all(parts):
        raise ArlearnError(f"there is no tokenizer file {name}; give a tokenizer.json or a Hugging Face Hub id")
    try:
        return fetch(name, "tokenizer.json", timeout=timeout)
    except ArlearnError as error:
        raise ArlearnError(
            f"no tokenizer {name}: there is no such file, and {error}; give --tokenizer FILE, or --tokenizer train to "
            f"learn one from the data"
        ) from error


def recorded_vocabulary(model: Path, card: Mapping[str, Any]) -> BytePair:
    """The byte-pair vocabulary in the model's directory. Raises ArlearnError if it is absent or another one."""
    recorded = card.get("tokenizer")
    if not recorded:
        raise ArlearnError(f"{model / 'card.json'} names no tokenizer, so this model cannot read or write text")
    vocabulary = BytePair.load(model / recorded["file"])
    if vocabulary.sha256 != recorded.get("sha256"):
        raise ArlearnError(f"{model / recorded['file']} is not the tokenizer that the card names by its hash")
    return vocabulary


def fetch(
    repository: str, name: str, kind: Literal["model", "dataset"] = "model", timeout: float = 5.0, quiet: bool = True
) -> Path:
    """The path of ``name`` in the Hub's ``repository``, downloaded if it is not in the cache yet.

    ``timeout`` in seconds bounds the look at whether the Hub can be reached at all, before the library's own patient
    retries begin. Raises ArlearnError with the reason if the file cannot be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE
    from huggingface_hub.utils import LocalEntryNotFoundError, disable_progress_bars

    try:
        return Path(hf_hub_download(repository, name, repo_type=kind, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:  # not a repository's name
        raise ArlearnError(f"{repository} is not a Hugging Face Hub id: {_first_line(error)}") from error
    if HF_HUB_OFFLINE:
        raise ArlearnError(f"{repository} is not in the local Hugging Face cache, and HF_HUB_OFFLINE is set")
    if not reachable(ENDPOINT, timeout):
        raise ArlearnError(f"{ENDPOINT} cannot be reached, and {repository} is not in the local Hugging Face cache")
    if quiet:
        disable_progress_bars()
    try:
        return Path(hf_hub_download(repository, name, repo_type=kind, etag_timeout=timeout))
    except Exception as error:  # network, authorisation, no such file: the library has a dozen classes for it
        raise ArlearnError(f"{repository} has no {name} that can be read: {_first_line(error)}") from error


def reachable(endpoint: str, timeout: float) -> bool:
    """Whether a connection to this URL's host opens within ``timeout`` seconds; a proxy is taken at its word."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    if proxies.get(parts.scheme) or proxies.get("all"):
        return True
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=timeout):
            return True
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
