/// The laws of `Vnode` about names, V2 to V6. Freestanding.
#pragma once

#include "tests/laws/files/subject.hpp"

namespace kidney::laws::file_system {

struct V2 {
    static constexpr const char* text = "V2 a name leads to what create() made";
    static void check(Report& report, Subject& s) noexcept {
        LAW_CHECK(report, is_free(*s.home, "a"));
        const auto a = make(*s.home, "a");
        const auto b = make(*s.home, "b", fs::NodeType::directory);
        LAW_CHECK(report, a && b);
        if (!a || !b) {
            return;
        }
        LAW_CHECK(report, leads_to(*s.home, "a", **a) && leads_to(*s.home, "b", **b));
        LAW_CHECK(report, (*a)->type() == fs::NodeType::regular && links(**a) == 1);
        LAW_CHECK(report, (*b)->type() == fs::NodeType::directory && links(**b) == 2);
        LAW_CHECK(report, &(*a)->file_system() == &s.system);
        LAW_CHECK(report, fails_with(make(*s.home, "a"), Errc::exists));
        LAW_CHECK(report, fails_with(make(*s.home, "b"), Errc::exists));
        LAW_CHECK(report, fails_with(make(*s.home, "a", fs::NodeType::directory), Errc::exists));
        LAW_CHECK(report, is_free(*s.home, "ab") && is_free(**b, "a"));
        const auto parent = (*b)->parent();
        LAW_CHECK(report, parent && *parent == s.home);
        LAW_CHECK(report, make(**b, "a") && !is_free(**b, "a"));
        LAW_CHECK(report, remove(**b, "a") && remove(*s.home, "a") && remove(*s.home, "b"));
        LAW_CHECK(report, is_free(*s.home, "a") && is_free(*s.home, "b"));
        LAW_CHECK(report, fails_with(make(**b, "late"), Errc::not_found));
    }
};

struct V3 {
    static constexpr const char* text = "V3 link() and unlink() give and take one name";
    static void check(Report& report, Subject& s) noexcept {
        const auto file = make(*s.home, "a");
        const auto other = make(*s.home, "other");
        const auto directory = make(*s.home, "d", fs::NodeType::directory);
        LAW_CHECK(report, file && other && directory);
        if (!file || !other || !directory) {
            return;
        }
        if (s.can.hard_links) {
            LAW_CHECK(report, (*directory)->link("second", **file).has_value());
            LAW_CHECK(report, leads_to(**directory, "second", **file) && links(**file) == 2);
            LAW_CHECK(report, put(**file, 0, 10, 1) == 10U);
            LAW_CHECK(report, fails_with((*directory)->link("second", **file), Errc::exists));
            LAW_CHECK(report, links(**file) == 2);
            LAW_CHECK(report, fails_with(remove(*s.home, "d"), Errc::not_empty));
            LAW_CHECK(report, remove(*s.home, "a") && links(**file) == 1);
            LAW_CHECK(report, is_free(*s.home, "a") && holds(**file, 0, 10, 1));
            LAW_CHECK(report, (*s.home).link("a", **file).has_value());
            LAW_CHECK(report, remove(**directory, "second").has_value());
        } else {
            LAW_CHECK(report, !(*directory)->link("second", **file));
        }
        // A directory has a link from each directory in it.
        const auto inner = make(**directory, "inner", fs::NodeType::directory);
        LAW_CHECK(report, inner && links(**directory) == 3);
        LAW_CHECK(report, fails_with(remove(*s.home, "d"), Errc::not_empty));
        LAW_CHECK(report, remove(**directory, "inner") && links(**directory) == 2);
        LAW_CHECK(report, fails_with(s.home->unlink("a", **other), Errc::stale));
        LAW_CHECK(report, fails_with(s.home->unlink("nobody", **other), Errc::stale));
        LAW_CHECK(report, leads_to(*s.home, "a", **file) && links(**other) == 1);
        LAW_CHECK(report, remove(*s.home, "a") && remove(*s.home, "other"));
        LAW_CHECK(report, remove(*s.home, "d") && links(**directory) == 0);
    }
};

struct V4 {
    static constexpr const char* text = "V4 a node without a name lives while it is referred to";
    static void check(Report& report, Subject& s) noexcept {
        const auto file = make(*s.home, "a");
        LAW_CHECK(report, file.has_value());
        if (!file) {
            return;
        }
        LAW_CHECK(report, put(**file, 0, 5000, 3) == 5000U);
        LAW_CHECK(report, remove(*s.home, "a") && links(**file) == 0);
        const auto again = make(*s.home, "a");  // must not get the inode of the first
        LAW_CHECK(report, again && put(**again, 0, 5000, 4) == 5000U);
        LAW_CHECK(report, holds(**file, 0, 5000, 3));
        LAW_CHECK(report, put(**file, 5000, 300, 3) == 300U && holds(**file, 0, 5300, 3));
        LAW_CHECK(report, again && holds(**again, 0, 5000, 4) && ends_at(**again, 5000));
        LAW_CHECK(report, remove(*s.home, "a").has_value());
        const auto unnamed =
            s.home->create_unnamed({.permissions = fs::Permissions(0600)}, s.can.hard_links);
        LAW_CHECK(report, s.can.unnamed == unnamed.has_value());
        if (unnamed) {
            LAW_CHECK(report, links(**unnamed) == 0 && put(**unnamed, 0, 9, 5) == 9U);
            LAW_CHECK(report, !s.can.hard_links ||
                                  (s.home->link("b", **unnamed) &&
                                   leads_to(*s.home, "b", **unnamed) && remove(*s.home, "b")));
        } else {
            LAW_CHECK(report, unnamed.error() == Errc::not_supported);
        }
    }
};

struct V5 {
    static constexpr const char* text = "V5 rename() is one step";
    static void check(Report& report, Subject& s) noexcept {
        const auto a = make(*s.home, "a");
        const auto b = make(*s.home, "b");
        const auto d = make(*s.home, "d", fs::NodeType::directory);
        const auto e = make(*s.home, "e", fs::NodeType::directory);
        LAW_CHECK(report, a && b && d && e);
        if (!a || !b || !d || !e) {
            return;
        }
        LAW_CHECK(report, put(**a, 0, 700, 6) == 700U);
        LAW_CHECK(report, move(*s.home, "a", *s.home, "c") && is_free(*s.home, "a"));
        LAW_CHECK(report, leads_to(*s.home, "c", **a) && links(**a) == 1);
        LAW_CHECK(report, move(*s.home, "c", **d, "b") && is_free(*s.home, "c"));
        LAW_CHECK(report, leads_to(**d, "b", **a) && holds(**a, 0, 700, 6));
        LAW_CHECK(report, move(**d, "b", *s.home, "b") && links(**b) == 0);  // replaces
        LAW_CHECK(report, leads_to(*s.home, "b", **a) && is_free(**d, "b") && links(**a) == 1);
        LAW_CHECK(report, fails_with(s.home->rename({"d", **a, **e, "x"}), Errc::stale));
        LAW_CHECK(report,
                  fails_with(s.home->rename({"b", **a, *s.home, "d", nullptr}), Errc::stale));
        directories(report, s, **d, **e);
        exchanges(report, s, **a, **d);
        LAW_CHECK(report, remove(*s.home, "b") && remove(*s.home, "d"));
    }

private:
    static void directories(Report& report, Subject& s, fs::Vnode& d, fs::Vnode& e) noexcept {
        LAW_CHECK(report, move(*s.home, "e", d, "e") && links(d) == 3);
        const auto up = e.parent();
        LAW_CHECK(report, up && up->get() == &d);
        LAW_CHECK(report, fails_with(move(*s.home, "d", e, "x"), Errc::invalid_argument));
        LAW_CHECK(report, fails_with(move(*s.home, "d", d, "x"), Errc::invalid_argument));
        const auto full = make(*s.home, "full", fs::NodeType::directory);
        LAW_CHECK(report, full && make(**full, "x"));
        LAW_CHECK(report, fails_with(move(d, "e", *s.home, "full"), Errc::not_empty));
        LAW_CHECK(report, leads_to(d, "e", e) && full && remove(**full, "x"));
        LAW_CHECK(report, move(d, "e", *s.home, "full") && leads_to(*s.home, "full", e));
        LAW_CHECK(report, links(d) == 2 && full && links(**full) == 0);
        LAW_CHECK(report, full && fails_with(move(*s.home, "d", **full, "x"), Errc::not_found));
        LAW_CHECK(report, remove(*s.home, "full") && leads_to(*s.home, "d", d));
    }
    static void exchanges(Report& report, Subject& s, fs::Vnode& a, fs::Vnode& d) noexcept {
        const Status swapped = move(*s.home, "b", *s.home, "d", true);
        LAW_CHECK(report, s.can.exchange == swapped.has_value());
        if (swapped) {
            LAW_CHECK(report, leads_to(*s.home, "d", a) && leads_to(*s.home, "b", d));
            LAW_CHECK(report, move(*s.home, "b", *s.home, "d", true).has_value());
        }
        LAW_CHECK(report, leads_to(*s.home, "b", a) && leads_to(*s.home, "d", d));
    }
};

/// Counts the names n00 to n99 that it is fed, and stops after `room` entries.
struct CountingSink final : fs::DirectorySink {
    bool accept(const fs::DirectoryEntry& entry) noexcept override {
        if (room == 0) {
            return false;
        }
        --room;
        cookie = entry.next_cookie;
        if (entry.name == ".") {
            dot = entry.inode;
        } else if (entry.name == "..") {
            dot_dot = entry.inode;
        } else if (const std::uint32_t n = number_of(entry.name); n < 100) {
            ++seen[n];
            inode[n] = entry.inode;
            type[n] = entry.type;
        } else {
            ++others;
        }
        return true;
    }
    std::uint32_t room = ~0U;
    std::uint64_t cookie = 0, dot = 0, dot_dot = 0;
    std::array<std::uint8_t, 100> seen{};
    std::array<std::uint64_t, 100> inode{};
    std::array<fs::NodeType, 100> type{};
    std::uint32_t others = 0;
};

struct V6 {
    static constexpr const char* text = "V6 read_directory() feeds every name once";
    static constexpr std::uint32_t names = 40;
    static void check(Report& report, Subject& s) noexcept {
        for (std::uint32_t n = 0; n < names; ++n) {
            LAW_CHECK(report, make(*s.home, Numbered(n),
                                   n % 5 == 0 ? fs::NodeType::directory : fs::NodeType::regular));
        }
        CountingSink all;
        LAW_CHECK(report, s.home->read_directory(0, all).has_value());
        const auto here = s.home->attributes();
        const auto parent = s.home->parent();
        LAW_CHECK(report, here && all.dot == here->inode);
        LAW_CHECK(report, parent && all.dot_dot == (*parent)->attributes()->inode);
        LAW_CHECK(report, all.others == 0);
        for (std::uint32_t n = 0; n < names; ++n) {
            const auto node = s.home->lookup(Numbered(n));
            LAW_CHECK(report, all.seen[n] == 1 && node);
            LAW_CHECK(report, node && all.type[n] == (*node)->type() &&
                                  all.inode[n] == (*node)->attributes()->inode);
        }
        in_pieces(report, s);
        CountingSink none;
        LAW_CHECK(report, s.home->read_directory(0, none) && none.others == 0);
        for (const std::uint8_t times : none.seen) {
            LAW_CHECK(report, times == 0);
        }
    }

private:
    /// Names go while they are read: none of the others is fed twice, and none not at all.
    static void in_pieces(Report& report, Subject& s) noexcept {
        CountingSink sink;
        std::array<bool, names> removed{};
        for (std::uint32_t calls = 0; calls < 2 * names; ++calls) {
            sink.room = 3;
            const Status read = s.home->read_directory(sink.cookie, sink);
            LAW_CHECK(report, read.has_value());
            if (!read || sink.room == 3) {
                break;
            }
            for (std::uint32_t n = 0; n < names; n += 2) {
                if (sink.seen[n] != 0 && !removed[n]) {
                    removed[n] = true;
                    LAW_CHECK(report, remove(*s.home, Numbered(n)).has_value());
                }
            }
        }
        for (std::uint32_t n = 0; n < names; ++n) {
            LAW_CHECK(report, sink.seen[n] == 1);
            LAW_CHECK(report, removed[n] || remove(*s.home, Numbered(n)).has_value());
        }
    }
};

}  // namespace kidney::laws::file_system
