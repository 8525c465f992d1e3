/// Room for the files of one poll: a few on the stack, many on the heap.
#pragma once

#include "kernel/process/poll_wait.hpp"

#include <array>
#include <new>

namespace kidney::kernel {

class PollSet {
public:
    PollSet() noexcept = default;
    ~PollSet() {
        if (files_ != small_files_.data()) {
            for (std::uint32_t i = 0; i < count_; ++i) {
                files_[i].~PolledFile();
            }
            heap().free(files_, count_ * bytes_per_file);
        }
    }
    PollSet(const PollSet&) = delete;
    PollSet& operator=(const PollSet&) = delete;

    /// `count` is at most the number of descriptors that a process can have. Error: no_memory.
    Status create(std::uint32_t count) noexcept {
        if (count > small) {
            auto* const memory =
                static_cast<std::byte*>(TRY(heap().allocate(count * bytes_per_file)));
            files_ = reinterpret_cast<PolledFile*>(memory);
            entries_ = reinterpret_cast<fs::PollEntry*>(memory + count * sizeof(PolledFile));
            for (std::uint32_t i = 0; i < count; ++i) {
                ::new (static_cast<void*>(&files_[i])) PolledFile();
                ::new (static_cast<void*>(&entries_[2 * i])) fs::PollEntry();
                ::new (static_cast<void*>(&entries_[2 * i + 1])) fs::PollEntry();
            }
        }
        count_ = count;
        return {};
    }
    [[nodiscard]] std::span<PolledFile> files() noexcept { return {files_, count_}; }
    /// Two per file.
    [[nodiscard]] std::span<fs::PollEntry> entries() noexcept { return {entries_, 2 * count_}; }

private:
    static constexpr std::uint32_t small = 8;
    static constexpr std::size_t bytes_per_file = sizeof(PolledFile) + 2 * sizeof(fs::PollEntry);

    std::array<PolledFile, small> small_files_;
    std::array<fs::PollEntry, 2 * small> small_entries_;
    PolledFile* files_ = small_files_.data();
    fs::PollEntry* entries_ = small_entries_.data();
    std::uint32_t count_ = 0;
};

}  // namespace kidney::kernel
