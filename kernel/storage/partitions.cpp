#include "kernel/storage/partitions.hpp"

#include "fs/block/immediate_requests.hpp"
#include "fs/block/partition_slice.hpp"
#include "fs/block/waiting_device.hpp"
#include "fs/partitions/read_partitions.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/process.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/mounts.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace kidney::kernel {

/// A part of a disk as a device; lives for ever.
class DiskPart {
public:
    DiskPart(fs::AnyBlockDevice disk, const fs::BlockRun& run) noexcept
        : disk_(disk), run_(run), slice_(std::in_place, asked_, run) {}

    [[nodiscard]] fs::AnyBlockDevice device() noexcept { return fs::AnyBlockDevice(device_); }
    [[nodiscard]] const fs::BlockRun& run() const noexcept { return run_; }
    /// Nobody uses it.
    void move_to(const fs::BlockRun& run) noexcept {
        run_ = run;
        slice_.emplace(asked_, run);
    }

private:
    using Slice = fs::PartitionSlice<fs::ImmediateRequests<fs::AnyBlockDevice>>;

    fs::AnyBlockDevice disk_;
    fs::BlockRun run_;
    fs::ImmediateRequests<fs::AnyBlockDevice> asked_{disk_};
    std::optional<Slice> slice_;
    // The disk waits, so that there is nothing left to wait for.
    fs::WaitingDevice<Slice, fs::RunningWait> device_{*slice_};
};

namespace {

constinit BootObject<Mutex<ranks::devices>> changes;
constinit std::array<BootObject<DiskPart>, max_disks> parts;
constinit std::size_t part_count = 0;

struct TableReading {
    std::array<std::byte, page_size> block;
    fs::PartitionTable table;
};

void report_doubts(const Disk& disk, const fs::PartitionTable& table) noexcept {
    using Kind = fs::PartitionDoubt::Kind;
    const std::string_view name = disk.name.view();
    for (const fs::PartitionDoubt& doubt : table.doubts.view()) {
        if (doubt.kind == Kind::first_header) {
            log::warning<"disk">("{}: its first GPT is damaged; the second one is used", name);
        } else if (doubt.kind == Kind::second_header) {
            log::warning<"disk">("{}: its second GPT is damaged", name);
        } else {
            log::warning<"disk">("{}: partition {} at block {} is ignored: it {}", name,
                                 doubt.number, doubt.first, fs::to_string(doubt.kind));
        }
    }
}

/// Errors: those of read_partition_table(), told.
Status read_table(Disk& disk, TableReading& reading) noexcept {
    if (const Status read = fs::read_partition_table(disk.device, reading.block, reading.table);
        !read) {
        log::warning<"disk">("{}: its partition table cannot be read: {}", disk.name.view(),
                             read.error());
        return read;
    }
    report_doubts(disk, reading.table);
    return {};
}

[[nodiscard]] BoundedText<8> name_of(const Disk& disk, std::uint32_t partition) noexcept {
    BoundedText<8> name = disk.name;
    const char digits[] = {static_cast<char>('0' + partition / 10),
                           static_cast<char>('0' + partition % 10)};
    name.append(partition < 10 ? std::string_view(digits + 1, 1) : std::string_view(digits, 2));
    return name;
}

/// Calls f(Disk&) for each partition that the disk has or had, until that is false.
template <class F>
void for_each_part(const Disk& disk, F&& f) noexcept {
    for (Disk* const part : disks()) {
        if (part->whole == &disk && !f(*part)) {
            return;
        }
    }
}
/// Null: it never had one of this number.
[[nodiscard]] Disk* find_part(const Disk& disk, std::uint32_t number) noexcept {
    Disk* found = nullptr;
    for_each_part(disk, [&](Disk& part) noexcept {
        found = part.number.minor == disk.number.minor + number ? &part : nullptr;
        return found == nullptr;
    });
    return found;
}

/// There is none of this number. Error: no_space, told.
Status place_part(Disk& disk, const fs::Partition& partition) noexcept {
    if (Disk* const old = find_part(disk, partition.number)) {
        old->bytes->put_back([&]() noexcept { old->part->move_to(partition.run); });
        return {};
    }
    const BoundedText<8> name = name_of(disk, partition.number);
    if (!has_room_for(name.view())) {
        return fail(Errc::no_space);
    }
    DiskPart& part = parts[part_count++].create(disk.device, partition.run);
    const fs::DeviceNumber number{disk.number.major, disk.number.minor + partition.number};
    add_disk({.name = name, .number = number, .whole = &disk, .part = &part}, part.device());
    return {};
}
Status place_parts(Disk& disk, const fs::PartitionTable& table) noexcept {
    Status outcome;
    for (const fs::Partition& partition : table.partitions.view()) {
        if (partition.number < disk.minors) {
            const Status placed = place_part(disk, partition);
            outcome = outcome ? placed : outcome;
        }
    }
    return outcome;
}

/// It is in no use. What cannot be brought home is told by the disk, and lost.
void take_away(Disk& part) noexcept {
    if (part.is_there()) {
        ignore_error(part.bytes->take_away(), "the failure is in the log");
    }
}

/// May this process change the partitions of this disk?
Status check_change(const Disk& disk) noexcept {
    if (!current_process().identity.is_privileged()) {
        return fail(Errc::permission_denied);
    }
    return disk.whole == nullptr && disk.minors > 1 ? Status() : fail(Errc::invalid_argument);
}
/// Error: busy, told.
Status check_unused(const Disk& disk, bool is_used, const Disk& user) noexcept {
    if (!is_used) {
        return {};
    }
    log::warning<"disk">("{}: its partitions cannot change: {} is in use", disk.name.view(),
                         user.name.view());
    return fail(Errc::busy);
}

}  // namespace

