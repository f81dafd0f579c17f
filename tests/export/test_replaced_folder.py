import pytest

from ulmfit_keras.export.replaced_folder import replaced_folder


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "mark").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with replaced_folder(path, ("mark",), "model") as folder:
            (folder / "mark").write_text("new")
            raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert (path / "mark").read_text() == "old"


def test_left_overs_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / "model.partial").mkdir()
    (tmp_path / "model.partial" / "half").touch()
    with replaced_folder(tmp_path / "model", ("mark",), "model") as folder:
        (folder / "mark").touch()
    assert [file.name for file in tmp_path.rglob("*")] == ["model", "mark"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "target").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for text in "old", "new":
        with replaced_folder(link, ("mark",), "model") as folder:
            (folder / "mark").write_text(text)
        assert link.is_symlink()
        assert (tmp_path / "target" / "mark").read_text() == text
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("path", [".", "..", "../model"])
def test_the_folder_that_one_is_in_is_not_taken_away(
    tmp_path, monkeypatch, path
):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "model")
    with pytest.raises(ValueError, match="Received: path="):
        with replaced_folder(path, ("mark",), "model"):
            pass
    with replaced_folder("new", ("mark",), "model") as folder:
        (folder / "mark").touch()
    assert (tmp_path / "model" / "new" / "mark").exists()


def test_nothing_else_is_lost(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    for name in ("mark", "thesis"):
        (path / name).touch()
    with pytest.raises(ValueError, match="would be lost.*which holds thesis"):
        with replaced_folder(path, ("mark", "other"), "model"):
            pass
    (path / "thesis").rename(path / "other")
    with replaced_folder(path, ("mark", "other"), "model") as folder:
        (folder / "mark").touch()
    (path / "mark").rename(path / "other")
    with pytest.raises(ValueError, match="which holds no mark"):
        with replaced_folder(path, ("mark", "other"), "model"):
            pass


def test_two_do_not_write_into_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    with replaced_folder(tmp_path / "model", ("mark",), "model") as folder:
        (folder / "mark").write_text("first")
        with pytest.raises(OSError, match="Another run works in"):
            with replaced_folder(tmp_path / "model", ("mark",), "model"):
                pass
    assert (tmp_path / "model" / "mark").read_text() == "first"
