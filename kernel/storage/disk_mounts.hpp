/// The file systems on disks that are mounted.
#pragma once

#include "kernel/kernel.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kidney/core/bounded.hpp"

#include <cstddef>
#include <string_view>
#include <utility>

namespace kidney::kernel {

/// One of them. Its disk is its alone as long as it lives.
class DiskMount {
public:
    using Reason = BoundedText<160>;

    explicit DiskMount(Disk& its_disk) noexcept : disk(its_disk) {}
    DiskMount(const DiskMount&) = delete;
    DiskMount& operator=(const DiskMount&) = delete;

    [[nodiscard]] virtual fs::FileSystem& file_system() noexcept = 0;
    [[nodiscard]] virtual Status mount() noexcept = 0;
    /// Why mount() failed; empty: the disk cannot be read.
    [[nodiscard]] virtual Reason explain_refusal() noexcept = 0;
    /// Who should look at it, because it was not unmounted; empty: nobody needs to.
    [[nodiscard]] virtual std::string_view wants_checker() noexcept = 0;
    /// Everything goes home. It may go on.
    [[nodiscard]] virtual Status finish() noexcept = 0;
    /// Its memory goes.
    virtual void dispose() noexcept = 0;

    Disk& disk;
    DiskMount* next = nullptr;

protected:
    ~DiskMount() = default;
};

/// `System` has mount(), explain_refusal() and unmount(), and, if a loss of power may leave
/// something for a checker to do, was_clean() and the checker's name.
template <class System>
class MountedDisk final : public DiskMount {
public:
    template <class... Arguments>
    explicit MountedDisk(Disk& its_disk, Arguments&&... arguments) noexcept
        : DiskMount(its_disk), system_(std::forward<Arguments>(arguments)...) {}

    [[nodiscard]] fs::FileSystem& file_system() noexcept override { return system_; }
    [[nodiscard]] Status mount() noexcept override { return system_.mount(); }
    [[nodiscard]] Reason explain_refusal() noexcept override {
        Reason why;
        why.append(system_.explain_refusal().view());
        return why;
    }
    [[nodiscard]] std::string_view wants_checker() noexcept override {
        if constexpr (requires { System::checker; }) {
            return system_.was_clean() ? std::string_view() : System::checker;
        } else {
            return {};
        }
    }
    [[nodiscard]] Status finish() noexcept override { return system_.unmount(); }
    void dispose() noexcept override { mm::destroy(heap(), this); }

private:
    System system_;
};

/// The disk that mount(2) names. Errors: not_block_device, no_device.
[[nodiscard]] Result<Disk*> disk_of(const fs::Place& source) noexcept;

/// For mount_disk(): what is mounted of this type (empty: of any) on the disk already (null:
/// nothing); whether a new one could be mounted. It takes `fresh`, in any case.
[[nodiscard]] fs::FileSystem* mounted_on(const Disk& disk, std::string_view type = {}) noexcept;
[[nodiscard]] Result<fs::FileSystem*> mount_fresh(DiskMount& fresh,
                                                  const MountRequest& request) noexcept;

/// Mounts a System(arguments...) on the disk, or answers the one that is there. Those who mount
/// take turns. Errors: as file_system_for().
template <class System, class... Arguments>
[[nodiscard]] Result<fs::FileSystem*> mount_disk(Disk& disk, const MountRequest& request,
                                                 Arguments&&... arguments) noexcept {
    if (fs::FileSystem* const there = mounted_on(disk, request.type)) {
        return there;
    }
    TRY(disk.bytes->claim());
    const Result<MountedDisk<System>*> fresh =
        mm::make<MountedDisk<System>>(heap(), disk, std::forward<Arguments>(arguments)...);
    if (!fresh) {
        disk.bytes->disclaim();
        return fail(fresh.error());
    }
    return mount_fresh(**fresh, request);
}

/// Before the machine stops: everything is stored, and the disks marked as clean. Programs that
/// still run may write on. Errors are logged.
void finish_mounted_disks() noexcept;

}  // namespace kidney::kernel
