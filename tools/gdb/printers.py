"""How GDB shows the kernel's values."""
import re

import gdb.printing

import kernel

NANOSECONDS = 1_000_000_000


class Address:
    """PhysAddr, VirtAddr and FrameNumber in hexadecimal."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{int(self.value['value_']):#010x}"


class Time:
    """Instant and Duration in seconds."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{int(self.value['nanoseconds_']) / NANOSECONDS:.9f} s"


class Ref:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        pointer = self.value["object_"]
        if int(pointer) == 0:
            return "null"
        name = str(pointer.dynamic_type.target()).replace("kidney::", "")
        return f"Ref to {name if len(name) < 60 else re.sub('<.*', '<...>', name)} at {int(pointer):#x}"


class Expected:
    """Result<T>: the value, or the error by name."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        if not bool(self.value["m_has_val"]):
            return f"error {self.value['m_unexpect']['m_val']}"
        names = [field.name for field in self.value.type.fields()]
        return f"ok {self.value['m_val']}" if "m_val" in names else "ok"


class Pid:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return str(int(self.value["value_"]))


class Thread:
    """On one line; `print/r` shows the members."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        owner = self.value["process"]
        of = f", process {int(owner['pid']['value_'])}" if kernel.pointer(owner) else ""
        on = kernel.cpu_of(self.value) if self.value.address is not None else None
        where = "" if on is None else f" on CPU {on}"
        seconds = int(self.value["statistics"]["ran"]["nanoseconds_"]) / NANOSECONDS
        return f"thread {kernel.name_of(self.value)}{of}, {kernel.enumerator(self.value['state'])}{where}, {seconds:.3f} s of CPU time"


class Region:
    """As /proc/PID/maps has it."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return kernel.region_line(self.value)


class Regions:
    """Those of an address space, in their order."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"{int(self.value['size_'])} regions"

    def children(self):
        for number, region in enumerate(kernel.regions(self.value)):
            yield f"[{number}]", region


class PageTables:
    """What the processor finds in them below the kernel: ranges of pages, and the flags of their entries."""

    def __init__(self, value):
        self.value = value
        self.is_pae = str(value.type.strip_typedefs().template_argument(0)).endswith("Pae")

    def to_string(self):
        return f"root at {int(self.value['root_']['value_']) << 12:#010x}, {int(self.value['table_count_']['_M_i'])} tables below"

    def children(self):
        for start, end, flags in kernel.mapped_ranges(int(self.value["root_"]["value_"]) << 12, self.is_pae):
            yield f"[{start:08x}-{end:08x}]", flags


class IntrusiveList:
    """Pointers to the objects that hang in it, in its order."""

    def __init__(self, value):
        self.value = value
        self.element = value.type.strip_typedefs().template_argument(0)

    def to_string(self):
        return f"list of {str(self.element).replace('kidney::', '')}"

    def children(self):
        hook = re.search(r"&[^&]*::(\w+)\s*>", str(self.value.type.strip_typedefs()))
        for number, one in enumerate(kernel.hanging(self.value, self.element, hook.group(1) if hook else None)):
            yield f"[{number}]", one.address

    def display_hint(self):
        return "array"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("kidney")
    collection.add_printer("Address", r"^kidney::Address<.*>$", Address)
    collection.add_printer("FrameNumber", r"^kidney::FrameNumber$", Address)
    collection.add_printer("Time", r"^kidney::(Instant|Duration)$", Time)
    collection.add_printer("Ref", r"^kidney::Ref<.*>$", Ref)
    collection.add_printer("Pid", r"^kidney::proc::Pid$", Pid)
    collection.add_printer("Thread", r"^kidney::kernel::Thread$", Thread)
    collection.add_printer("Region", r"^kidney::mm::Region$", Region)
    collection.add_printer("Regions", r"^kidney::mm::RegionMap<.*>$", Regions)
    collection.add_printer("PageTables", r"^kidney::mm::PageMapper<.*>$", PageTables)
    collection.add_printer("IntrusiveList", r"^boost::intrusive::list<.*>$", IntrusiveList)
    collection.add_printer("Expected", r"^tl::expected<.*>$", Expected)
    return collection
