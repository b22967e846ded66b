"""Imports both packages before any test: a folder of the same name beside the tests would hide them otherwise."""

from hypothesis import settings

import arlearn
import openbook

__all__ = ["arlearn", "openbook"]

# A busy machine is no failure: how long one example takes is not judged.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
