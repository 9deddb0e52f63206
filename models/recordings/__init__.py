"""Readers of recorded machines: public data sets and the project's own format, all as readings.

Rule: a reader names what it could not read (file, line, what to do) and never guesses; no TensorFlow here.
"""

from models.recordings.own import write_recording
from models.recordings.recording import Recording

__all__ = ["Recording", "write_recording"]
