"""./kidney laws: judges policies by the laws of their contract, each in a program of its own.

Builds the judge and the subjects that are asked for, nothing else: from an edit of a policy to its verdict in a few
seconds. Leaves build/laws/<slot>.<policy>.json and .xml (JUnit).
"""
import os
import subprocess

import build
from project import BUILD, Arguments, Failure, policies_of, say

OUTPUT = os.path.join(BUILD, "laws")
SLOTS = ("frame_allocator",)
LAWS = tuple(f"F{n}" for n in range(1, 9))


def parse(arguments):
    parser = Arguments("laws", "Judges policies by the laws of their contract.",
                       [("frame_allocator", "every policy of the slot"),
                        ("frame_allocator buddy_bitmap --law F5", "one policy, one law")])
    parser.add_argument("slot", choices=SLOTS, help="the policy slot")
    parser.add_argument("policy", nargs="*", help="which policies; all of the slot if none is named").words = lambda: [name for slot in SLOTS for name in policies_of(slot)]
    parser.add_argument("--law", choices=LAWS, help="only this law, tried by its own call sequences alone")
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="how many call sequences of each kind (2)")
    return parser.parse_args(arguments)


def chosen_policies(options):
    known = policies_of(options.slot)
    unknown = [name for name in options.policy if name not in known]
    if unknown:
        raise Failure(f"{options.slot} has no policy '{unknown[0]}'. The policies are: {', '.join(known)}", 2)
    return options.policy or known


def main(arguments):
    options = parse(arguments)
    os.makedirs(OUTPUT, exist_ok=True)
    try:
        policies = chosen_policies(options)
        subjects = [f"subject_{options.slot}_{name}" for name in policies]
        tree = build.build("host-debug", ["judge", *subjects])
    except Failure as failure:
        say(failure)
        return failure.status
    programs = os.path.join(tree, "tests", "judge")
    worst = 0
    for name, subject in zip(policies, subjects):
        results = os.path.join(OUTPUT, f"{options.slot}.{name}")
        print(name, flush=True)
        command = [os.path.join(programs, "judge"), "--subject", os.path.join(programs, subject),
                   "--json", results + ".json", "--junit", results + ".xml", "--seeds", str(options.seeds),
                   "--reproduce", f"./kidney laws {options.slot} {name} --law {{law}}"]
        worst = max(worst, subprocess.run(command + (["--law", options.law] if options.law else [])).returncode)
    return worst
