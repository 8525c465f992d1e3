/// The laws of Directories, D1 to D5, as those of Files.
#pragma once

#include "course/judge/files/unit_calls.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::course::files {

[[nodiscard]] inline Entry entry_of(std::string_view name, std::uint32_t inode,
                                    std::uint8_t type = 8) {
    Entry entry{.inode = inode, .length = static_cast<std::uint8_t>(name.size()), .type = type};
    std::memcpy(entry.bytes.data(), name.data(), name.size());
    return entry;
}
/// A directory of two blocks: names "n0", "n1" ... in all slots but 3, 70 and those from 80 on.
[[nodiscard]] inline Inode directory(TestDisk& on) {
    const std::uint32_t start = on.geometry().data_start();
    Inode inode;
    inode.mode = fs::vsfs::mode_directory | 0755;
    inode.links = 2;
    inode.parent = 1;
    inode.size = 2 * 4096;
    inode.direct[0] = start + 1;
    inode.direct[1] = start;
    on.set_bit(on.geometry().data_bitmap(), 0, true);
    on.set_bit(on.geometry().data_bitmap(), 1, true);
    for (std::uint32_t slot = 0; slot < 80; ++slot) {
        if (slot != 3 && slot != 70) {
            on.poke(slot < 64 ? start + 1 : start, slot % 64 * sizeof(Entry),
                    entry_of("n" + number(slot), 2 + slot % 29));
        }
    }
    return inode;
}

inline void law_d1(Remote& remote, TestDisk& on, Trial& t) {
    const Inode inode = directory(on);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto list = [&](std::uint32_t first, std::uint64_t most) {
        const auto answer = u.call(UnitOp::for_each, call_of(inode, first, most),
                                   "for_each_entry(directory of 2 blocks, " + number(first) +
                                       ", a visitor that stops after " + number(most) + ")");
        return u.works(answer) ? u.slots() : std::vector<SlotAnswer>();
    };
    const auto all = list(0, 1000);
    t.equal("the number of slots, unused ones too", all.size(), std::size_t{128});
    for (std::uint32_t slot = 0; slot < all.size(); ++slot) {
        t.equal("a slot", all[slot].slot, slot);
        const bool used = slot < 80 && slot != 3 && slot != 70;
        t.equal("the inode in slot " + number(slot), all[slot].entry.inode,
                used ? 2 + slot % 29 : 0U);
    }
    const auto some = list(62, 4);
    t.equal("the number of slots that were visited", some.size(), std::size_t{4});
    for (std::uint32_t i = 0; i < some.size(); ++i) {
        t.equal("a slot", some[i].slot, 62 + i);
    }
    t.equal("the number of slots behind the end", list(128, 10).size(), std::size_t{0});
    u.end();
    Inode hole = inode;
    hole.direct[1] = 0;
    on.poke(on.geometry().data_start() + 1, 5 * sizeof(Entry), entry_of("", 7));
    if (u.begin()) {
        t.call("(slot 5 has a name of no letters now)");
        u.refuses(u.call(UnitOp::for_each, call_of(inode, 0, 1000), "for_each_entry()"),
                  Errc::corrupted);
        u.refuses(u.call(UnitOp::for_each, call_of(hole, 64, 1000),
                         "for_each_entry(a directory with a hole)"),
                  Errc::corrupted);
    }
}

inline void law_d2(Remote& remote, TestDisk& on, Trial& t) {
    const Inode inode = directory(on);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto find = [&](std::string_view name) {
        return u.call(UnitOp::find, named(inode, name), "find(\"" + std::string(name) + "\")");
    };
    for (const std::uint32_t slot : {0U, 4U, 63U, 64U, 79U}) {
        const auto answer = find("n" + number(slot));
        u.says("the slot", answer, slot);
        if (answer) {
            t.equal("the inode of the entry", answer->entry.inode, 2 + slot % 29);
        }
    }
    for (const std::string_view name : {"n3", "n", "n790", "N5", "", "n70"}) {
        u.refuses(find(name), Errc::not_found);
    }
}

