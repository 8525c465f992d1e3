/// A policy of the page cache that remembers what it is told; first in, first out.
#pragma once

#include "fs/replacement/fifo.hpp"

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kidney::fakes {

/// Words such as "asked 3" and "evicted 3", of all policies together: one cache at a time.
class RecordingReplacement : public fs::FirstInFirstOut {
public:
    static constexpr const char* name = "recording";
    static inline std::vector<std::string> words;

    static std::vector<std::string> take() { return std::exchange(words, {}); }

    void enter(fs::CacheEntry& entry, fs::Arrival came) noexcept {
        constexpr std::array names{"asked", "ahead", "back"};
        note(names[static_cast<std::size_t>(came)], entry.name);
        FirstInFirstOut::enter(entry, came);
    }
    void use(fs::CacheEntry& entry) noexcept { note("used", entry.name); }
    void leave(fs::CacheEntry& entry, fs::Departure left) noexcept {
        constexpr std::array names{"evicted", "dropped", "aside"};
        note(names[static_cast<std::size_t>(left)], entry.name);
        FirstInFirstOut::leave(entry, left);
    }
    [[nodiscard]] static std::size_t ghost_bytes(std::size_t) noexcept { return 0; }
    static void use_ghosts(std::span<std::byte>) noexcept {}
    static void expect(fs::PageName page) noexcept { note("expected", page); }

private:
    static void note(const char* what, fs::PageName page) {
        words.push_back(std::string(what) + " " + std::to_string(page.page));
    }
};

static_assert(fs::CacheReplacement<RecordingReplacement>);
static_assert(fs::RemembersPages<RecordingReplacement>);

}  // namespace kidney::fakes
