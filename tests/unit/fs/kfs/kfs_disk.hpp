/// A kfs on a disk in memory, for tests.
#pragma once

#include "fs/kfs/check.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/kfs/make.hpp"
#include "fs/page_cache.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/unit/fs/volume_under_test.hpp"

#include <string>

namespace kidney::fs_test {

using TestKfs = fs::Kfs<fakes::FakeHeap, TestCache, NullLocks, Clock>;
template <class Disk>
using KfsUnderTest = VolumeUnderTest<Disk, TestKfs, fs::KfsOptions>;

template <fs::BlockDevice Device>
[[nodiscard]] Status make_kfs(Device& device, fs::kfs::MakeOptions options = {}) {
    fs::kfs::Block scratch;
    options.uuid = {1, 2, 3};
    return fs::kfs::make(device, options, scratch);
}

/// What the checker has to say; empty: sound.
template <fs::BlockDevice Device>
[[nodiscard]] std::string kfs_complaints(Device& device) {
    fakes::FakeHeap heap;
    fs::kfs::Checker<Device, fakes::FakeHeap> checker(heap);
    std::string text;
    const Status checked = checker.check(device, [&](const fs::kfs::Finding& f) {
        text += std::string(f.what) + " (inode " + std::to_string(f.inode) + ", block " +
                std::to_string(f.block) + ", value " + std::to_string(f.value) + ")\n";
    });
    return checked ? text : text + std::string(to_string(checked.error()));
}

}  // namespace kidney::fs_test
