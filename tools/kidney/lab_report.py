"""The report of ./kidney lab: one HTML file with its data in it, made from tools/lab."""
import json
import os

from project import ROOT


def text_of(name):
    with open(os.path.join(ROOT, "tools", "lab", name), encoding="utf-8") as file:
        return file.read()


def page(subject, result, about):
    data = json.dumps({"result": result, "ranking": subject.ranking(result), "about": about}, separators=(",", ":"))
    page = text_of(f"{subject.NAME}.html")
    # The data last: names in it come from outside. "</" would end the script; JSON may write it as "<\\/".
    for place, text in (("/*STYLE*/\n", text_of("report.css")), ("/*COMMON*/\n", text_of("report.js")),
                        ("/*DATA*/null", data.replace("</", "<\\/"))):
        page = page.replace(place, text, 1)
    return page
