"""An assignment: its manifest, the variants that a seed makes of it, and texts filled in for one of them."""
import hashlib
import os
import re
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
COURSE = os.path.dirname(HERE)
ROOT = os.path.dirname(COURSE)
HANDED_OUT = os.path.join(COURSE, "handout.json")  # only in a student's tree

PLACE = re.compile(r"@(\w+)@")


class Mistake(Exception):
    """Something that the person at the keyboard can put right."""


def names():
    return sorted(entry for entry in os.listdir(COURSE) if os.path.exists(os.path.join(COURSE, entry, "assignment.toml")))


def find(text):
    """The assignment called so, or with this number: "1", "01", "01-frames"."""
    for name in names():
        if text == name or (text.isdigit() and name.split("-")[0].isdigit() and int(name.split("-")[0]) == int(text)):
            return Assignment(name)
    raise Mistake(f"there is no assignment '{text}'. The assignments are: {', '.join(names())}")


def common_handout():
    """What is the same in all handouts."""
    return _load(os.path.join(COURSE, "handout.toml"))


def _load(path):
    try:
        with open(path, "rb") as opened:
            return tomllib.load(opened)
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{os.path.relpath(path, ROOT)}: {error}") from error


def _camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


class Assignment:
    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(COURSE, name)
        self.manifest = self._load("assignment.toml")

    def _load(self, file):
        return _load(os.path.join(self.folder, file))

    @property
    def hidden(self):
        """What only the instructor's tree knows; empty in a student's."""
        return self._load("hidden.toml") if os.path.exists(os.path.join(self.folder, "hidden.toml")) else {}

    @property
    def handout(self):
        return self._load("handout.toml")

    @property
    def mutants(self):
        return self._load("mutants.toml")["mutants"] if os.path.exists(os.path.join(self.folder, "mutants.toml")) else []

    @property
    def given(self):
        return self.manifest.get("given", {})

    def read(self, file):
        with open(os.path.join(self.folder, file), encoding="utf-8") as opened:
            return opened.read()

    def reference(self, key):
        """The text of our solution of a part, with places to be filled in; None where there is none: in a student's tree."""
        policy = next(policy for policy in self.manifest["policies"] if policy["key"] == key)
        path = os.path.join(ROOT, policy["reference"]) if "reference" in policy else os.path.join(self.folder, "reference", f"{key}.hpp.in")
        if not os.path.exists(path) or os.path.exists(HANDED_OUT):
            return None
        with open(path, encoding="utf-8") as opened:
            return opened.read()

    def variant(self, seed=None):
        """{key: text}. Without a seed the first of everything.

        Seeds that are numbers less than 64 apart never agree in all the choices: last year's solution places
        differently, or counts something else, whatever its class is called. Other seeds may happen to.
        """
        values = {"assignment": self.name, "variant": "" if seed is None else str(seed)}
        digest = hashlib.sha256(f"{self.name}/{seed}".encode()).digest()
        index = 0
        if seed is not None:
            # An odd step: neighbouring years differ in several choices, not in the last one only.
            index = int(seed) * 37 if re.fullmatch(r"\d{1,18}", str(seed)) else int.from_bytes(digest[:8], "big")
        for choice in self.manifest.get("choices", []):
            index, which = divmod(index, len(choice["options"]))
            values.update(choice["options"][which])
        for number, entry in enumerate(self.manifest.get("names", [])):
            which = 0 if seed is None else digest[8 + number] % len(entry["values"])
            values[entry["key"]] = entry["values"][which]
            values[_camel(entry["key"])] = _camel(entry["values"][which])
        return values

    def behaviour(self, seed):
        """The choices alone, without the names."""
        values = self.variant(seed)
        return tuple(values[key] for choice in self.manifest.get("choices", []) for key in sorted(choice["options"][0]))


def fill(text, values):
    """Puts the variant's values in the places of @key@."""
    def value(match):
        if match.group(1) not in values:
            raise Mistake(f"@{match.group(1)}@ is no key of the variant; there are: {', '.join(sorted(values))}")
        return values[match.group(1)]
    return PLACE.sub(value, text)
