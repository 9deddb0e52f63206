"""Property tests here are judged by what they find, never by how long a loaded machine took."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
