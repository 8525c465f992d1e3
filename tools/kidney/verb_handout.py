"""./kidney handout: makes the tree that students get for an assignment."""
import os
import sys

from project import ROOT, Arguments, say

sys.path.insert(0, os.path.join(ROOT, "course", "engine"))
import assignment  # noqa: E402
import student_tree  # noqa: E402


def parse(arguments):
    parser = Arguments("handout", "Makes a student's tree: the project without the solution, with the skeleton in its place and a "
                       "history of its own.",
                       [("1 --out ../frames", "the tree of the first assignment"),
                        ("frames --variant 2027 --out ../frames", "with other names and rules")], epilog="assignments: " + ", ".join(assignment.names()))
    parser.add_argument("assignment", help="number or name").words = assignment.names
    parser.add_argument("--out", metavar="DIR", required=True, help="where to put it: a folder that is not there, or empty")
    parser.add_argument("--variant", metavar="SEED", help="other names and rules; a year, for example. Grade with the same")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    try:
        chosen = assignment.find(options.assignment)
        tree = student_tree.make(chosen, options.variant, os.path.abspath(options.out))
    except assignment.Mistake as mistake:
        say(mistake)
        return 2
    values = chosen.variant(options.variant)
    choices = ", ".join(f"{key} {values[key]}" for key in chosen.manifest.get("shown", []))
    print(f"{options.out}: {len(tree)} files, {chosen.manifest['title']}{', variant ' + options.variant if options.variant else ''}")
    if choices:
        print(f"  {choices}")
    return 0
