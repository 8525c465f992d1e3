/// A vsfs on a disk in memory, for tests.
#pragma once

#include "fs/vsfs/check.hpp"
#include "fs/vsfs/make.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/files/subject.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <memory>
#include <string>

namespace kidney::fs_test {

inline constexpr std::uint32_t log_blocks = 33;
inline constexpr laws::file_system::Abilities vsfs_abilities{.unnamed = false, .exchange = false};

template <fs::BlockDevice Device>
using TestVsfs = fs::Vsfs<fakes::FakeHeap, Device, NullLock, NullLock, Clock>;

template <fs::BlockDevice Device>
[[nodiscard]] Status make_vsfs(Device& device, std::uint32_t log, std::uint32_t inodes = 64) {
    fs::vsfs::Block scratch;
    return fs::vsfs::make(device, {.inodes = inodes, .log_blocks = log}, scratch);
}

/// What the checker has to say; empty: sound.
template <fs::BlockDevice Device>
[[nodiscard]] std::string complaints(Device& device) {
    static const auto checker = std::make_unique<fs::vsfs::Checker<Device>>();
    std::string text;
    const Status checked = checker->check(device, [&](const fs::vsfs::Finding& f) {
        text += std::string(f.what) + " (inode " + std::to_string(f.inode) + ", block " +
                std::to_string(f.block) + ")\n";
    });
    return checked ? text : text + std::string(to_string(checked.error()));
}

}  // namespace kidney::fs_test
