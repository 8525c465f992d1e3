#include "kernel/storage/file_systems.hpp"

#include "fs/p9/options.hpp"
#include "fs/tmpfs/options.hpp"
#include "kernel/hardware/sys_files.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/process.hpp"
#include "kernel/storage/disk_mounts.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/shares.hpp"
#include "kidney/core/log.hpp"

#include <atomic>

namespace kidney::kernel {
namespace {

constinit WallFileClock wall_file_clock;
constinit BootObject<fs::TmpfsBudget> budget;
constinit std::atomic<std::uint32_t> last_anonymous_device{0};
constinit fs::FileSystem* proc_files = nullptr;
constinit fs::FileSystem* the_device_files = nullptr;
constinit fs::FileSystem* the_terminal_names = nullptr;

struct Type {
    std::string_view name;
    bool needs_device;
    Result<fs::FileSystem*> (*make)(const MountRequest&) noexcept;
    bool (*takes)(std::string_view option) noexcept;  ///< one of its options
};

bool takes_all(std::string_view) noexcept {
    return true;
}
bool takes_none(std::string_view) noexcept {
    return false;
}
bool tmpfs_takes(std::string_view option) noexcept {
    return fs::parse_tmpfs_options(option, std::uint64_t{frames().total_frames()} << page_shift)
        .has_value();
}
bool vfat_takes(std::string_view option) noexcept {
    fs::FatOptions options;
    return fs::parse_fat_options(option, options).has_value();
}
bool share_takes(std::string_view option) noexcept {
    return fs::parse_p9_options(option).has_value();
}

Result<fs::FileSystem*> tmpfs(const MountRequest& request) noexcept {
    return make_tmpfs(request.options);
}
Result<fs::FileSystem*> the_proc(const MountRequest&) noexcept {
    return proc_files == nullptr ? Result<fs::FileSystem*>(fail(Errc::unsuitable_device))
                                 : proc_files;
}
Result<fs::FileSystem*> the_dev(const MountRequest&) noexcept {
    return the_device_files == nullptr ? Result<fs::FileSystem*>(fail(Errc::unsuitable_device))
                                       : the_device_files;
}

Result<fs::FileSystem*> the_pts(const MountRequest&) noexcept {
    return the_terminal_names == nullptr ? Result<fs::FileSystem*>(fail(Errc::unsuitable_device))
                                         : the_terminal_names;
}

Result<fs::FileSystem*> the_sys(const MountRequest&) noexcept {
    return sys_files() == nullptr ? Result<fs::FileSystem*>(fail(Errc::unsuitable_device))
                                  : sys_files();
}

class TmpfsOwner final : public fs::FileSystemOwner {
public:
    void unmounted(fs::FileSystem& file_system) noexcept override {
        mm::destroy(heap(), &static_cast<Tmpfs&>(file_system));
    }
};
constinit TmpfsOwner tmpfs_owner;

/// Error: invalid_argument (there are no options yet).
Status check_no_options(const MountRequest& request) noexcept {
    return fs::for_each_option(request.options, [](const fs::MountOption&) noexcept -> Status {
        return fail(Errc::invalid_argument);
    });
}
Result<fs::FileSystem*> ext2(const MountRequest& request) noexcept {
    Disk& disk = *request.disk;
    TRY(check_no_options(request));
    return mount_disk<Ext2>(disk, request, heap(), kernel_objects.page_cache.get(), disk.pages,
                            wall_file_clock,
                            fs::Ext2Options{next_anonymous_device(), request.read_only});
}

Result<fs::FileSystem*> kfs(const MountRequest& request) noexcept {
    Disk& disk = *request.disk;
    TRY(check_no_options(request));
    return mount_disk<Kfs>(
        disk, request, heap(), kernel_objects.page_cache.get(), disk.pages, wall_file_clock,
        fs::KfsOptions{.device_number = next_anonymous_device(), .read_only = request.read_only});
}

/// "msdos" is the same: long names are there in any case.
Result<fs::FileSystem*> vfat(const MountRequest& request) noexcept {
    Disk& disk = *request.disk;
    fs::FatOptions options{.device_number = next_anonymous_device(),
                           .read_only = request.read_only};
    TRY(fs::parse_fat_options(request.options, options));
    MountRequest as_vfat = request;
    as_vfat.type = "vfat";
    return mount_disk<Fat>(disk, as_vfat, heap(), kernel_objects.page_cache.get(), disk.pages,
                           wall_file_clock, options);
}

Result<fs::FileSystem*> vsfs(const MountRequest& request) noexcept {
    Disk& disk = *request.disk;
    TRY(check_no_options(request));
    return mount_disk<Vsfs>(disk, request, heap(), disk.device, wall_file_clock,
                            next_anonymous_device());
}

constexpr Type types[] = {
    {"proc", false, &the_proc, &takes_all},    {"tmpfs", false, &tmpfs, &tmpfs_takes},
    {"devtmpfs", false, &the_dev, &takes_all}, {"sysfs", false, &the_sys, &takes_all},
    {"devpts", false, &the_pts, &takes_all},   {"ext2", true, &ext2, &takes_none},
    {"vfat", true, &vfat, &vfat_takes},        {"msdos", true, &vfat, &vfat_takes},
    {"vsfs", true, &vsfs, &takes_none},        {"kfs", true, &kfs, &takes_none},
    {"9p", false, &share_files, &share_takes}};

/// For the log: mount(2) can only say that something is wrong.
void explain_options(const Type& type, const MountRequest& request) noexcept {
    const std::string_view source =
        request.disk != nullptr ? request.disk->name.view() : request.source_name;
    ignore_error(
        fs::for_each_option(request.options,
                            [&](const fs::MountOption& option) noexcept -> Status {
                                if (!type.takes(option.text)) {
                                    log::warning<"mount">(
                                        "{} as {}: the option {} is unknown, or its value wrong",
                                        source, type.name, option.text);
                                }
                                return {};
                            }),
        "the function has none");
}

[[nodiscard]] const Type* find_type(std::string_view name) noexcept {
    for (const Type& type : types) {
        if (type.name == name) {
            return &type;
        }
    }
    return nullptr;
}

}  // namespace

Result<bool> type_needs_device(std::string_view type) noexcept {
    const Type* const found = find_type(type);
    return found == nullptr ? Result<bool>(fail(Errc::unsuitable_device)) : found->needs_device;
}

Result<fs::FileSystem*> file_system_for(const MountRequest& request) noexcept {
    const Type* const type = find_type(request.type);
    if (type == nullptr) {
        return fail(Errc::unsuitable_device);
    }
    Result<fs::FileSystem*> made = type->make(request);
    if (!made && made.error() == Errc::invalid_argument) {
        explain_options(*type, request);
    }
    return made;
}

void give_back(fs::FileSystem& file_system) noexcept {
    if (file_system.owner != nullptr && file_system.mount_count() == 0 && !file_system.is_retired) {
        file_system.owner->unmounted(file_system);
    }
}

Result<fs::FileSystem*> make_tmpfs(std::string_view options) noexcept {
    const std::uint64_t memory = std::uint64_t{frames().total_frames()} << page_shift;
    const fs::TmpfsOptions wanted = TRY(fs::parse_tmpfs_options(options, memory));
    fs::TmpfsLimits limits = memory_file_limits();
    limits.pages = wanted.pages == 0 ? limits.pages : wanted.pages;
    limits.nodes = wanted.nodes == 0 ? limits.nodes : wanted.nodes;
    limits.quotas = wanted.quotas;
    limits.quotas.may_exceed = []() noexcept { return current_process().identity.is_privileged(); };
    Tmpfs* const made = TRY(mm::make<Tmpfs>(heap(), heap(), reclaiming_frames(), phys_map(),
                                            wall_file_clock, next_anonymous_device(), limits));
    Status started = made->start(wanted.permissions);
    if (started && (wanted.uid != 0 || wanted.gid != 0)) {
        started = made->root()->set_attributes({.uid = wanted.uid, .gid = wanted.gid});
    }
    if (!started) {
        mm::destroy(heap(), made);
        return fail(started.error());
    }
    made->owner = &tmpfs_owner;
    return made;
}

fs::TmpfsBudget& memory_files() noexcept {
    return budget.get();
}
fs::TmpfsLimits memory_file_limits() noexcept {
    // Half of the memory for all of them together: programs must find some, too.
    const auto half = static_cast<std::uint32_t>(frames().total_frames() / 2);
    if (!budget.is_created()) {
        budget.create(std::size_t{half} << page_shift);
    }
    return {.nodes = half, .budget = &budget.get()};
}
WallFileClock& file_clock() noexcept {
    return wall_file_clock;
}
std::uint32_t next_anonymous_device() noexcept {
    return last_anonymous_device.fetch_add(1, std::memory_order_relaxed) + 1;
}

void set_proc_files(fs::FileSystem& proc) noexcept {
    proc_files = &proc;
}
void set_terminal_names(fs::FileSystem& names) noexcept {
    the_terminal_names = &names;
}
void set_device_files(fs::FileSystem& dev) noexcept {
    the_device_files = &dev;
}
fs::FileSystem* device_files() noexcept {
    return the_device_files;
}

BoundedText<64> disk_types() noexcept {
    BoundedText<64> names;
    for (const Type& type : types) {
        if (type.needs_device) {
            names.append(names.view().empty() ? "" : ", ");
            names.append(type.name);
        }
    }
    return names;
}

void write_file_system_types(void*, fs::TextOutput& out) noexcept {
    for (const Type& type : types) {
        format_to(out, "{}\t{}\n", type.needs_device ? "" : "nodev", type.name);
    }
}

}  // namespace kidney::kernel
