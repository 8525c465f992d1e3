"""Pages that are made from the sources, {path: Markdown}."""
import re

import assignment
import system_calls


def pages(root):
    made = {"docs/reference/system-calls.md": system_calls.page(root)}
    for name in assignment.names():
        task = assignment.find(name)
        # As those see it who have no variant of their own.
        values = {**task.variant(None), "mutant_count": str(len(task.mutants))}
        text = assignment.fill(task.read("chapter.md.in"), values)
        # In a student's tree it stands at the top.
        made[f"course/{name}/chapter.md"] = re.sub(r"\]\((?!figures/|#|\w+:)", "](../../", text)
    return made
