"""The graph of a classifier in ONNX: from token ids to probabilities."""

import numpy as np
import onnx

from ulmfit_keras.export.inference_weights import array
from ulmfit_keras.export.inference_weights import dense_layers

# What onnxruntime adds to ONNX.
CONTRIBUTED = "com.microsoft"
OPERATION_SETS = {"": 17, CONTRIBUTED: 1}
# x86 processors without VNNI add two products of a byte in 0…255 and a weight
# in 16 bits, and cut off what is beyond: 2 * 255 * 64 is the most that fits.
LARGEST_FACTOR = 64
_LAST_OPERATION = {
    "single_label": "Softmax",
    "multi_label": "Sigmoid",
    "regression": "Identity",
}


class Graph:
    """Nodes and weights in the making; a tensor is known by its name.

    Args:
        is_int8: bool, whether matrices are kept as 8-bit integers.
    """

    def __init__(self, is_int8):
        self.is_int8 = is_int8
        self.nodes = []
        self.weights = []

    def weight(self, array):
        """Keep an array. Returns its name."""
        name = f"weight_{len(self.weights)}"
        array = np.ascontiguousarray(array)
        self.weights.append(onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operation, *inputs, outputs=1, **attributes):
        """Add a node. Returns the name of its output, or a list of names."""
        names = [f"{operation}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(
            onnx.helper.make_node(operation, inputs, names, **attributes)
        )
        return names[0] if outputs == 1 else names

    def model(self, inputs, outputs):
        """The finished `onnx.ModelProto`.

        Args:
            inputs: list of (name, ONNX type, shape), sizes by name or number.
            outputs: the same.
        """
        graph = onnx.helper.make_graph(
            self.nodes,
            "classifier",
            [onnx.helper.make_tensor_value_info(*value) for value in inputs],
            [onnx.helper.make_tensor_value_info(*value) for value in outputs],
            self.weights,
        )
        return onnx.helper.make_model(
            graph,
            producer_name="ulmfit_keras",
            ir_version=9,
            opset_imports=[
                onnx.helper.make_opsetid(*pair)
                for pair in OPERATION_SETS.items()
            ],
        )


def quantize_rows(matrix, largest):
    """Symmetric 8-bit integers with one scale for each row.

    Args:
        matrix: float array, (rows, columns).
        largest: the integer of a row's largest number.

    Returns:
        int8 (rows, columns), and float32 scales, (rows,), by which the rows
        are to be multiplied.
    """
    scales = np.abs(matrix).max(axis=1) / largest
    scales[scales == 0] = 1
    whole = np.round(matrix / scales[:, None]).astype("int8")
    return whole, scales.astype("float32")


def add_classifier(graph, classifier, token_ids, lengths):
    """One direction of reading.

    Args:
        graph: a `Graph`.
        classifier: an `AWDLSTMTextClassifier`.
        token_ids: name of an int64 tensor, (B, T).
        lengths: name of an int64 tensor, (B,).

    Returns:
        Name of the outputs, float32 (B, C).
    """
    token_ids = graph.add("Transpose", token_ids, perm=[1, 0])
    if classifier.backbone.backwards:
        token_ids = add_reversal(graph, token_ids, lengths)
    x = add_embedding(graph, classifier.backbone.token_embedding, token_ids)
    sizes = graph.add("Cast", lengths, to=onnx.TensorProto.INT32)
    for layer in classifier.backbone.lstm_layers:
        x, last = add_lstm(graph, layer, x, sizes)
    x = add_pooling(graph, x, last, lengths)
    hidden, output = (
        [graph.weight(weight.astype("float32")) for weight in pair]
        for pair in dense_layers(classifier)
    )
    x = graph.add("Relu", graph.add("Gemm", x, *hidden))
    x = graph.add("Gemm", x, *output)
    return graph.add(_LAST_OPERATION[classifier.problem_type], x)


