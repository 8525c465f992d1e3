/// The texts of /proc that need nothing but numbers and the mount table.
#pragma once

#include "fs/block/counting_block_device.hpp"
#include "fs/procfs/text.hpp"
#include "fs/vfs/vfs.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu_description.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

struct MemoryNumbers {
    std::uint64_t total_kib = 0, free_kib = 0;
    std::uint64_t available_kib = 0;  ///< for programs, without anybody's end
    std::uint64_t cached_kib = 0;     ///< of files that are elsewhere as well
    std::uint64_t shared_kib = 0;     ///< of files that are only in memory
    std::uint64_t dirty_kib = 0;      ///< of the cached: changed, and not on the disk yet
    std::uint64_t writeback_kib = 0;  ///< of the cached: on their way there
};
/// /proc/meminfo: what free(1) and top(1) look for.
inline void write_meminfo(const MemoryNumbers& m, TextOutput& out) noexcept {
    format_to(out,
              "MemTotal:       {:8} kB\nMemFree:        {:8} kB\nMemAvailable:   {:8} kB\n"
              "Buffers:        {:8} kB\nCached:         {:8} kB\nShmem:          {:8} kB\n"
              "SwapTotal:      {:8} kB\nSwapFree:       {:8} kB\nDirty:          {:8} kB\n"
              "Writeback:      {:8} kB\nSReclaimable:   {:8} kB\n",
              m.total_kib, m.free_kib, m.available_kib, 0U, m.cached_kib + m.shared_kib,
              m.shared_kib, 0U, 0U, m.dirty_kib, m.writeback_kib, 0U);
}
/// /proc/uptime: seconds since boot, and what all CPUs together were idle.
inline void write_uptime(Instant now, Duration idle, TextOutput& out) noexcept {
    const auto seconds = [&](std::uint64_t nanoseconds, char end) {
        format_to(out, "{}.{:02}{}", nanoseconds / 1'000'000'000, nanoseconds / 10'000'000 % 100,
                  end);
    };
    seconds(now.nanoseconds(), ' ');
    seconds(static_cast<std::uint64_t>(idle.count()), '\n');
}
/// CPU time in ticks of 1/100 s, as /proc/stat has it.
struct CpuTicks {
    std::uint64_t user = 0, system = 0, idle = 0;
};
/// A line of /proc/stat: `name` is "cpu" for all, "cpu0" and so on for one. Nice, iowait and what
/// follows are not told apart.
inline void write_cpu_ticks(std::string_view name, const CpuTicks& t, TextOutput& out) noexcept {
    format_to(out, "{} {} 0 {} {} 0 0 0 0 0 0\n", name, t.user, t.system, t.idle);
}
/// What a CPU did with threads; times in nanoseconds.
struct CpuSchedulingNumbers {
    std::uint32_t cpu = 0, yields = 0, picks = 0, idles = 0, wakeups = 0, wakeups_here = 0;
    std::uint64_t ran = 0, waited = 0;
};
/// The head of /proc/schedstat, in its version 15.
inline void write_schedstat_head(std::uint64_t clock_ticks, TextOutput& out) noexcept {
    format_to(out, "version 15\ntimestamp {}\n", clock_ticks);
}
/// A CPU's line of it: yields, a number that is always 0, switches, to the idle thread, wake-ups,
/// those by the CPU itself, time that threads ran and that they waited for it, and turns.
inline void write_schedstat(const CpuSchedulingNumbers& n, TextOutput& out) noexcept {
    format_to(out, "cpu{} {} 0 {} {} {} {} {} {} {}\n", n.cpu, n.yields, n.picks + n.idles, n.idles,
              n.wakeups, n.wakeups_here, n.ran, n.waited, n.picks);
}
/// /proc/loadavg, from hundredths.
struct LoadNumbers {
    std::array<std::uint32_t, 3> hundredths{};
    std::size_t runnable = 0, threads = 0;
    std::uint32_t last_pid = 0;
};
inline void write_loadavg(const LoadNumbers& load, TextOutput& out) noexcept {
    for (const std::uint32_t h : load.hundredths) {
        format_to(out, "{}.{:02} ", h / 100, h % 100);
    }
    format_to(out, "{}/{} {}\n", load.runnable, load.threads, load.last_pid);
}
/// One processor's part of /proc/cpuinfo.
inline void write_cpuinfo(std::uint32_t number, const hal::CpuDescription& cpu,
                          TextOutput& out) noexcept {
    constexpr std::uint64_t megahertz = 1'000'000;
    format_to(out, "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n", number,
              cpu.vendor.view(), cpu.family, cpu.model);
    format_to(out, "model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {}.{:03}\n", cpu.name.view(),
              cpu.stepping, cpu.hertz / megahertz, cpu.hertz % megahertz / 1000);
    format_to(out, "flags\t\t: {}\n\n", cpu.features.view());
}
/// /proc/partitions: a heading, then a line for each disk.
inline constexpr std::string_view partitions_heading = "major minor  #blocks  name\n\n";
inline void write_partition(DeviceNumber number, std::uint64_t bytes, std::string_view name,
                            TextOutput& out) noexcept {
    format_to(out, "{:4} {:8} {:10} {}\n", number.major, number.minor, bytes / 1024, name);
}
/// The numbers of one disk, as /sys/block has them, too.
inline void write_disk_numbers(const BlockStatistics& s, TextOutput& out) noexcept {
    const auto milliseconds = [](Duration d) noexcept { return d.count() / 1'000'000; };
    for (const RequestCount& c : {s.read, s.written}) {
        format_to(out, " {} 0 {} {}", c.requests, c.bytes / 512, milliseconds(c.time));
    }
    const std::int64_t busy = milliseconds(s.read.time + s.written.time + s.discarded.time);
    format_to(out, " {} {} {} {} 0 {} {} {} 0\n", s.in_flight, busy, busy, s.discarded.requests,
              s.discarded.bytes / 512, milliseconds(s.discarded.time), s.flushes);
}
/// A line of /proc/diskstats: requests, merged ones, sectors and milliseconds for reading, the same
/// for writing; what is under way, and how long something was; the first four again, for
/// discarding; flushes.
inline void write_disk_statistics(DeviceNumber number, std::string_view name,
                                  const BlockStatistics& s, TextOutput& out) noexcept {
    format_to(out, "{:4} {:7} {}", number.major, number.minor, name);
    write_disk_numbers(s, out);
}
/// A random UUID (version 4) made of these bytes, as /proc/sys/kernel/random has it.
inline void write_uuid(std::span<const std::byte, 16> bytes, TextOutput& out) noexcept {
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        auto byte = std::to_integer<std::uint32_t>(bytes[n]);
        byte = n == 6 ? (byte & 0x0fU) | 0x40U : n == 8 ? (byte & 0x3fU) | 0x80U : byte;
        format_to(out, "{}{:02x}", n == 4 || n == 6 || n == 8 || n == 10 ? "-" : "", byte);
    }
    out.write("\n");
}
/// Calls f(MountView, path of the mount point) for each mount that `root` leads to.
template <class V, class F>
void for_each_mount(V& vfs, const Place& root, F&& f) noexcept {
    for (MountView at = vfs.mounts().next(0); at; at = vfs.mounts().next(at.mount->number())) {
        std::array<char, 512> path;
        const Place place{Ref<Mount>(at.mount), Ref<Vnode>::share(at.mount->root())};
        if (const auto where = vfs.path_of(root, place, path)) {
            f(at, *where);
        }
    }
}
/// A path or a source as one field: Linux writes what would end it in octal.
inline void write_field(std::string_view text, TextOutput& out) noexcept {
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
            format_to(out, "\\{}{}{}", c >> 6, c >> 3 & 7, c & 7);
        } else {
            out.write(std::string_view(&c, 1));
        }
    }
}
/// rw,nosuid,... as mount(8) understands them.
inline void write_mount_flags(const MountFlags& flags, TextOutput& out) noexcept {
    out.write(flags.read_only ? "ro" : "rw");
    out.write(flags.no_set_id ? ",nosuid" : "");
    out.write(flags.no_devices ? ",nodev" : "");
    out.write(flags.no_execute ? ",noexec" : "");
    out.write(flags.no_access_times ? ",noatime" : flags.relative_access_times ? ",relatime" : "");
}
[[nodiscard]] inline MountFlags effective_flags(const MountRow& mount) noexcept {
    MountFlags flags = mount.flags();
    flags.read_only = flags.read_only || mount.file_system().is_read_only();
    return flags;
}
/// /proc/mounts: source, directory, type, options.
template <class V>
void write_mounts(V& vfs, const Place& root, TextOutput& out) noexcept {
    for_each_mount(vfs, root, [&out](const MountView& at, std::string_view path) noexcept {
        write_field(at.mount->source(), out);
        out.write(" ");
        write_field(path, out);
        format_to(out, " {} ", at.mount->file_system().type_name());
        write_mount_flags(effective_flags(*at.mount), out);
        out.write(" 0 0\n");
    });
}
/// /proc/N/mountinfo: number, the parent's, device, root, directory, options, type, source, the
/// file system's options.
template <class V>
void write_mountinfo(V& vfs, const Place& root, TextOutput& out) noexcept {
    for_each_mount(vfs, root, [&](const MountView& at, std::string_view path) noexcept {
        MountRow& mount = *at.mount;
        const auto attributes = mount.root().attributes();
        const std::uint32_t device = attributes ? attributes->device : 0;
        format_to(out, "{} {} {}:{} ", mount.number(), at.on ? at.on.mount->number() : 1U,
                  device >> 8, device & 0xffU);
        // Within the file system no mount counts.
        std::array<char, 512> text;
        const Place shown{nullptr, Ref<Vnode>::share(mount.root())};
        const auto part = vfs.path_of({nullptr, mount.file_system().root()}, shown, text);
        write_field(part ? *part : std::string_view("/?"), out);
        out.write(" ");
        write_field(path, out);
        out.write(" ");
        write_mount_flags(mount.flags(), out);
        format_to(out, " - {} ", mount.file_system().type_name());
        write_field(mount.source(), out);
        out.write(mount.file_system().is_read_only() ? " ro\n" : " rw\n");
    });
}

}  // namespace kidney::fs
