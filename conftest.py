"""Imports both packages before any test: a folder of the same name beside the tests would hide them otherwise."""

import arlearn
import openbook

__all__ = ["arlearn", "openbook"]
