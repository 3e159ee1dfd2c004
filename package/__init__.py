"""Why memorisation keeps a spurious feature, and which training method cures it, for how long."""

from importlib.metadata import version

__version__ = version("pitfalls")
__all__ = ["__version__"]
