"""The commands below `kidney`."""
import re

import gdb

import kernel
from printers import NANOSECONDS


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


class PageTable(gdb.Command):
    """kidney pagetable ADDRESS: how the CPU translates an address, with two-level paging or PAE."""

    def __init__(self):
        super().__init__("kidney pagetable", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("usage: kidney pagetable ADDRESS (an expression, such as $eip or &kernel_objects)")
        address = int(gdb.parse_and_eval(argument)) & 0xFFFFFFFF
        is_pae = bool(int(gdb.parse_and_eval("$cr4")) & 0x20)
        table, digits = int(gdb.parse_and_eval("$cr3")) & (~0x1F if is_pae else ~0xFFF), 16 if is_pae else 8
        for name, shift, bits in kernel.table_levels(is_pae):
            index = address >> shift & (1 << bits) - 1
            entry, = kernel.table_entries(table, index, 1, is_pae)
            print(f"{name} {table:#010x}[{index}] = {entry:#0{2 + digits}x} {kernel.flags_of(entry)}")
            if not entry & 1:
                print("not present")
                return
            table = entry & 0xFFFFFF000
            if shift == 12 or (name == "directory" and entry & 0x80):
                print(f"physical {(table >> shift << shift) + (address & (1 << shift) - 1):#010x}")
                return


class Threads(gdb.Command):
    """All threads: process number, CPU, state, CPU time, name, and what they wait for."""

    def __init__(self):
        super().__init__("kidney threads", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        print(f"{'pid':>5} {'cpu':>3} {'state':8} {'CPU time':>10}  {'name':15} thread")
        for thread in kernel.threads():
            owner = thread["process"]
            number = str(int(owner["pid"]["value_"])) if kernel.pointer(owner) else "-"
            state = kernel.enumerator(thread["state"])
            seconds = int(thread["statistics"]["ran"]["nanoseconds_"]) / NANOSECONDS
            on = kernel.cpu_of(thread)
            waits = kernel.pointer(thread["waits_for"])
            print(f"{number:>5} {'-' if on is None else on:>3} {state:8} {seconds:9.3f}s  {kernel.name_of(thread):15} "
                  f"{kernel.pointer(thread.address):#x}{f', waits for {waits:#x}' if waits and state == 'waiting' else ''}")


class ProcessFunction(gdb.Function):
    """$kidney_process(PID): a pointer to a process, for expressions such as *$kidney_process(1)->thread."""

    def __init__(self):
        super().__init__("kidney_process")

    def invoke(self, number):
        return kernel.process(int(number)).address


class Backtrace(gdb.Command):
    """kidney bt PID (or an expression for a Thread): the stack of a thread, asleep or not."""

    def __init__(self):
        super().__init__("kidney bt", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("usage: kidney bt PID (or an expression for a Thread)")
        thread = kernel.thread(argument.strip())
        cpu = kernel.cpu_of(thread)
        if cpu is not None:  # QEMU shows CPUs as threads, from 1
            selected = gdb.selected_thread()
            next(one for one in gdb.selected_inferior().threads() if one.num == cpu + 1).switch()
            try:
                gdb.execute("backtrace")
            finally:
                selected.switch()
            return
        for number, address in enumerate(kernel.sleeping_stack(thread)):
            print(f"#{number:<2} {address:#010x} in {kernel.place(address)}")


class Regions(gdb.Command):
    """kidney vmas PID: the regions of a process's address space, as /proc/PID/maps has them."""

    def __init__(self):
        super().__init__("kidney vmas", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        if not argument.strip().isdigit():
            raise gdb.GdbError("usage: kidney vmas PID")
        memory = kernel.process(int(argument))["memory"]["object_"]
        if not kernel.pointer(memory):
            print("it has let go of its memory")
            return
        for region in kernel.regions(memory["regions_"]):
            print(kernel.region_line(region))


class RunQueues(gdb.Command):
    """What each CPU runs and how many wait there."""

    def __init__(self):
        super().__init__("kidney runqueue", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        for queue in kernel.run_queues():
            current = queue["current"]
            name = kernel.name_of(current.dereference()) if kernel.pointer(current) else "nobody"
            idle = " (idle)" if kernel.pointer(current) == kernel.pointer(queue["idle"]) else ""
            print(f"CPU {int(queue['id'])}: runs {name}{idle}, {int(queue['queued']['_M_i'])} queued, "
                  f"{int(queue['switches'])} switches, policy {queue['policy'].type.strip_typedefs().template_argument(0)}")


class Locks(gdb.Command):
    """Which locks are held: spin locks by CPU, mutexes by thread (debug kernels; outermost first)."""

    def __init__(self):
        super().__init__("kidney locks", gdb.COMMAND_USER)

    @staticmethod
    def _names(held):
        return [f"{rank['name'].string()} (rank {int(rank['value'])})" for rank in kernel.array(held["held_"])[:int(held["depth_"])]]

    def invoke(self, argument, from_tty):
        locals_ = kernel.array(gdb.parse_and_eval("kidney::arch::cpu_locals"))
        held = [(f"CPU {int(queue['id'])}", self._names(locals_[int(queue["id"])]["held_ranks"])) for queue in kernel.run_queues()]
        held += [(f"thread {kernel.name_of(thread)}", self._names(thread["held_mutexes"])) for thread in kernel.threads()]
        held = [(who, names) for who, names in held if names]
        for who, names in held:
            print(f"{who}: {', '.join(names)}")
        if not held:
            print("no lock is held")


class Frames(gdb.Command):
    """Physical memory: the frames of each zone, and how many are free below the CPUs' magazines and in them."""

    def __init__(self):
        super().__init__("kidney frames", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        service = kernel.object_of("frames")
        if service is None:
            print("there is no frame service yet")
            return
        zones = list(kernel.array(service["zones_"]))
        policy = re.search(r"RecordedFrames<([\w:]+)", str(zones[0].type.strip_typedefs()))
        print(f"policy {policy.group(1) if policy else '?'}, "
              f"{int(service['totals_']['total'])} frames, of them {int(service['totals_']['total_direct'])} in the direct map")
        for name, zone in zip(("dma", "direct", "high"), zones):
            at_hand = []
            for place in kernel.array(zone["magazines_"]["places_"]):
                magazine = place["value"]
                at_hand.append(192 - int(magazine["next_"]["_M_i"]) + int(magazine["leaving_"]["_M_i"]))
            print(f"{name:6} at hand of each CPU: {' '.join(map(str, at_hand[:len(kernel.run_queues()) or 1]))}")


class Log(gdb.Command):
    """kidney log [LINES]: the end of the kernel's log, as dmesg has it (20 lines, if nothing is said)."""

    def __init__(self):
        super().__init__("kidney log", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        lines = int(argument) if argument.strip().isdigit() else 20
        ring = kernel.hidden("console", "kernel/console.cpp")["ring_"]
        storage = ring["bytes_"]["_M_elems"]
        size = storage.type.sizeof
        begin, end = int(ring["begin_"]), int(ring["end_"])
        memory = gdb.selected_inferior().read_memory(int(storage.address), size).tobytes()
        text = bytes(memory[at % size] for at in range(begin, end)).decode("utf-8", "replace")
        print("\n".join(re.sub(r"^<\d>", "", line) for line in text.splitlines()[-lines:]))  # no severities, like dmesg


def register():
    for command in (Kidney, Cpus, Panic, PageTable, Threads, Backtrace, Regions, RunQueues, Locks, Frames, Log, ProcessFunction):
        command()
