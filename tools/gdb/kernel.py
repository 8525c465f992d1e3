"""The kernel's objects as GDB values: found by their symbols, walked without calling anything."""
import re

import gdb


def created(value):
    """What is in a BootObject; None before boot has made it."""
    if not bool(value["is_created_"]):
        return None
    return value["storage_"].address.cast(value.type.strip_typedefs().template_argument(0).pointer()).dereference()


def object_of(name):
    """A member of kernel_objects."""
    return created(gdb.parse_and_eval("kidney::kernel::kernel_objects")[name])


def hidden(name, file):
    """A variable of an unnamed namespace in kidney::kernel; several files may have one of this name."""
    for symbol in gdb.lookup_static_symbols(f"kidney::kernel::(anonymous namespace)::{name}"):
        if symbol.symtab.filename.endswith(file):
            return symbol.value()
    raise gdb.GdbError(f"{file} has no '{name}' (another version of the kernel?)")


def array(value):
    """The elements of a std::array."""
    elements = value["_M_elems"]
    low, high = elements.type.strip_typedefs().range()
    return [elements[n] for n in range(low, high + 1)]


def pointer(value):
    return int(value) & 0xFFFFFFFF


def enumerator(value):
    return str(value).rsplit("::", 1)[-1]


def hook_offset(element, member):
    """Where the hook of a list lies in its elements: a member, or without a name a base class."""
    for field in element.strip_typedefs().fields():
        if field.name == member or (member is None and str(field.type.strip_typedefs()).startswith("boost::intrusive::list_base_hook<")):
            return field.bitpos // 8
        if field.is_base_class:
            below = hook_offset(field.type, member)
            if below is not None:
                return field.bitpos // 8 + below
    return None


def hooked(first_node, end, element, member):
    """The objects that hang in an intrusive list, in its order: from a node to the end node."""
    offset = hook_offset(element, member)
    node, seen = first_node, 0
    while node and pointer(node) != end:
        address = gdb.Value(pointer(node) - offset).cast(element.pointer())
        yield address.dereference()
        node = node["next_"]
        seen += 1
        if seen > 100_000:
            raise gdb.GdbError("a list without end: its nodes have been written over")


def hanging(value, element, member):
    """The elements of a boost::intrusive::list that are hooked by `member`."""
    header = value["data_"]["root_plus_size_"]["m_header"]
    node_type = gdb.lookup_type("boost::intrusive::list_node<void*>")
    root = header.address.cast(node_type.pointer())
    yield from hooked(root["next_"], pointer(root), element, member)


def processes():
    table = created(hidden("process_table", "kernel/process/process_table.cpp"))
    return list(hanging(table["all_"], gdb.lookup_type("kidney::kernel::Process"), "in_table")) if table is not None else []


def process(number):
    for one in processes():
        if int(one["pid"]["value_"]) == number:
            return one
    raise gdb.GdbError(f"there is no process {number}; `kidney threads` lists them")


def regions(region_map):
    region = region_map["tree_"]["first_"]
    while pointer(region):
        yield region.dereference()
        region = region["next"]


def region_line(region):
    start, size = int(region["range"]["start"]["value_"]), int(region["range"]["size"])
    traits = region["traits"]
    rights = "".join(letter if bool(traits["protection"][name]) else "-"
                     for letter, name in (("r", "read"), ("w", "write"), ("x", "execute")))
    source = pointer(traits["source"]["object_"])
    what = f"file {source:#x} from page {int(traits['source_page'])}" if source else enumerator(traits["kind"])
    return f"{start:08x}-{start + size:08x} {rights}{'s' if bool(traits['shared']) else 'p'} {size >> 10:>8} KiB  {what}"


# Of an entry of a page table: the bit and its letter.
FLAGS = ((0, "P"), (1, "W"), (2, "U"), (5, "A"), (6, "D"), (7, "L"), (8, "G"), (63, "X"))


def flags_of(entry):
    return "".join(letter for bit, letter in FLAGS if entry >> bit & 1)


