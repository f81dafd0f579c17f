"""Checksums of files; loads nothing, since worker processes use it."""

import hashlib


def file_sha256(path):
    """The SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
