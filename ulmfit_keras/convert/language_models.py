"""Language models of fastai and awd-lstm-lm, read and written."""

import os
import pickle

import numpy as np
from keras import ops

from ulmfit_keras.convert.awd_lstm_weights import fastai_state_dict
from ulmfit_keras.convert.awd_lstm_weights import find_weights
from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.itos import fastai_tokens
from ulmfit_keras.convert.itos import read_itos
from ulmfit_keras.convert.itos import vocabulary_of
from ulmfit_keras.convert.state_dicts import read_state_dict
from ulmfit_keras.models import DROPOUT_RATES
from ulmfit_keras.models import AWDLSTMBackbone
from ulmfit_keras.models import AWDLSTMCausalLM
from ulmfit_keras.models import AWDLSTMCausalLMPreprocessor
from ulmfit_keras.text import WordTokenizer


def read_weights(path, itos, dropout_rates, backwards):
    """Read an encoder with its vocabulary and what else a file holds.

    Args:
        path: of a file that `torch.save` wrote.
        itos: path of a pickled list of tokens, such a list, or None.
        dropout_rates: a name in `DROPOUT_RATES`.
        backwards: bool, as in `AWDLSTMBackbone`.

    Returns:
        `(backbone, tokenizer, weights, transfer)`: an `AWDLSTMBackbone`, a
        `WordTokenizer` or None, the `AWDLSTMWeights` in the order of the
        file, and the `VocabularyTransfer` from that order or None.

    Raises:
        CheckpointError: if the files cannot be read or do not fit.
    """
    weights = find_weights(read_state_dict(path), str(path))
    embeddings, tokenizer, transfer = weights.embeddings, None, None
    if itos is not None:
        is_path = isinstance(itos, (str, os.PathLike))
        tokens = read_itos(itos) if is_path else list(itos)
        if len(tokens) != len(embeddings):
            raise CheckpointError(
                "There must be one token per word vector, "
                f"{len(embeddings)} as in {path}. Received: {len(tokens)} "
                "tokens"
            )
        vocabulary, transfer = vocabulary_of(tokens)
        tokenizer = WordTokenizer(list(vocabulary.tokens))
        embeddings = transfer.apply(embeddings)
    backbone = AWDLSTMBackbone(
        len(embeddings),
        embeddings.shape[1],
        weights.hidden_dim,
        len(weights.lstms),
        backwards=backwards,
        **DROPOUT_RATES[dropout_rates],
    )
    backbone.token_embedding.embeddings.assign(embeddings)
    for layer, arrays in zip(backbone.lstm_layers, weights.lstms, strict=True):
        variables = (layer.kernel, layer.recurrent_kernel, layer.bias)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
    return backbone, tokenizer, weights, transfer


def read_language_model(path, itos=None, backwards=False):
    """Read a language model that fastai or awd-lstm-lm trained.

    No code of the files is run, and torch is not needed.

    Args:
        path: of the weights, which `torch.save` wrote: a state dict from
            fastai 0.7, 1 or 2 (`learn.save`, `learn.save_encoder`, the
            pretrained models), or from awd-lstm-lm a state dict, a model or
            `[model, criterion, optimizer]`, as its own script saves them.
            What is missing of the bias of the logits starts at zero.
        itos: the token of each id, a path of a pickled list or of
            awd-lstm-lm's `corpus.….data`, or a list of str. The rows of the
            weights then go in the order of our vocabulary: first our special
            tokens, the rows of those that the list lacks being the mean row,
            then the others in their order. Defaults to None: the ids are
            those of the file, and the model has no preprocessor.
        backwards: bool, whether the model was trained on reversed texts.
            Defaults to False.

    Returns:
        An `AWDLSTMCausalLM`, with a preprocessor if `itos` is given, and
        fastai's dropout rates for language models, whatever the file's were.
        A `UserWarning` says so if it was trained with awd-lstm-lm's softmax
        in parts, which this model does not have.

    Raises:
        CheckpointError: if a file holds anything besides plain data or is
            damaged, or if the model is not an AWD-LSTM with tied output
            weights, one row per token.

    Example:

    ```python
    language_model = read_language_model("wt103-fwd.pth", "itos_wt103.pkl")
    language_model.save_to_preset("wt103-fwd")
    ```
    """
    backbone, tokenizer, weights, transfer = read_weights(
        path, itos, "fastai_language_model", backwards
    )
    if weights.head:
        raise CheckpointError(
            "A language model must not have the head of a classifier; use "
            f"`read_text_classifier`. Received: {path}, with "
            f"{sorted(weights.head)[:3]}"
        )
    preprocessor = tokenizer and AWDLSTMCausalLMPreprocessor(tokenizer)
    language_model = AWDLSTMCausalLM(backbone, preprocessor)
    bias = weights.bias if transfer is None else transfer.apply(weights.bias)
    language_model.output_bias.assign(bias)
    return language_model


def write_fastai(language_model, path, itos_path):
    """Write a language model as the two files that fastai 2 loads.

    `learn.load_pretrained(path, itos_path)` then gives the same outputs, and
    so does `learn.load` for a learner with the tokens of `itos_path` in their
    order. fastai 1 needs `strict=False`. Ids are those of `itos_path`, where
    fastai's special tokens come first. Needs torch.

    Args:
        language_model: an `AWDLSTMCausalLM` with a preprocessor.
        path: of the weights to write, `….pth`.
        itos_path: of the pickled list of tokens to write, `….pkl`.

    Raises:
        ImportError: without torch.
        ValueError: if the model has no vocabulary or is quantized.

    Example:

    ```python
    write_fastai(language_model, "models/mine.pth", "models/mine_itos.pkl")
    # there: language_model_learner(…, pretrained_fnames=["mine", "mine_itos"])
    ```
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Writing fastai's format needs torch: `pip install torch`."
        ) from error
    if language_model.preprocessor is None:
        raise ValueError(
            "The model must have a preprocessor, whose vocabulary is written "
            "beside the weights. Received: preprocessor=None"
        )
    tokenizer = language_model.preprocessor.tokenizer
    tokens, order = fastai_tokens(tokenizer.vocabulary)
    lstms = [
        tuple(map(_float32, (lstm.kernel, lstm.recurrent_kernel, lstm.bias)))
        for lstm in language_model.backbone.lstm_layers
    ]
    arrays = fastai_state_dict(
        _float32(language_model.output_embeddings)[order],
        lstms,
        _float32(language_model.output_bias)[order],
    )
    torch.save(
        {
            name: torch.from_numpy(np.ascontiguousarray(array))
            for name, array in arrays.items()
        },
        path,
    )
    with open(itos_path, "wb") as file:
        pickle.dump(tokens, file, protocol=4)


def _float32(variable):
    return ops.convert_to_numpy(ops.cast(variable, "float32"))
