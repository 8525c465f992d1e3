"""GDB commands and pretty printers for the kernel. `./kidney run --gdb` loads them; so can any GDB:

    (gdb) source tools/gdb/kidney.py
    (gdb) kidney

Values are read through the symbols only: nothing is called in the kernel, so this is safe after a panic too.
"""
import gdb
import gdb.printing

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
        return "null" if int(pointer) == 0 else f"Ref to {pointer.dynamic_type.target()} at {int(pointer):#x}"


class Expected:
    """Result<T>: the value, or the error by name."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        if not bool(self.value["m_has_val"]):
            return f"error {self.value['m_unexpect']['m_val']}"
        names = [field.name for field in self.value.type.fields()]
        return f"ok {self.value['m_val']}" if "m_val" in names else "ok"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("kidney")
    collection.add_printer("Address", r"^kidney::Address<.*>$", Address)
    collection.add_printer("FrameNumber", r"^kidney::FrameNumber$", Address)
    collection.add_printer("Time", r"^kidney::(Instant|Duration)$", Time)
    collection.add_printer("Ref", r"^kidney::Ref<.*>$", Ref)
    collection.add_printer("Expected", r"^tl::expected<.*>$", Expected)
    return collection


class Kidney(gdb.Command):
    """Commands for KidneyOS: `kidney` lists them."""

    def __init__(self):
        super().__init__("kidney", gdb.COMMAND_USER, gdb.COMPLETE_NONE, prefix=True)

    def invoke(self, argument, from_tty):
        gdb.execute("help kidney")


class Cpus(gdb.Command):
    """Where each CPU is (QEMU shows CPUs to GDB as threads)."""

    def __init__(self):
        super().__init__("kidney cpus", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        selected = gdb.selected_thread()
        for cpu in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
            cpu.switch()
            frame = gdb.newest_frame()
            print(f"CPU {cpu.num - 1}: {frame.name() or '?'} at {frame.pc():#x}")
        if selected:
            selected.switch()


class Panic(gdb.Command):
    """Stop at the next kernel panic, with the stack as it was."""

    def __init__(self):
        super().__init__("kidney panic", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        gdb.Breakpoint("kidney::kernel::panic")


class PageWalk(gdb.Command):
    """kidney page ADDRESS: how the CPU translates an address, with two-level paging."""

    def __init__(self):
        super().__init__("kidney page", gdb.COMMAND_USER)

    @staticmethod
    def _entry(table, index):
        # Page tables lie in the direct map of the first 896 MiB.
        address = 0xC0000000 + table + index * 4
        return int.from_bytes(gdb.selected_inferior().read_memory(address, 4).tobytes(), "little")

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("usage: kidney page ADDRESS (an expression, such as $eip or &kernel_objects)")
        address = int(gdb.parse_and_eval(argument)) & 0xFFFFFFFF
        if int(gdb.parse_and_eval("$cr4")) & 0x20:
            raise gdb.GdbError("this image uses PAE; the command knows two-level paging only")
        directory = int(gdb.parse_and_eval("$cr3")) & ~0xFFF
        top = self._entry(directory, address >> 22)
        print(f"directory {directory:#010x}[{address >> 22}] = {top:#010x}")
        if not top & 1:
            print("not present")
        elif top & 0x80:
            print(f"large page at {top & 0xFFC00000:#010x}, physical {(top & 0xFFC00000) + (address & 0x3FFFFF):#010x}")
        else:
            table = top & ~0xFFF
            entry = self._entry(table, address >> 12 & 0x3FF)
            print(f"table {table:#010x}[{address >> 12 & 0x3FF}] = {entry:#010x}")
            print(f"physical {(entry & ~0xFFF) + (address & 0xFFF):#010x}" if entry & 1 else "not present")


gdb.printing.register_pretty_printer(None, printers(), replace=True)
Kidney()
Cpus()
Panic()
PageWalk()
