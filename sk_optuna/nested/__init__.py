"""Nested cross-validation as a result."""
