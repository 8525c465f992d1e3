/// What the adapters of other people's file systems share: paths as they want them, files that are
/// open.
#pragma once

#include "bench/workloads/file_store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kidney::bench {

/// A store that has no sync of its own: whoever is open is synced.
class PeerStore : public FileStore {
public:
    [[nodiscard]] Status sync() override {
        for (OpenFile* const file : open_) {
            TRY(file->sync());
        }
        return {};
    }
    void enter(OpenFile& file) { open_.push_back(&file); }
    void leave(OpenFile& file) { std::erase(open_, &file); }

protected:
    /// Ends with a zero.
    [[nodiscard]] static std::string text(std::string_view path) { return std::string(path); }

private:
    std::vector<OpenFile*> open_;
};

}  // namespace kidney::bench