inline void law_d3(Remote& remote, TestDisk& on, Trial& t) {
    Inode inode = directory(on);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const std::uint32_t start = on.geometry().data_start();
    const auto add = [&](std::string_view name, std::uint32_t n, std::uint16_t mode) {
        return u.call(
            UnitOp::add, named(inode, name, n, mode),
            "add(directory, \"" + std::string(name.substr(0, 10)) +
                (name.size() > 10 ? "...\" of " + number(name.size()) + " letters" : "\"") + ", " +
                number(n) + ")");
    };
    const auto is_in = [&](std::uint32_t block, std::uint32_t slot, const Entry& entry) {
        const auto there = on.peek<Entry>(block, slot % 64 * sizeof(Entry));
        t.expect(std::memcmp(&there, &entry, sizeof(Entry)) == 0,
                 "slot " + number(slot) + " has the entry, all 64 bytes of it", "it has another");
    };
    const std::string longest(58, 'x');
    auto before = on.picture();
    if (u.works(add("first", 9, fs::vsfs::mode_directory | 0755))) {
        is_in(start + 1, 3, entry_of("first", 9, 4));
        const std::size_t at = (std::size_t{start} + 1) * 4096 + 3 * sizeof(Entry);
        const std::string other = on.difference(before, at, at + sizeof(Entry));
        t.expect(other.empty(), "no other byte changes", other + " changed");
    }
    if (u.works(add(longest, 10, fs::vsfs::mode_regular))) {
        is_in(start, 70, entry_of(longest, 10));
    }
    before = on.picture();
    u.refuses(add(longest + "y", 11, fs::vsfs::mode_regular), Errc::name_too_long);
    t.expect(on.difference(before).empty(), "nothing changes", on.difference(before) + " changed");
    // A full one grows by a block; so does an empty one.
    for (std::uint32_t slot = 80; slot < 128 && t.is_kept(); ++slot) {
        u.works(add("m" + number(slot), 5, fs::vsfs::mode_regular));
    }
    const auto grown = add("third", 12, fs::vsfs::mode_symlink);
    if (u.works(grown)) {
        t.equal("its size", grown->inode.size, std::uint64_t{3 * 4096});
        t.equal("direct[2]", grown->inode.direct[2], start + 2);
        is_in(start + 2, 128, entry_of("third", 12, 10));
    }
    inode.size = 0;
    inode.direct = {};
    const auto first = add("alone", 13, fs::vsfs::mode_regular);
    if (u.works(first)) {
        t.equal("the size of a directory with its first name", first->inode.size,
                std::uint64_t{4096});
        is_in(first->inode.direct[0], 0, entry_of("alone", 13));
    }
}

inline void law_d4(Remote& remote, TestDisk& on, Trial& t) {
    const Inode inode = directory(on);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const std::uint32_t start = on.geometry().data_start();
    for (const std::uint32_t slot : {2U, 64U}) {
        const auto before = on.picture();
        UnitCall call = call_of(inode, slot);
        u.works(u.call(UnitOp::put_entry, call, "put(directory, " + number(slot) + ", Entry{})"));
        const std::size_t at =
            std::size_t{slot < 64 ? start + 1 : start} * 4096 + slot % 64 * sizeof(Entry);
        const auto there = on.peek<Entry>(slot < 64 ? start + 1 : start, slot % 64 * sizeof(Entry));
        t.expect(there.inode == 0 && there.length == 0, "the slot is free", "it is not");
        const std::string other = on.difference(before, at, at + sizeof(Entry));
        t.expect(other.empty(), "no other byte changes", other + " changed");
    }
}

inline void law_d5(Remote& remote, TestDisk& on, Trial& t) {
    Inode inode = directory(on);
    const std::uint32_t start = on.geometry().data_start();
    fs::vsfs::Block zeros{};
    ignore_error(fs::vsfs::write_block(on.disk(), start, zeros), "it is ours");
    ignore_error(fs::vsfs::write_block(on.disk(), start + 1, zeros), "it is ours");
    UnitCalls u(remote, on, t);
    const auto is_empty = [&](std::string_view what, bool empty) {
        if (u.begin()) {
            u.says("1 for empty",
                   u.call(UnitOp::is_empty, call_of(inode), "is_empty(" + std::string(what) + ")"),
                   empty ? 1 : 0);
            u.end();
        }
    };
    is_empty("two blocks without a name", true);
    on.poke(start, 63 * sizeof(Entry), entry_of("last", 4));
    is_empty("a name in the last slot", false);
    on.poke(start, 63 * sizeof(Entry), Entry{});
    on.poke(start + 1, 0, entry_of("first", 4));
    is_empty("a name in the first slot", false);
    inode.size = 0;
    inode.direct = {};
    is_empty("no block", true);
}

}  // namespace kidney::course::files
