"""An HTML page as all reports here are: one file with everything in it, no network, light and dark, one style (tools/page)."""
import html
import os

from project import ROOT


def text_of(*path):
    with open(os.path.join(ROOT, "tools", *path), encoding="utf-8") as file:
        return file.read()


def page(title, body, subject, style=""):
    """`body` has <header>, <main> and <footer>; `subject` is what its style and scripts may ask for; `style` is its own."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{text_of("page", "page.css")}{style}</style>
</head>
<body data-subject="{html.escape(subject)}">
{body}</body>
</html>
"""
