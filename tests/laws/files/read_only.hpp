/// The laws of file systems that cannot be written, over a tree that somebody else made.
#pragma once

#include "tests/laws/files/data.hpp"
#include "tests/laws/files/whole.hpp"

namespace kidney::laws::file_system {

/// Looks up what it is fed.
struct LookingSink final : fs::DirectorySink {
    explicit LookingSink(Report& r, fs::Vnode& d) noexcept : report(r), directory(d) {}
    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        ++entries;
        if (entry.name == "." || entry.name == "..") {
            return true;
        }
        const auto node = directory.lookup(entry.name);
        LAW_CHECK(report, node && (*node)->type() == entry.type);
        LAW_CHECK(report, node && (*node)->attributes()->inode == entry.inode);
        if (node && entry.type == fs::NodeType::regular && !file) {
            file = *node;
        }
        return true;
    }
    Report& report;
    fs::Vnode& directory;
    Ref<fs::Vnode> file;
    std::uint32_t entries = 0;
};

struct ReadOnlyV6 {
    static constexpr const char* text = V6::text;
    static void check(Report& report, Subject& s) noexcept {
        LookingSink all(report, *s.home);
        LAW_CHECK(report, s.home->read_directory(0, all) && all.entries >= 2);
        std::uint32_t entries = 0;
        CountingSink one;
        do {
            one.room = 1;
            LAW_CHECK(report, s.home->read_directory(one.cookie, one).has_value());
            entries += 1 - one.room;
        } while (one.room == 0 && entries < all.entries + 2);
        LAW_CHECK(report, entries == all.entries);
        LAW_CHECK(report, is_free(*s.home, "nobody has this name"));
    }
};

struct ReadOnlyV7 {
    static constexpr const char* text = "V7 only the end of the file makes a read short";
    static void check(Report& report, Subject& s) noexcept {
        LookingSink all(report, *s.home);
        LAW_CHECK(report, s.home->read_directory(0, all) && all.file);
        if (!all.file) {
            return;
        }
        const std::uint64_t end = size(*all.file);
        std::array<std::byte, piece> bytes{};
        fs::SpanReadBuffer to(bytes);
        const std::uint64_t at = end < 7 ? 0 : end - 7;
        LAW_CHECK(report, all.file->read(at, to) == static_cast<std::size_t>(end - at));
        LAW_CHECK(report, ends_at(*all.file, end));
    }
};

struct S4 {
    static constexpr const char* text = "S4 nothing changes what is read-only";
    static void check(Report& report, Subject& s) noexcept {
        LookingSink all(report, *s.home);
        LAW_CHECK(report, s.home->read_directory(0, all) && all.file);
        LAW_CHECK(report, s.system.is_read_only() && s.system.status().read_only);
        LAW_CHECK(report, fails_with(make(*s.home, "new"), Errc::read_only));
        LAW_CHECK(report, is_free(*s.home, "new"));
        if (!all.file) {
            return;
        }
        fs::Vnode& file = *all.file;
        LAW_CHECK(report, fails_with(s.home->link("new", file), Errc::read_only));
        LAW_CHECK(report, fails_with(s.home->unlink("new", file), Errc::read_only));
        LAW_CHECK(report,
                  fails_with(s.home->rename({"new", file, *s.home, "newer"}), Errc::read_only));
        LAW_CHECK(report, fails_with(cut(file, 0), Errc::read_only));
        LAW_CHECK(report, fails_with(put(file, 0, 1, 1), Errc::read_only));
        LAW_CHECK(report, fails_with(put_at_end(file, 1, 1), Errc::read_only));
        LAW_CHECK(report, s.system.sync().has_value());
    }
};

}  // namespace kidney::laws::file_system
