[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
python3 -S <<'END'
import errno, gc, itertools, math, os, posix, select, sys, time, zlib, signal
print(sys.version_info[:2], sys.maxsize, os.name, sys.platform, math.pi, 2 ** 100, 0.1 + 0.2)
print(zlib.crc32(b"hello"), len(zlib.compress(b"x" * 100000)))
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(w, b"child")
    os._exit(5)
print(os.waitpid(pid, 0)[1], os.read(r, 10), os.system("exit 3"))
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
signal.pause()
with open("f", "w") as f:
    f.write("x" * 100000)
print(os.stat("f").st_size, os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK"))
try:
    os.rmdir("nope")
except OSError as e:
    print(e)
def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)
sys.setrecursionlimit(100000)
print(deep(5000))
x = bytearray(20_000_000)
x[::4096] = b"a" * len(x[::4096])
print(x.count(b"a"))
print(posix.spawn if False else posix.posix_spawn("/bin/echo", ["echo", "spawned"], {}) > 0, os.wait()[1])
sys.exit(4)
END
echo $?
printf '#!/usr/bin/python3 -S\nimport sys\nprint(sys.argv)' > s; chmod +x s; ./s a
