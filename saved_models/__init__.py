"""Presets of this project; a package so that installing brings them."""
