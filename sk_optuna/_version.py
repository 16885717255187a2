"""The version, in a module without imports, so that building the package need not import what it depends on."""

__version__ = "0.2.0"
