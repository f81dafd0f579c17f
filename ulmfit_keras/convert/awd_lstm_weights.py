"""The weights of an AWD-LSTM, whatever a file of torch calls them."""

import dataclasses
import re
import warnings

import numpy as np

from ulmfit_keras.convert.errors import CheckpointError

# fastai's language models have "0." and "1." before encoder and decoder, its
# classifiers "0.module.", and its saved encoders and awd-lstm-lm nothing.
_PREFIX = r"(?:module\.)?(?:[01]\.)?(?:module\.)?"
_ENCODER = re.compile(_PREFIX + r"encoder\.weight")
_ENCODER_COPY = re.compile(
    _PREFIX + r"(?:encoder_dp\.emb|encoder_with_dropout\.embed)\.weight"
)
_LSTM = re.compile(
    _PREFIX + r"rnns\.(\d{1,3})\.(?:module\.)?"
    r"(weight_ih|weight_hh|bias_ih|bias_hh)_l0(_raw)?"
)
_DECODER = re.compile(_PREFIX + r"decoder\.(weight|bias)")
_HEAD = re.compile(r"(?:module\.)?1\.layers\.(.+)")
_CRITERION = re.compile(r"criterion\.(.+)")
_LSTM_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclasses.dataclass(frozen=True)
class AWDLSTMWeights:
    """The weights of an AWD-LSTM as this package keeps them, float32.

    Attributes:
        embeddings: (V, E), word vectors and output weights.
        lstms: list of (kernel (D, 4H), recurrent_kernel (H, 4H),
            bias (4H,)), gates i, f, c, o.
        bias: (V,), of the logits.
        head: dict with the other weights, those of a classifier, under the
            names that follow `1.layers.`.
    """

    embeddings: np.ndarray
    lstms: list
    bias: np.ndarray
    head: dict

    @property
    def hidden_dim(self):
        """Units of all LSTMs but the last."""
        return self.lstms[0][1].shape[0]


def find_weights(state_dict, source):
    """Find the weights of an AWD-LSTM by their names.

    torch computes sigmoid(W_ih x + b_ih + W_hh h + b_hh) with the gates i, f,
    g, o one after the other in the rows; here g is called c, the gates are in
    the columns, and there is one bias, the sum. Of `weight_hh_l0_raw` and
    `weight_hh_l0` the first is the weight, the second a copy with DropConnect.

    Args:
        state_dict: dict from names to arrays, as from `read_state_dict`.
        source: str, what was read, for error messages.

    Returns:
        `AWDLSTMWeights`.

    Raises:
        CheckpointError: if these are not the weights of an AWD-LSTM with
            tied output weights.
    """
    finder = _Finder(source)
    for name, array in state_dict.items():
        finder.sort_in(name, array)
    return finder.weights()


