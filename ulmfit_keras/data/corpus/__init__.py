"""Prepare general text for pretraining: token ids on disk."""
