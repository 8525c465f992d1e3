#include "kernel/devices.hpp"

#include "fs/devfs/device_registry.hpp"
#include "fs/devfs/memory_devices.hpp"
#include "kernel/boot_object.hpp"
#include "kernel/console.hpp"
#include "kernel/event/change_files.hpp"
#include "kernel/event/event_files.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/log_device.hpp"
#include "kernel/process/file_locks.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kernel/tty/pseudo_terminals.hpp"
#include "kernel/tty/terminal_file.hpp"
#include "kidney/core/format.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel {
namespace {

using Registry = fs::DeviceRegistry<Mutex<ranks::devices>>;
using MemoryDevices = fs::MemoryDevices<Heap, RandomSource>;
using Pipes =
    fs::PipeService<Heap, ReclaimingFrames, PhysMap, Mutex<ranks::pipe>, WaitQueue,
                    Mutex<ranks::devices>, SpinLock<ranks::poll>, WallFileClock, CurrentUserPays>;

class TerminalDevices final : public fs::DeviceOpener {
public:
    Result<Ref<fs::File>> open_device(fs::DeviceNumber number, fs::Vnode& node,
                                      fs::OpenMode mode) noexcept override {
        return open_terminal_device(number, node, mode);
    }
};

constinit WallFileClock pipe_clock;
constinit BootObject<Registry> registry;
constinit BootObject<MemoryDevices> memory_devices;
constinit BootObject<TerminalDevices> terminal_devices;
constinit BootObject<Pipes> pipes;

}  // namespace

void start_devices() noexcept {
    pipes.create(heap(), reclaiming_frames(), phys_map(), pipe_clock, pipe_limits());
    memory_devices.create(heap(), random_source());
    start_file_locks();
    start_event_files();
    start_change_files();
    terminal_devices.create();
    Registry& r = registry.create();
    using fs::NodeType;
    // Before the memory devices, whose numbers surround it.
    MUST(r.add({NodeType::character, log_device_number, 1, &log_device()}));
    MUST(r.add(
        {NodeType::character, {fs::memory_device_major, 0}, 16, &memory_devices.get(), "mem"}));
    MUST(r.add({NodeType::character, {terminal_major, 0}, 256, &terminal_devices.get(), "ttyS"}));
    MUST(r.add({NodeType::character, {console_major, 0}, 3, &terminal_devices.get(), "console"}));
    MUST(r.add({NodeType::character,
                {pseudo_major, 0},
                most_pseudo_terminals,
                &terminal_devices.get(),
                "pts"}));
    fs::DeviceOpener& disks = disk_opener();
    MUST(r.add({NodeType::block, {1, 0}, 16, &disks, "ramdisk"}));
    MUST(r.add({NodeType::block, {3, 0}, 128, &disks, "ide0"}));
    MUST(r.add({NodeType::block, {11, 0}, 16, &disks, "sr"}));
    MUST(r.add({NodeType::block, {22, 0}, 128, &disks, "ide1"}));
    MUST(r.add({NodeType::block, {254, 0}, 256, &disks, "virtblk"}));
    r.set_pipes(pipes.get());
    vfs().set_special_files(r);
    create_raw_lines();
    start_console_input();
}

Status add_device_nodes(fs::Vnode& dev) noexcept {
    TRY(MemoryDevices::add_nodes(dev));
    struct Node {
        const char* name;
        fs::DeviceNumber number;
        std::uint16_t permissions;
    };
    // Who can open a line can read what is typed there, and type for others (TIOCSTI).
    constexpr Node nodes[] = {
        {"tty", {console_major, 0}, 0666},     {"console", {console_major, 1}, 0600},
        {"ptmx", {console_major, 2}, 0666},    {"ttyS0", {terminal_major, 64}, 0600},
        {"ttyS1", {terminal_major, 65}, 0600}, {"ttyS2", {terminal_major, 66}, 0600}};
    constexpr std::uint32_t tty_group = 5;
    for (std::uint32_t n = 0; n <= console_screens; ++n) {
        TextBuffer<8> name;
        format_to(name, "tty{}", n);
        TRY(dev.create(name.view(), {.type = fs::NodeType::character,
                                     .permissions = fs::Permissions(0620),
                                     .gid = tty_group,
                                     .rdev = {terminal_major, n}}));
    }
    for (const Node& node : nodes) {
        TRY(fs::add_device_node(dev, node.name, fs::NodeType::character, node.number,
                                fs::Permissions(node.permissions)));
    }
    TRY(fs::add_device_node(dev, "kmsg", fs::NodeType::character, log_device_number,
                            fs::Permissions(0600)));
    TRY(add_disk_nodes(dev));
    // A program's own descriptors by name: what `<(...)` and `tee /dev/stderr` open.
    struct Link {
        const char* name;
        const char* target;
    };
    constexpr Link links[] = {{"fd", "/proc/self/fd"},
                              {"stdin", "/proc/self/fd/0"},
                              {"stdout", "/proc/self/fd/1"},
                              {"stderr", "/proc/self/fd/2"}};
    for (const Link& link : links) {
        fs::NewNode node;
        node.type = fs::NodeType::symlink;
        node.permissions = fs::Permissions(0777);
        node.target = link.target;
        TRY(dev.create(link.name, node));
    }
    fs::NewNode directory;
    directory.type = fs::NodeType::directory;
    directory.permissions = fs::Permissions(0755);
    TRY(dev.create("shm", directory));
    TRY(dev.create("pts", directory));
    return {};
}

fs::PipeLimits pipe_limits() noexcept {
    // As much as Linux allows, but no more than 1/16 and 1/8 of the memory.
    constexpr std::size_t most = 16384;
    const std::size_t total = frames().total_frames();
    return {static_cast<std::uint32_t>(std::min(total / 16, most)),
            static_cast<std::uint32_t>(total / 8)};
}

void write_device_list(fs::TextOutput& out) noexcept {
    const auto list = [&out](fs::NodeType type) noexcept {
        registry.get().for_each([&](const fs::DeviceRange& range) noexcept {
            if (range.type == type && *range.name != '\0') {
                format_to(out, "{:3} {}\n", range.first.major, range.name);
            }
        });
    };
    out.write("Character devices:\n");
    list(fs::NodeType::character);
    out.write("\nBlock devices:\n");
    list(fs::NodeType::block);
}

std::size_t largest_pipe() noexcept {
    return fs::Pipe<Pipes>::max_user_size;
}

Result<fs::PipeEnds> create_pipe(bool non_blocking, bool packets) noexcept {
    const auto maker = current_process().who();
    return pipes.get().create(non_blocking, packets, {maker->user.file, maker->group.file});
}

}  // namespace kidney::kernel
