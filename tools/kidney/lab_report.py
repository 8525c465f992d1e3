"""The report of ./kidney lab: one HTML file with its data in it, made from tools/lab."""
import json
import re

import html_page


def page(subject, result, about):
    more = subject.for_page(result) if hasattr(subject, "for_page") else {}
    data = json.dumps({"result": result, "ranking": subject.ranking(result), "about": about, **more}, separators=(",", ":"))
    body = html_page.text_of("lab", f"{subject.NAME}.html")
    # The data last: names in it come from outside. "</" would end the script; JSON may write it as "<\\/".
    for place, text in (("/*COMMON*/\n", html_page.text_of("lab", "report.js")), ("/*DISK*/\n", html_page.text_of("lab", "disk.js")),
                        ("/*DATA*/null", data.replace("</", "<\\/"))):
        body = body.replace(place, text, 1)
    return html_page.page(re.search("<h1>(.*)</h1>", body)[1], body, subject.NAME)
