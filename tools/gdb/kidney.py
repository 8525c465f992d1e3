"""GDB commands and pretty printers for the kernel. `./kidney run --gdb` loads them; so can any GDB:

    (gdb) source tools/gdb/kidney.py
    (gdb) kidney

Values are read through the symbols only: nothing is called in the kernel, so this is safe after a panic too.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import gdb.printing  # noqa: E402

import commands  # noqa: E402
import printers  # noqa: E402

# In a frame of assembly GDB reads expressions as C, and finds nothing that is in a namespace.
gdb.execute("set language c++")

gdb.printing.register_pretty_printer(None, printers.printers(), replace=True)
commands.register()
