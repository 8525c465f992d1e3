/// Room for the longest path, on the heap: a kernel stack has too little for it.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/fs/vnode.hpp"

#include <span>

namespace kidney::kernel {

class PathBuffer {
public:
    PathBuffer() noexcept = default;
    ~PathBuffer() {
        if (data_ != nullptr) {
            heap().free(data_, fs::max_path);
        }
    }
    PathBuffer(const PathBuffer&) = delete;
    PathBuffer& operator=(const PathBuffer&) = delete;

    /// max_path bytes, good as long as this object. Once. Error: no_memory.
    [[nodiscard]] Result<std::span<char>> allocate() noexcept {
        data_ = static_cast<char*>(TRY(heap().allocate(fs::max_path)));
        return std::span(data_, fs::max_path);
    }

private:
    char* data_ = nullptr;
};

}  // namespace kidney::kernel
