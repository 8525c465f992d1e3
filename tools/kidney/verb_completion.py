"""./kidney completion: a script with which bash or zsh completes verbs, options, and what options and arguments can be. It is
made from the parsers of the verbs; who loads it when a shell starts always has those of today."""
import importlib
import shlex

from project import Arguments, parser_of

FILES, FOLDERS = {"FILE"}, {"DIR", "tree"}  # names of values that are paths

BASH = """\
# For ~/.bashrc:  source <(/path/to/kidney completion bash)
_kidney() {{
    # `=` separates words for bash; what it separates is one word for us.
    local words=() word part index before='' verb='' previous current
    for ((index = 1; index <= COMP_CWORD; index++)); do
        part=${{COMP_WORDS[index]}}
        if [[ ${{#words[@]}} -gt 0 && ( $part == = || $before == = ) ]]; then
            words[-1]+=$part
        else
            words+=("$part")
        fi
        before=$part
    done
    [ "${{words[0]-}}" = --build ] && [ ${{#words[@]}} -gt 2 ] && words=("${{words[@]:2}}")
    current=${{words[-1]-}} previous=
    [ ${{#words[@]}} -gt 1 ] && verb=${{words[0]}} previous=${{words[-2]}}
    local options='' values='' paths=''
    case $verb in
        '' | help) values={verbs} options=--build ;;
{verb_cases}
    esac
    case "$verb $previous" in
        ' --build') options='' values='' paths=-d ;;
{value_cases}
    esac
    [[ $current == -* ]] && values=$options paths=
    COMPREPLY=()
    if [ -n "$paths" ]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen $paths -- "$current")
    fi
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$values" -- "$current")
    # Of a word with `=`, bash wants what comes behind it.
    if [[ $current == *=* ]]; then COMPREPLY=("${{COMPREPLY[@]#"${{current%=*}}="}}"); fi
}}
complete -F _kidney kidney ./kidney"""

ZSH = """\
#compdef kidney
# For ~/.zshrc, after compinit:  source <(/path/to/kidney completion zsh)
_kidney() {{
    local curcontext=$curcontext state line
    _arguments -C '--build[where to put all that is made]:folder:_files -/' '1:verb:(({verbs}))' '*::argument:->arguments'
    [[ $state == arguments ]] || return
    case $line[1] in
{verb_cases}
    esac
}}
compdef _kidney kidney ./kidney"""


def parse(arguments):
    parser = Arguments("completion", "Prints a script that makes a shell complete what ./kidney can be told.",
                       [("bash", "for bash; see the first line of what is printed"),
                        ("zsh", "for zsh; see its second line")])
    parser.add_argument("shell", choices=["bash", "zsh"], help="which one")
    return parser.parse_args(arguments)


def parsers():
    """{verb: its parser, or None: it takes no arguments}"""
    from main import VERBS
    return {verb: parser_of(importlib.import_module(module)) if module else None for verb, (module, _) in VERBS.items()}


def words_of(action):
    """What the value can be, or None: anything."""
    if action.choices is not None:
        return list(action.choices)
    return action.words() if hasattr(action, "words") else None


def kind_of(action):
    name = action.metavar or action.dest
    return "files" if name in FILES else "folders" if name in FOLDERS else None


def bash(found):
    verb_cases, value_cases = [], []
    for verb, parser in found.items():
        if parser is None:
            continue
        flags, words, paths = [], [], ""
        for action in parser._actions:
            known, kind = words_of(action), kind_of(action)
            compgen = {"files": "-f", "folders": "-d", None: "''"}[kind]
            flags += [flag for flag in action.option_strings if flag.startswith("--")]
            if action.option_strings and action.nargs != 0:
                pattern = " | ".join(shlex.quote(f"{verb} {flag}") for flag in action.option_strings)
                value_cases.append(f"        {pattern}) values={shlex.quote(' '.join(known or []))} paths={compgen} ;;")
            elif not action.option_strings:
                words += known or []
                paths = compgen if kind else paths
        verb_cases.append(f"        {verb}) options={shlex.quote(' '.join(flags))} values={shlex.quote(' '.join(words))} "
                          f"paths={paths or repr('')} ;;")
    return BASH.format(verbs=shlex.quote(" ".join([*found, "help"])), verb_cases="\n".join(verb_cases),
                       value_cases="\n".join(value_cases))


def zsh_text(text):
    """As a description in an argument of _arguments."""
    return "".join("\\" + letter if letter in "[]:\\" else letter for letter in text.replace("%%", "%"))


def zsh_value(action):
    known, kind = words_of(action), kind_of(action)
    name = zsh_text(str(action.metavar or action.dest))
    if known is not None:
        return f":{name}:({' '.join(word.replace(':', chr(92) + ':') for word in known)})"
    return f":{name}:" + {"files": "_files", "folders": "_files -/", None: " "}[kind]


def zsh(found):
    from main import VERBS
    cases = []
    for verb, parser in found.items():
        arguments = []
        for action in parser._actions if parser else []:
            about = zsh_text(action.help or "")
            repeated = type(action).__name__ == "_AppendAction"
            for flag in action.option_strings:
                arguments.append(f"{'*' if repeated else ''}{flag}[{about}]{'' if action.nargs == 0 else zsh_value(action)}")
            if not action.option_strings:
                arguments.append(("*" if action.nargs in ("*", "+") else "") + zsh_value(action))
        if arguments:
            cases.append(f"        {verb}) _arguments " + " ".join(map(shlex.quote, arguments)) + " ;;")
    verbs = " ".join(f'{verb}\\:"{VERBS[verb][1]}"' for verb in found)
    return ZSH.format(verbs=verbs.replace("'", "'\\''"), verb_cases="\n".join(cases))


def main(arguments):
    options = parse(arguments)
    print({"bash": bash, "zsh": zsh}[options.shell](parsers()))
    return 0
