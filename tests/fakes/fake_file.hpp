/// An open file that does nothing, and says how many of its kind there are.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/file.hpp"

#include <atomic>

namespace kidney::fakes {

/// Concurrency: any thread.
class FakeFile final : public fs::File {
public:
    /// Of all that are there; tests begin with none.
    static inline std::atomic<int> live{0};

    [[nodiscard]] static Ref<fs::File> create(fs::OpenMode mode = {}) {
        return Ref<FakeFile>::adopt(new FakeFile(mode));
    }
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes{}; }
    void dispose() noexcept override { delete this; }

private:
    explicit FakeFile(fs::OpenMode mode) : File(mode) { ++live; }
    ~FakeFile() { --live; }
};

}  // namespace kidney::fakes
