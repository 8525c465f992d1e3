/// The files of this kernel that tell what happens to nodes (inotify), and the limits on them.
#pragma once

#include "fs/notify/change_service.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kernel/resource/accounts.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// struct inotify_event.
struct ChangeFormat {
    /// With a name's NUL, and padding behind it.
    [[nodiscard]] static constexpr std::size_t size_of(std::size_t name) noexcept {
        return header + padded(name);
    }
    /// There is room for it. Error: bad_address.
    [[nodiscard]] static Status put(fs::ReadBuffer& to, const fs::ChangeRecord& record) noexcept;

private:
    static constexpr std::size_t header = 16;
    [[nodiscard]] static constexpr std::size_t padded(std::size_t name) noexcept {
        return name == 0 ? 0 : (name + header) / header * header;
    }
};
struct ChangeEnvironment {
    using Heap = kernel::Heap;
    using Lock = Mutex<ranks::changes>;
    using Queue = WaitQueue;
    using PollLock = SpinLock<ranks::poll>;
    using Format = ChangeFormat;
    using Payers = CurrentUserPays;
};
using ChangeFiles = fs::ChangeService<ChangeEnvironment>;
using ChangeFile = ChangeFiles::ThisFile;

/// With the devices.
void start_change_files() noexcept;
[[nodiscard]] ChangeFiles& change_files() noexcept;

}  // namespace kidney::kernel
