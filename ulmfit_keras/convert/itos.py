"""Lists of tokens of fastai and awd-lstm-lm, and our vocabularies."""

import contextlib
import io
import pathlib
import re

import numpy as np

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.restricted_pickle import read_pickle
from ulmfit_keras.convert.stand_ins import Record
from ulmfit_keras.convert.stand_ins import list_object
from ulmfit_keras.convert.torch_files import is_torch_file
from ulmfit_keras.convert.torch_files import open_torch_file
from ulmfit_keras.text import SPECIAL_TOKENS
from ulmfit_keras.text import Vocabulary
from ulmfit_keras.text import transfer_vocabulary

_ADVICE = (
    "Save the tokens as a plain list of texts, "
    "`pickle.dump(list(vocabulary), file)`; for a classifier of fastai 2 "
    "`list(dls.vocab[0])`. Of awd-lstm-lm its own `corpus.….data` will do."
)
# What others call our special tokens: fastai 0.7 and the scripts released
# with ULMFiT; awd-lstm-lm, which ends every line with one token.
_OTHER_NAMES = {
    "_unk_": "xxunk",
    "<unk>": "xxunk",
    "_pad_": "xxpad",
    "<pad>": "xxpad",
    "xbos": "xxbos",
    "<eos>": "xxbos",
    "xfld": "xxfld",
    "tk_rep": "xxrep",
    "tk_wrep": "xxwrep",
    "t_up": "xxup",
}
# In the order of fastai 2, `fastai/text/core.py`.
_FASTAI_SPECIAL_TOKENS = (
    "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()
)
# fastai fills vocabularies up to a multiple of 8 with this one.
_FILLER = "xxfake"
_LINE_BREAKS = {"\n": "\u240a", "\r": "\u240d"}
_WORD_START = "\u2581"  # of SentencePiece


def read_itos(path):
    """Read a pickled list of tokens, without running code.

    Args:
        path: of a file that `pickle.dump` wrote: a list or tuple of str, or
            a fastcore `L`; or of awd-lstm-lm's `corpus.….data`, which
            `torch.save` wrote.

    Returns:
        A list of str, the token of each id.

    Raises:
        CheckpointError: if the file holds anything else, or is damaged.
        OSError: if it cannot be opened.

    Example:

    ```python
    read_itos("itos_wt103.pkl")[:2]  # ["xxunk", "xxpad"]
    ```
    """
    if is_torch_file(path):
        with contextlib.closing(open_torch_file(path, _ADVICE)) as file:
            tokens = file.content
        for attribute in ("dictionary", "idx2word"):
            if isinstance(tokens, Record):
                tokens = tokens.attributes.get(attribute, tokens)
    else:
        file = io.BytesIO(pathlib.Path(path).read_bytes())
        known = {"fastcore.foundation.L": list_object}
        tokens = read_pickle(file, str(path), known, _ADVICE)
    if not isinstance(tokens, (list, tuple)):
        raise CheckpointError(
            f"A file of tokens must hold a list. {_ADVICE} "
            f"Received: {path}, which holds a {type(tokens).__name__}"
        )
    for token in tokens:
        if not isinstance(token, str):
            raise CheckpointError(
                f"Tokens must be texts. {_ADVICE} Received: {path}, which "
                f"holds a {type(token).__name__}"
            )
    return list(tokens)


def num_pieces(tokens):
    """How many tokens begin a word of SentencePiece, 0 in a list of words.

    Args:
        tokens: list of str, of which a few may look like pieces by chance.
    """
    pieces = sum(t.startswith(_WORD_START) and len(t) > 1 for t in tokens)
    return pieces if pieces > len(tokens) / 10 else 0


def vocabulary_of(tokens):
    """The tokens of a foreign list in our order and spelling.

    Our special tokens come first, as in `Vocabulary.build`, under our names,
    those too that the list lacks; the other tokens follow in their order.
    Since a token of a `Vocabulary` is one of a kind and on one line, fastai's
    filler `xxfake`, which stands several times, is numbered (`xxfake.1`, …),
    and line breaks become the symbols U+240A and U+240D.

    Args:
        tokens: list of str, the token of each id.

    Returns:
        `(vocabulary, transfer)`: a `Vocabulary`, and the `VocabularyTransfer`
        that brings rows of the list in its order; the rows of added tokens
        are the mean row.

    Raises:
        CheckpointError: if no token stands for unknown words, or the list
            cannot be a vocabulary of words.
    """
    pieces = num_pieces(tokens)
    if pieces:
        raise CheckpointError(
            "The tokens must be words. Those of a SentencePiece model need "
            "that model; read the weights without tokens, and make the ids "
            f"with it. Received: {pieces} tokens that start with "
            f"{_WORD_START!r}, of {len(tokens)}"
        )
    spelled = _our_spelling(tokens)
    try:
        old = Vocabulary(spelled)
        "".join(spelled).encode("utf-8")
    except ValueError as error:
        raise CheckpointError(
            f"The tokens must be those of a vocabulary. {error}"
        ) from error
    others = [token for token in spelled if token not in SPECIAL_TOKENS]
    new = Vocabulary([*SPECIAL_TOKENS, *others])
    return new, transfer_vocabulary(old, new)


def _our_spelling(tokens):
    held, fillers, spelled = set(tokens), 0, []
    for token in tokens:
        name = _OTHER_NAMES.get(token)
        if token == _FILLER:
            fillers += 1
            token = f"{_FILLER}.{fillers}"
        elif name and name not in held:
            token = name
            held.add(name)
        for line_break, symbol in _LINE_BREAKS.items():
            token = token.replace(line_break, symbol)
        spelled.append(token)
    return spelled


def fastai_tokens(vocabulary):
    """The tokens of a vocabulary in the order and spelling of fastai 2.

    Args:
        vocabulary: a `Vocabulary`.

    Returns:
        `(tokens, order)`: a list of str with fastai's special tokens first,
        and the ids of these tokens in the vocabulary, int array (tokens,).
    """
    spelled = []
    for token in vocabulary.tokens:
        if re.fullmatch(rf"{_FILLER}\.\d+", token):
            token = _FILLER
        for line_break, symbol in _LINE_BREAKS.items():
            token = token.replace(symbol, line_break)
        spelled.append(token)
    places = {token: i for i, token in enumerate(_FASTAI_SPECIAL_TOKENS)}
    order = sorted(
        range(len(spelled)), key=lambda i: places.get(spelled[i], len(places))
    )
    return [spelled[i] for i in order], np.array(order)
