"""The report of ./kidney lab: one HTML file with its data in it."""
import json
import os

from project import ROOT

TEMPLATE = os.path.join(ROOT, "tools", "lab", "report.html")


def page(result, ranking, about):
    with open(TEMPLATE, encoding="utf-8") as file:
        template = file.read()
    data = json.dumps({"result": result, "ranking": ranking, "about": about}, separators=(",", ":"))
    # "</" would end the script; JSON may write it as "<\/".
    return template.replace("/*DATA*/null", data.replace("</", "<\\/"))
