"""How GDB shows the kernel's values."""
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
