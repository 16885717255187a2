"""Tests, a package: worker processes find them here, and not what another package has installed as `tests`."""
