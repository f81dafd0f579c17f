"""Asks a SavedModel through TensorFlow's C API, as TensorFlow Serving does.

session_client.py LIBRARY MODEL INPUT OUTPUT REQUESTS ANSWERS [OPERATIONS]

LIBRARY is libtensorflow_cc; INPUT and OUTPUT name tensors, "operation:0".
REQUESTS is JSON: lists of texts in base64. ANSWERS is written as JSON, for
each the flat float output. OPERATIONS is a library of further operations.
Requests of a wrong type or shape are made as well, and must fail.
"""

import base64
import ctypes
import json
import sys

FLOAT, INT32, STRING = 1, 3, 7
STRING_SIZE = 24


class Pointer(ctypes.c_void_p):
    """A pointer that does not turn into an int, which C would cut off."""


class Output(ctypes.Structure):
    _fields_ = [("operation", Pointer), ("index", ctypes.c_int)]


class Session:
    def __init__(self, library, model, operations=None):
        self.c = ctypes.CDLL(library)
        for name in (
            "TF_AllocateTensor",
            "TF_GraphOperationByName",
            "TF_LoadLibrary",
            "TF_LoadSessionFromSavedModel",
            "TF_NewGraph",
            "TF_NewSessionOptions",
            "TF_NewStatus",
            "TF_TensorData",
        ):
            getattr(self.c, name).restype = Pointer
        self.c.TF_Message.restype = ctypes.c_char_p
        self.c.TF_TensorElementCount.restype = ctypes.c_int64
        self.status = self.c.TF_NewStatus()
        if operations is not None:
            self.c.TF_LoadLibrary(operations.encode(), self.status)
            self.check()
        self.graph = self.c.TF_NewGraph()
        self.session = self.c.TF_LoadSessionFromSavedModel(
            self.c.TF_NewSessionOptions(),
            None,
            model.encode(),
            (ctypes.c_char_p * 1)(b"serve"),
            1,
            self.graph,
            None,
            self.status,
        )
        self.check()

    def check(self):
        if self.c.TF_GetCode(self.status):
            raise RuntimeError(self.c.TF_Message(self.status).decode())

    def tensor(self, dtype, shape, size):
        dimensions = (ctypes.c_int64 * len(shape))(*shape)
        return self.c.TF_AllocateTensor(
            dtype, dimensions, len(shape), ctypes.c_size_t(size)
        )

    def strings(self, texts, shape=None):
        shape = [len(texts)] if shape is None else shape
        tensor = self.tensor(STRING, shape, STRING_SIZE * len(texts))
        start = self.c.TF_TensorData(tensor).value
        for place, text in enumerate(texts):
            address = Pointer(start + STRING_SIZE * place)
            self.c.TF_StringInit(address)
            self.c.TF_StringCopy(address, text, ctypes.c_size_t(len(text)))
        return tensor

    def output(self, name):
        operation, _, index = name.partition(":")
        return Output(
            self.c.TF_GraphOperationByName(self.graph, operation.encode()),
            int(index),
        )

    def run(self, name, tensor, output_name):
        result = Pointer()
        self.c.TF_SessionRun(
            self.session,
            None,
            ctypes.byref(self.output(name)),
            ctypes.byref(tensor),
            1,
            ctypes.byref(self.output(output_name)),
            ctypes.byref(result),
            1,
            None,
            0,
            None,
            self.status,
        )
        self.check()
        assert self.c.TF_TensorType(result) == FLOAT
        data = self.c.TF_TensorData(result).value
        count = self.c.TF_TensorElementCount(result)
        return (
            list((ctypes.c_float * count).from_address(data)) if count else []
        )


def main(library, model, name, output_name, requests, answers, *operations):
    session = Session(library, model, *operations)
    with open(requests) as file:
        batches = json.load(file)
    results = []
    for batch in batches:
        texts = session.strings([base64.b64decode(text) for text in batch])
        results.append(session.run(name, texts, output_name))
    for malformed in (
        session.tensor(INT32, [1], 4),
        session.strings([b"a"], [1, 1]),
        session.strings([b"a"], []),
    ):
        try:
            session.run(name, malformed, output_name)
        except RuntimeError:
            continue
        raise AssertionError("a malformed request was answered")
    session.run(name, session.strings([b"a"]), output_name)
    assert not {"tensorflow", "keras", "ulmfit_keras"} & set(sys.modules)
    with open(answers, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