class _Finder:
    def __init__(self, source):
        self.source = source
        self.encoder = {}
        self.copies = {}
        self.lstms = {}
        self.decoder = {}
        self.head = {}

    def error(self, expected, received):
        return CheckpointError(
            f"{expected} Received: {self.source}, {received}"
        )

    def sort_in(self, name, array):
        if _ENCODER.fullmatch(name):
            self.put(self.encoder, "weight", name, array)
        elif _ENCODER_COPY.fullmatch(name):
            self.copies[name] = self.numbers(name, array)
        elif match := _LSTM.fullmatch(name):
            number, part, raw = match.groups()
            lstm = self.lstms.setdefault(int(number), {})
            self.put(lstm, part + (raw or ""), name, array)
        elif match := _DECODER.fullmatch(name):
            self.put(self.decoder, match[1], name, array)
        elif match := _CRITERION.fullmatch(name):
            self.pass_by(match[1])
        elif match := _HEAD.fullmatch(name):
            self.put(self.head, match[1], name, array)
        else:
            raise self.error(self.why_unknown(name), f"with {name!r:.100}")

    def pass_by(self, name):
        """Leave out a weight of awd-lstm-lm's loss."""
        if name == "tail_vectors":
            warnings.warn(
                "The words' probabilities differ from those of the file until "
                "the model is fine-tuned: it was trained with a softmax in "
                "parts (awd-lstm-lm's, for more than 75,000 words), whose "
                f"own weights are not kept. Received: {self.source}",
                stacklevel=2,
            )

    def why_unknown(self, name):
        if re.search(r"rnns\.\d+\..*linear\.", name):
            return "A QRNN cannot be read, only LSTMs can."
        if "_reverse" in name:
            return "A bidirectional LSTM cannot be read, only one-way ones."
        return (
            "The weights must be those of an AWD-LSTM of fastai or awd-lstm-lm."
        )

    def put(self, target, key, name, array):
        if key in target:
            raise self.error(
                "Each weight must be there once.", f"with {name!r} again"
            )
        target[key] = self.numbers(name, array)

    def numbers(self, name, array):
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise self.error(
                "Weights must be finite; the training of these diverged.",
                f"with NaN or infinity in {name!r}",
            )
        return array

    def weights(self):
        embeddings = self.encoder.get("weight")
        if embeddings is None or embeddings.ndim != 2:
            raise self.error(
                "The word vectors must be there, `encoder.weight`, (V, E).",
                "without them"
                if embeddings is None
                else f"with shape {embeddings.shape}",
            )
        self.check_tied(embeddings)
        return AWDLSTMWeights(
            embeddings, self.stack(embeddings.shape[1]), self.bias(), self.head
        )

    def check_tied(self, embeddings):
        copies = dict(self.copies)
        if "weight" in self.decoder:
            copies["decoder.weight"] = self.decoder["weight"]
        for name, copy in copies.items():
            if copy.shape != embeddings.shape:
                difference = f"shapes {copy.shape} and {embeddings.shape}"
            elif not np.array_equal(copy, embeddings):
                largest = float(np.abs(copy - embeddings).max())
                difference = f"a largest difference of {largest:.3g}"
            else:
                continue
            raise self.error(
                f"{name!r} must be equal to the word vectors: output weights "
                "of their own (tie_weights=False) cannot be kept.",
                f"with {difference}",
            )

    def bias(self):
        vocabulary_size = len(self.encoder["weight"])
        bias = self.decoder.get("bias")
        if bias is None:
            return np.zeros(vocabulary_size, np.float32)
        if bias.shape != (vocabulary_size,):
            raise self.error(
                f"'decoder.bias' must have shape ({vocabulary_size},).",
                f"with {bias.shape}",
            )
        return bias

    def stack(self, embedding_dim):
        numbers = sorted(self.lstms)
        if not numbers or numbers != list(range(len(numbers))):
            raise self.error(
                "There must be LSTMs 0, 1, …, without a gap.",
                f"with those of the numbers {numbers}",
            )
        lstms, input_dim = [], embedding_dim
        for number in numbers:
            lstms.append(self.lstm(number, input_dim))
            input_dim = lstms[-1][1].shape[0]
        units = [recurrent_kernel.shape[0] for _, recurrent_kernel, _ in lstms]
        if len({*units[:-1]}) > 1 or units[-1] != embedding_dim:
            raise self.error(
                "All LSTMs but the last must be of one size, and the last of "
                f"that of the word vectors, {embedding_dim}.",
                f"with sizes {units}",
            )
        return lstms

    def lstm(self, number, input_dim):
        parts = self.lstms[number]
        raw = parts.get("weight_hh_raw", parts.get("weight_hh"))
        arrays = {**parts, "weight_hh": raw}
        missing = [part for part in _LSTM_PARTS if arrays.get(part) is None]
        if missing:
            raise self.error(
                "An LSTM must have input and recurrent weights and biases.",
                f"without {missing} of LSTM {number}",
            )
        units = raw.shape[-1] if raw.ndim == 2 else 0
        expected = {
            "weight_ih": (4 * units, input_dim),
            "weight_hh": (4 * units, units),
            "bias_ih": (4 * units,),
            "bias_hh": (4 * units,),
        }
        shapes = {part: arrays[part].shape for part in _LSTM_PARTS}
        if shapes != expected:
            raise self.error(
                f"LSTM {number} must have four gates (a GRU has three) and "
                f"read {input_dim} numbers: shapes {expected}.",
                f"with {shapes}",
            )
        return (
            np.ascontiguousarray(arrays["weight_ih"].T),
            np.ascontiguousarray(arrays["weight_hh"].T),
            arrays["bias_ih"] + arrays["bias_hh"],
        )


def fastai_state_dict(embeddings, lstms, bias):
    """The weights of a language model under the names of fastai 2.

    In the order that fastai's own models have, since its `load_pretrained`
    goes by the order and not by the names. All of the bias becomes `bias_ih`.

    Args:
        embeddings: (V, E).
        lstms: list of (kernel, recurrent_kernel, bias), as `AWDLSTMWeights`.
        bias: (V,).

    Returns:
        A dict from names to arrays; those of tied weights are one object.
    """
    arrays = {
        "0.encoder.weight": embeddings,
        "0.encoder_dp.emb.weight": embeddings,
    }
    for i, (kernel, recurrent_kernel, lstm_bias) in enumerate(lstms):
        arrays[f"0.rnns.{i}.weight_hh_l0_raw"] = recurrent_kernel.T
        arrays[f"0.rnns.{i}.module.weight_ih_l0"] = kernel.T
        arrays[f"0.rnns.{i}.module.bias_ih_l0"] = lstm_bias
        arrays[f"0.rnns.{i}.module.bias_hh_l0"] = np.zeros_like(lstm_bias)
    arrays["1.decoder.weight"] = embeddings
    arrays["1.decoder.bias"] = bias
    return arrays
