"""Headings get the anchors that a repository browser gives them, so that one link serves both."""
import re


def slug(text, separator="-"):
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", separator)