def table_levels(is_pae):
    """Of each level of page tables, top first: its name, the lowest bit of its index, the bits of the index."""
    return [("pointers", 30, 2), ("directory", 21, 9), ("table", 12, 9)] if is_pae else [("directory", 22, 10), ("table", 12, 10)]


def table_entries(table, first, count, is_pae):
    """Entries of a table by its physical address. Page tables lie in the direct map of the first 896 MiB."""
    size = 8 if is_pae else 4
    memory = gdb.selected_inferior().read_memory(0xC0000000 + table + first * size, count * size).tobytes()
    return [int.from_bytes(memory[at:at + size], "little") for at in range(0, len(memory), size)]


def mapped_ranges(root, is_pae):
    """[start, end, flags]: the pages below the kernel that are present, neighbours with the same flags in one."""
    levels = table_levels(is_pae)

    def walk(table, level, base):
        _, shift, bits = levels[level]
        for index, entry in enumerate(table_entries(table, 0, 1 << bits, is_pae)):
            start = base + (index << shift)
            if start >= 0xC0000000:
                return
            if not entry & 1:
                continue
            if level == len(levels) - 1:
                yield start, start + (1 << shift), flags_of(entry)
            else:
                yield from walk(entry & 0xFFFFFF000, level + 1, start)

    run = None
    for start, end, flags in walk(root, 0, 0):
        if run and run[1] == start and run[2] == flags:
            run = (run[0], end, flags)
        else:
            if run:
                yield run
            run = (start, end, flags)
    if run:
        yield run


def run_queues():
    dispatcher = object_of("dispatcher")
    if dispatcher is None:
        return []
    placement = dispatcher["placement_"]
    return array(placement["queues_"])[:int(placement["cpus_end_"]["_M_i"])]


def name_of(thread):
    return bytes(int(c) & 0xFF for c in array(thread["name_text"])).split(b"\0")[0].decode("utf-8", "replace")


def cpu_of(thread):
    """Where it runs just now, or None."""
    for queue in run_queues():
        if pointer(queue["current"]) == pointer(thread.address):
            return int(queue["id"])
    return None


def threads():
    """Those of the processes, then what else is on a CPU or is one's idle thread; each once."""
    found = {}
    for one in processes():
        if pointer(one["thread"]):
            found[pointer(one["thread"])] = one["thread"].dereference()
    for queue in run_queues():
        for member in ("current", "idle"):
            if pointer(queue[member]):
                found.setdefault(pointer(queue[member]), queue[member].dereference())
    return list(found.values())


def thread(text):
    """By the number of its process, or by an expression that is a Thread or points to one."""
    if text.isdigit():
        found = process(int(text))["thread"]
        if not pointer(found):
            raise gdb.GdbError(f"process {text} has ended: it has no thread")
        return found.dereference()
    value = gdb.parse_and_eval(text)
    return value.dereference() if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else value


def word(address):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 4).tobytes(), "little")


def place(address):
    """function at file:line."""
    # A return address belongs to the call before it.
    block = gdb.block_for_pc(address - 1)
    while block is not None and block.function is None:
        block = block.superblock
    name = block.function.print_name if block is not None else None
    if name is None:
        text = gdb.execute(f"info symbol {address:#x}", to_string=True)
        name = text.split(" in section")[0].strip() if "No symbol" not in text else "?"
    # Without arguments; names that GDB cannot read are as long as a line.
    name = re.sub(r"\(.*", "", name.replace("(anonymous namespace)", "{anonymous}")).replace("kidney::", "")
    name = name if len(name) < 80 else name[:77] + "..."
    line = gdb.find_pc_line(address - 1)
    return name + (f" at {line.symtab.filename}:{line.line}" if line.symtab else "")


def sleeping_stack(thread):
    """Return addresses of a thread that is on no CPU: the switch has left them on its stack (switch.S)."""
    at = pointer(thread["context"]["stack_pointer"])
    if not at:
        return
    base, address = word(at + 12), word(at + 16)
    low = at
    while address >= 0xC0000000:
        yield address
        # Frames lie one above the other; anything else is the end.
        if not low < base < low + 0x10000:
            return
        low, base, address = base, word(base), word(base + 4)