Mutex<ranks::devices>& partition_lock() noexcept {
    return changes.get();
}

std::uint64_t partition_start(const Disk& disk) noexcept {
    return disk.part->run().first.value() * disk.device.block_size();
}

void find_partitions() noexcept {
    changes.create();
    const auto reading = mm::make_box<TableReading>(heap());
    for (Disk* const disk : disks()) {
        if (reading && disk->minors > 1 && read_table(*disk, **reading)) {
            ignore_error(place_parts(*disk, (*reading)->table), "they are in the log");
        }
    }
}

Status Disk::Partitions::read_partitions() noexcept {
    TRY(check_change(disk_));
    const auto reading = TRY(mm::make_box<TableReading>(heap()));
    LockGuard no_mounts(mounting_lock());
    LockGuard guard(partition_lock());
    TRY(check_unused(disk_, disk_.bytes->is_claimed(), disk_));
    Status unused;
    for_each_part(disk_, [&](Disk& each) noexcept {
        unused = check_unused(disk_, each.bytes->is_in_use(), each);
        return unused.has_value();
    });
    TRY(unused);
    TRY(disk_.bytes->write_back());  // the table may be among what was written
    TRY(read_table(disk_, *reading));
    for_each_part(disk_, [](Disk& each) noexcept {
        take_away(each);
        return true;
    });
    const Status placed = place_parts(disk_, reading->table);
    for_each_part(disk_, [](Disk& each) noexcept {
        show_disk(each);
        return true;
    });
    return placed;
}

Status Disk::Partitions::add_partition(std::int32_t number, std::int64_t start,
                                       std::int64_t length) noexcept {
    TRY(check_change(disk_));
    const std::int64_t block = disk_.device.block_size();
    if (number <= 0 || static_cast<std::uint32_t>(number) >= disk_.minors || start < 0 ||
        length <= 0 || start % block != 0 || length % block != 0) {
        return fail(Errc::invalid_argument);
    }
    const fs::BlockRun run{fs::BlockIndex(static_cast<std::uint64_t>(start / block)),
                           static_cast<std::uint64_t>(length / block)};
    if (run.first.value() >= disk_.device.block_count() ||
        run.blocks > disk_.device.block_count() - run.first.value()) {
        return fail(Errc::invalid_argument);
    }
    const auto its_number = static_cast<std::uint32_t>(number);
    LockGuard no_mounts(mounting_lock());
    LockGuard guard(partition_lock());
    TRY(check_unused(disk_, disk_.bytes->is_claimed(), disk_));
    bool is_free = true;
    for_each_part(disk_, [&](Disk& each) noexcept {
        is_free = !each.is_there() || (each.number.minor != disk_.number.minor + its_number &&
                                       !overlap(each.part->run(), run));
        return is_free;
    });
    if (!is_free) {
        return fail(Errc::busy);
    }
    TRY(disk_.bytes->write_back());
    TRY(place_part(disk_, {its_number, run}));
    show_disk(*find_part(disk_, its_number));
    return {};
}

Status Disk::Partitions::remove_partition(std::int32_t number) noexcept {
    TRY(check_change(disk_));
    LockGuard no_mounts(mounting_lock());
    LockGuard guard(partition_lock());
    Disk* const there = number > 0 ? find_part(disk_, static_cast<std::uint32_t>(number)) : nullptr;
    if (there == nullptr || !there->is_there()) {
        return fail(Errc::no_device);
    }
    TRY(check_unused(disk_, there->bytes->is_in_use(), *there));
    take_away(*there);
    show_disk(*there);
    return {};
}

}  // namespace kidney::kernel
