"""A verification, figures and what they were made with, in one page of HTML."""

from .page import report
from .picture import PICTURE_DPI, Picture

__all__ = ["PICTURE_DPI", "Picture", "report"]
