"""Readers of machines that lived and died: public data sets and a plant's own tables, all as lives.

Rule: a reader names what it could not read (file, line, what to do) and says what it left out; no TensorFlow
here.
"""

from models.lives.life_set import LifeSet
from models.lives.registry import FORMATS, open_lives

__all__ = ["FORMATS", "LifeSet", "open_lives"]
