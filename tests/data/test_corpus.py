import gzip
import lzma

from ulmfit_keras.data.corpus import count_words
from ulmfit_keras.data.corpus import encode_corpus
from ulmfit_keras.data.corpus import read_documents
from ulmfit_keras.text import Vocabulary

CORPUS = "= One =\nThe cat.\n\n\n= Two =\nthe dog\n\n"


def test_documents_end_at_blank_lines(tmp_path):
    for opener, name in ((gzip.open, "a.gz"), (lzma.open, "a.xz")):
        with opener(tmp_path / name, "wt", encoding="utf-8") as file:
            file.write(CORPUS)
        assert list(read_documents(tmp_path / name)) == [
            "= One =\nThe cat.\n",
            "= Two =\nthe dog\n",
        ]


def test_corpus_becomes_ids_that_open_with_a_beginning(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS, encoding="utf-8")
    counts = count_words([path])
    assert counts["the"] == 2
    vocabulary = Vocabulary.build(counts, min_count=1)
    ids = encode_corpus([path], vocabulary, tmp_path / "ids.npy")
    tokens = [vocabulary.tokens[i] for i in ids]
    assert (
        tokens
        == (
            "xxbos = xxmaj one = xxmaj the cat . xxbos = xxmaj two = the dog"
        ).split()
    )
    assert ids.dtype == "uint16"
    path.unlink()
    again = encode_corpus([path], vocabulary, tmp_path / "ids.npy")
    assert again.tolist() == ids.tolist()
