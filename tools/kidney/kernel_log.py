"""What the kernel hands over through its log: blocks of lines among the others."""
import re


def cut_out(log, module, magic):
    """(the blocks, the log without them). A block is a list of lines of `module`, without its name: from one that begins with
    `magic` to one that begins with the word `end`. One without an end is in neither."""
    line_of_module = re.compile(rf"(?:\[[^\]]*\] )?{module}: (.*)")
    blocks, rest, block = [], [], None
    for line in log.splitlines(keepends=True):
        match = line_of_module.match(line.rstrip("\r\n"))
        if match and block is None and match[1].startswith(magic):
            block = []
        if block is None or not match:
            rest.append(line)
            continue
        block.append(match[1])
        if match[1].split(" ", 1)[0] == "end":
            blocks.append(block)
            block = None
    return blocks, "".join(rest)