def add_reversal(graph, token_ids, lengths):
    """Reverse each document but for its first token; ids are (T, B)."""
    first, rest = (
        graph.add("Slice", token_ids, *map(graph.weight, ends))
        for ends in ([[0], [1]], [[1], [2**31]])
    )
    one = graph.weight([1])
    rest = graph.add(
        "ReverseSequence",
        rest,
        graph.add("Sub", lengths, one),
        time_axis=0,
        batch_axis=1,
    )
    return graph.add("Concat", first, rest, axis=0)


def add_embedding(graph, layer, token_ids):
    """Look up word vectors, (T, B) to (T, B, E)."""
    vectors = array(layer.embeddings)
    if not graph.is_int8:
        return graph.add("Gather", graph.weight(vectors), token_ids)
    whole, scales = quantize_rows(vectors, 127)
    x = graph.add("Gather", graph.weight(whole), token_ids)
    x = graph.add("Cast", x, to=onnx.TensorProto.FLOAT)
    scale = graph.add("Gather", graph.weight(scales[:, None]), token_ids)
    return graph.add("Mul", x, scale)


def add_lstm(graph, layer, x, lengths):
    """A `WeightDropLSTM`: (T, B, D) to all outputs and the last valid ones.

    Here `lengths` are int32, as ONNX has it for this operation.
    """
    kernel, recurrent_kernel, bias = (
        # Keras' gates are i, f, c, o, those of ONNX i, o, f, c.
        np.concatenate([gates[0], gates[3], gates[1], gates[2]], axis=-1)
        for gates in (
            np.split(array(weight), 4, axis=-1)
            for weight in layer.trained_weights()
        )
    )
    # ONNX has two biases, and adds them.
    biases = graph.weight(np.concatenate([bias, np.zeros_like(bias)])[None])
    matrices = kernel.T, recurrent_kernel.T
    if graph.is_int8:
        (kernel, kernel_scale), (recurrent_kernel, recurrent_scale) = (
            quantize_rows(matrix, LARGEST_FACTOR) for matrix in matrices
        )
        zeros = graph.weight(np.zeros((1, len(bias)), "int8"))
        outputs, last = graph.add(
            "DynamicQuantizeLSTM",
            x,
            graph.weight(kernel.T[None]),
            graph.weight(recurrent_kernel.T[None]),
            biases,
            lengths,
            *[""] * 3,  # states at the start, peepholes
            graph.weight(kernel_scale[None]),
            zeros,
            graph.weight(recurrent_scale[None]),
            zeros,
            outputs=2,
            domain=CONTRIBUTED,
            hidden_size=layer.units,
        )
    else:
        outputs, last = graph.add(
            "LSTM",
            x,
            *(graph.weight(matrix[None]) for matrix in matrices),
            biases,
            lengths,
            outputs=2,
            hidden_size=layer.units,
        )
    # Without the axes of directions.
    outputs = graph.add("Squeeze", outputs, graph.weight([1]))
    return outputs, graph.add("Squeeze", last, graph.weight([0]))


def add_pooling(graph, x, last, lengths):
    """`ConcatPooling`, from (T, B, E) to (B, 3 E)."""
    zero, one = (graph.weight(np.array(value)) for value in (0, 1))
    axis = graph.weight([0])
    length = graph.add("Gather", graph.add("Shape", x), zero)
    places = graph.add("Range", zero, length, one)
    places = graph.add("Unsqueeze", places, graph.weight([1, 2]))
    ends = graph.add("Unsqueeze", lengths, graph.weight([0, 2]))
    is_valid = graph.add("Less", places, ends)
    lowest, nothing = (
        graph.weight(np.array(value, "float32")) for value in (-np.inf, 0)
    )
    largest = graph.add(
        "ReduceMax",
        graph.add("Where", is_valid, x, lowest),
        axes=[0],
        keepdims=0,
    )
    total = graph.add(
        "ReduceSum",
        graph.add("Where", is_valid, x, nothing),
        axis,
        keepdims=0,
    )
    count = graph.add("Cast", lengths, to=onnx.TensorProto.FLOAT)
    count = graph.add("Unsqueeze", count, graph.weight([1]))
    mean = graph.add("Div", total, count)
    return graph.add("Concat", last, largest, mean, axis=1)
