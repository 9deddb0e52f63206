"""Readers of recorded machines: public data sets and the project's own format, all as readings.

Rule: a reader names what it could not read (file, line, what to do) and never guesses; no TensorFlow here.
"""

from models.recordings.own import write_recording
from models.recordings.recording import Recording
from models.recordings.registry import FORMATS, open_recordings

__all__ = ["FORMATS", "Recording", "open_recordings", "write_recording"]
