/// A file that shall be executed, and what its first bytes say.
#pragma once

#include "fs/vfs/execution.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kidney/fs/vnode.hpp"
#include "proc/exec/elf.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// Opened, then - if it is no script - read further as a program. The first bytes are here and so
/// are the program headers of ordinary programs; those of odd ones are on the heap.
class ElfFile {
public:
    ElfFile() noexcept = default;
    ~ElfFile();
    ElfFile(const ElfFile&) = delete;
    ElfFile& operator=(const ElfFile&) = delete;

    /// Reads the first bytes of a file that these credentials must be allowed to execute; lets go
    /// of the one before. Errors: permission_denied (no regular file, no right to execute it, or a
    /// mount in which nothing is executed),
    /// text_busy (somebody writes it), io_error, no_memory.
    Status open(fs::Place place, const fs::Credentials& credentials) noexcept;
    /// Reads the headers. Errors: not_executable, io_error, no_memory.
    Status read_headers() noexcept;
    /// Fills `to` with bytes of the file. Errors: io_error (it ends too early, or cannot be read),
    /// no_memory.
    Status read(std::uint32_t offset, std::span<std::byte> to) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept {
        return static_cast<bool>(execution_.node());
    }
    [[nodiscard]] fs::Vnode& node() const noexcept { return *execution_.node(); }
    [[nodiscard]] const fs::Execution& execution() const noexcept { return execution_; }
    [[nodiscard]] std::span<const std::byte> head() const noexcept {
        return std::span(head_).first(head_size_);
    }
    /// Do its set-user-ID bits count? Not if the mount says otherwise.
    [[nodiscard]] bool gives_rights() const noexcept { return gives_rights_; }
    [[nodiscard]] const ElfHeaders& headers() const noexcept { return headers_; }

private:
    fs::Execution execution_;  ///< nobody writes the file as long as this lives
    std::array<std::byte, 512> head_;
    std::size_t head_size_ = 0;
    bool gives_rights_ = true;
    std::span<std::byte> far_table_;  ///< owned: the program headers, if they lie behind head_
    ElfHeaders headers_;
};

}  // namespace kidney::kernel
