"""The page of system calls, made from the table that dispatches them, the handlers and the list of differences."""
import glob
import os
import re

DEFINITION = re.compile(r"^(?:\[\[\w+\]\] )?(?:static |constexpr |inline |template .*)*[\w:<>&*, ]+?[ &*](?:\w+::)*(\w+)\(", re.M)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def balanced(text, at, pair):
    """The end of what begins at text[at], an opening bracket."""
    depth = 0
    for n in range(at, len(text)):
        depth += (text[n] == pair[0]) - (text[n] == pair[1])
        if depth == 0:
            return n + 1
    return len(text)


def errno_names(root):
    """{"bad_address": "EFAULT"}: the map that the kernel uses."""
    text = read(root, "kernel/syscall/errno_map.hpp")
    return dict(re.findall(r"case Errc::(\w+):\s*return (?:\w+::)*(E\w+)", text))


def of_handlers(root, name):
    """The files of that kind of name in kernel/syscall and its folders, but for trace, which only shows calls."""
    folders = [os.path.join(root, "kernel", "syscall"), os.path.join(root, "kernel", "syscall", "socket")]
    return [path for folder in folders for path in sorted(glob.glob(os.path.join(folder, name)))]


def functions(root):
    """[{name: body}]: the functions of each file with handlers."""
    files = []
    for path in of_handlers(root, "*.cpp"):
        text = read(root, path)
        found = {}
        for match in DEFINITION.finditer(text):
            end = balanced(text, match.end() - 1, "()")
            opening = re.compile(r"[^;{}()]*\{").match(text, end)
            if opening:
                body = text[opening.end() - 1:balanced(text, opening.end() - 1, "{}")]
                found[match.group(1)] = found.get(match.group(1), "") + body
        files.append(found)
    return files


def errors_of(name, bodies, seen):
    """What a function names itself, and what the functions of the same file that it calls name."""
    if name in seen:
        return set()
    seen.add(name)
    found = set(re.findall(r"fail\(Errc::(\w+)\)", bodies[name]) + re.findall(r"[?:]\s*Errc::(\w+)", bodies[name]))
    for called in set(re.findall(r"(?<![.>])\b(\w+)(?:<[\w:, ]*>)?\(", bodies[name])) & bodies.keys():
        found |= errors_of(called, bodies, seen)
    return found


def declarations(root):
    """{handler: (parameters, header, doc)}."""
    found = {}
    for path in of_handlers(root, "*_calls.hpp"):
        text = read(root, path)
        for match in re.finditer(r"((?:^///.*\n)*)^Reply (\w+)\(", text, re.M):
            end = balanced(text, match.end() - 1, "()")
            found[match.group(2)] = (" ".join(text[match.end():end - 1].split()), os.path.relpath(path, root), match.group(1))
    return found


PLAIN = {"std::uint32_t": "unsigned", "std::int32_t": "int", "std::uint64_t": "u64", "std::int64_t": "i64", "std::uint16_t": "u16",
         "VirtAddr": "void*", "Fd": "fd", "Pid": "pid"}


def signature(parameters):
    """"Process& self, Fd fd, UserPtr<T> to" -> "fd fd, T* to": what a program passes, in the order of the registers."""
    shown = []
    for parameter in re.split(r",\s*(?![^<]*>)", parameters):
        parameter = re.sub(r"UserPtr<(?:const )?([\w:]+)>", r"\1*", parameter.replace("const ", ""))
        if re.match(r"(Process|hal::TrapFrame)&", parameter):
            continue
        for long, short in PLAIN.items():
            parameter = parameter.replace(long, short)
        shown.append(re.sub(r"\b\w+::", "", parameter))
    return ", ".join(shown)


def differences(root):
    """{call: line} of the rows of docs/linux-differences.md that name a call in their first column. The last one says why."""
    found = {}
    for line in read(root, "docs/linux-differences.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        for name in re.findall(r"`(\w+)`", cells[0] if cells else ""):
            found.setdefault(name, cells[1] if len(cells) == 3 else f"there {cells[1]}; here {cells[2]}")
    return found


def page(root):
    names, files, declared, differs = errno_names(root), functions(root), declarations(root), differences(root)
    numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", read(root, HEADER)))
    text = read(root, "kernel/syscall/table.cpp")
    calls = re.findall(r"^\s+KIDNEY_CALL\((\w+), (\w+)\)", text, re.M)
    rows = []
    for call, handler in sorted(calls, key=lambda pair: int(numbers[pair[0]])):
        parameters, header, _ = declared[handler]
        bodies = next((file for file in files if handler in file), {handler: ""})
        errors = {names[error] for error in errors_of(handler, bodies, set()) if error in names}
        if "Fd " in parameters:
            errors.add("EBADF")
        if re.search(r"UserPtr|VirtAddr|Path ", parameters):
            errors.add("EFAULT")
        if "Path " in parameters:
            errors |= {"ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "EACCES"}
        rows.append(f"| {numbers[call]} | [`{call}`](../../{header}) | `{signature(parameters) or 'void'}` | "
                    f"{' '.join(sorted(errors)) or '–'} | {differs.get(call, '')} |")
    return PAGE.format(count=len(rows), rows="\n".join(rows))


HEADER = "/usr/i686-linux-gnu/include/asm/unistd_32.h"

PAGE = """---
hide: [toc]
---
# System calls

The {count} calls of the table in [kernel/syscall/table.cpp](../../kernel/syscall/table.cpp), by number. This page is made
from that table, from the declarations of its handlers and from [the differences from Linux](../linux-differences.md).

Number in EAX, arguments in EBX, ECX, EDX, ESI, EDI, EBP, then `int $0x80` (or the vDSO's `__kernel_vsyscall`). The answer
is in EAX; from -4095 to -1 it is minus the error. *Errors* are those that the handler and the functions beside it
name, and those of reading its arguments (a descriptor, an address, a path); what the call reaches adds its own: a file
system, a terminal, a full memory (ENOSPC, EIO, ENOMEM, ...). What is not in the
table is ENOSYS. [What happens on the way](../../kernel/syscall/README.md) is told beside the code.

| no. | call | arguments | errors | differs from Linux |
| --: | --- | --- | --- | --- |
{rows}
"""
