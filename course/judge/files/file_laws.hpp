/// The laws of Files, I1 to I3 and B1 to B5: one function at a time, on disks that the judge has
/// prepared, and looks at afterwards.
#pragma once

#include "course/judge/files/unit_calls.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::course::files {

inline void law_i1(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t last = on.shape().inodes - 1;
    Inode some = regular(12'345);
    some.uid = 7;
    some.direct[19] = on.geometry().data_start() + 3;
    on.put(last, some);
    Inode bad = some;
    bad.size = fs::vsfs::max_file_size + 1;
    on.put(3, bad);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto read = [&](std::uint32_t n) {
        UnitCall call;
        call.number = n;
        return u.call(UnitOp::inode, call, "inode(" + number(n) + ")");
    };
    for (const std::uint32_t n : {fs::vsfs::root_inode, last}) {
        const auto answer = read(n);
        if (u.works(answer)) {
            t.expect(same(answer->inode, on.inode(n)), "the 128 bytes of slot " + number(n),
                     "others");
        }
    }
    for (const std::uint32_t n : {2U, 3U, 0U, last + 1}) {
        u.refuses(read(n), Errc::corrupted);
    }
}

inline void law_i2(Remote& remote, TestDisk& on, Trial& t) {
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    for (const std::uint32_t n : {2U, 31U, on.shape().inodes - 1}) {
        const auto before = on.picture();
        UnitCall call = call_of(regular(n * 1000));
        call.number = n;
        if (!u.works(u.call(UnitOp::put, call, "put(" + number(n) + ", an inode)"))) {
            return;
        }
        t.expect(same(on.inode(n), call.inode), "slot " + number(n) + " has what was put there",
                 "it has not");
        const std::size_t slot =
            std::size_t{on.geometry().inode_table()} * 4096 + std::size_t{n} * sizeof(Inode);
        const std::string other = on.difference(before, slot, slot + sizeof(Inode));
        t.expect(other.empty(), "nothing else changes", other + " changed");
    }
}

inline void law_i3(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t bitmap = on.geometry().inode_bitmap();
    for (const std::uint32_t n : {2U, 3U, 5U}) {
        on.set_bit(bitmap, n, true);
    }
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto take = [&] { return u.call(UnitOp::take_inode, {}, "take_inode()"); };
    for (std::uint32_t n = 4; n < on.shape().inodes && t.is_kept(); ++n) {
        if (n == 5) {
            continue;
        }
        u.says("the lowest free inode", take(), n);
        t.expect(on.bit(bitmap, n), "its bit is set", "it is not");
    }
    const auto before = on.picture();
    u.refuses(take(), Errc::no_space);
    t.expect(on.difference(before).empty(), "nothing changes", on.difference(before) + " changed");
    Inode inode = regular(4096);
    inode.direct[0] = on.geometry().data_start() + 1;
    u.end();
    on.put(6, inode);
    on.set_bit(on.geometry().data_bitmap(), 1, true);
    if (!u.begin()) {
        return;
    }
    UnitCall call = call_of(inode);
    call.number = 6;
    u.works(u.call(UnitOp::free_inode, call, "free_inode(6, an inode with one block)"));
    t.expect(!on.bit(bitmap, 6), "the bit of inode 6 is clear", "it is set");
    t.expect(!on.bit(on.geometry().data_bitmap(), 1), "the bit of its block is clear", "it is set");
    t.expect(same(on.inode(6), Inode{}), "its slot is all zero", "it is not");
    u.says("the lowest free inode", take(), 6);
}

/// A file with blocks in some places; the data blocks are `start` and what follows.
[[nodiscard]] inline Inode scattered(TestDisk& on) {
    const std::uint32_t start = on.geometry().data_start();
    Inode inode = regular(fs::vsfs::max_file_size);
    inode.direct[0] = start + 9;
    inode.direct[19] = start + 2;
    inode.indirect = start + 4;
    on.poke(start + 4, 0, start + 6);
    on.poke(start + 4, 4, std::uint32_t{0});
    on.poke(start + 4, 8, start + 5);
    on.poke(start + 4, 1023 * 4, start + 8);
    for (const std::uint32_t n : {9U, 2U, 4U, 6U, 5U, 8U}) {
        on.set_bit(on.geometry().data_bitmap(), n, true);
    }
    return inode;
}

inline void law_b1(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t start = on.geometry().data_start();
    const Inode inode = scattered(on);
    on.poke(start + 4, 5 * 4, on.shape().blocks);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto find = [&](const Inode& i, std::uint32_t index) {
        return u.call(UnitOp::find_block, call_of(i, index),
                      "find_block(inode, " + number(index) + ")");
    };
    const std::pair<std::uint32_t, std::uint32_t> places[] = {
        {0, start + 9}, {1, 0},          {19, start + 2},   {20, start + 6},
        {21, 0},        {22, start + 5}, {1043, start + 8}, {1042, 0}};
    for (const auto& [index, block] : places) {
        u.says("block " + number(index) + " of the file", find(inode, index), block);
    }
    Inode small = regular(4096);
    u.says("block 30 of a file without an indirect block", find(small, 30), 0);
    u.refuses(find(inode, 25), Errc::corrupted);
    small.direct[3] = start - 1;
    u.refuses(find(small, 3), Errc::corrupted);
    small.indirect = on.shape().blocks;
    u.refuses(find(small, 20), Errc::corrupted);
}

inline void law_b2(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t start = on.geometry().data_start(), bitmap = on.geometry().data_bitmap();
    Inode inode = scattered(on);  // taken: 2 4 5 6 8 9
    for (const std::uint32_t n : {0U, 1U, 3U, 7U, 10U, 11U}) {
        on.poke(start + n, 100, std::uint32_t{0xDEAD'BEEF});  // of whoever had them before
    }
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto make = [&](std::uint32_t index, std::uint8_t fill) {
        UnitCall call = call_of(inode, index);
        call.fill = fill;
        const auto answer = u.call(
            UnitOp::make_block, call,
            "make_block(inode, " + number(index) + ")" + (fill != 0 ? ", and fills it" : ""));
        if (u.works(answer)) {
            inode = answer->inode;
        }
    };
    const auto before = on.picture();
    make(0, 0);
    t.expect(on.difference(before).empty() && inode.direct[0] == start + 9,
             "a block that is there stays as it is", on.difference(before) + " changed");
    make(1, 0);
    t.equal("direct[1] of the inode", inode.direct[1], start);
    t.expect(on.bit(bitmap, 0), "the bit of the new block is set", "it is not");
    t.equal("byte 100 of the new block", on.peek<std::uint32_t>(start, 100), 0U);
    make(21, 7);
    t.equal("pointer 1 of the indirect block", on.peek<std::uint32_t>(start + 4, 4), start + 1);
    t.equal("a byte of the new block", on.peek<std::uint8_t>(start + 1, 99), std::uint8_t{7});
    t.equal("pointer 2 of the indirect block", on.peek<std::uint32_t>(start + 4, 8), start + 5);
    inode = regular(100);
    make(20, 8);
    t.expect((inode.indirect == start + 3 || inode.indirect == start + 7),
             "the file has an indirect block now, one of the two lowest free blocks",
             "indirect is " + number(inode.indirect));
    if (t.is_kept()) {
        const std::uint32_t other = inode.indirect == start + 3 ? start + 7 : start + 3;
        t.equal("its pointer 0", on.peek<std::uint32_t>(inode.indirect, 0), other);
        t.equal("bytes 100 to 103 of the indirect block",
                on.peek<std::uint32_t>(inode.indirect, 100), 0U);
        t.expect(on.bit(bitmap, 3) && on.bit(bitmap, 7), "both bits are set", "they are not");
    }
    for (const std::uint32_t at : inode.direct) {
        t.equal("a direct pointer of that file", at, 0U);
    }
}

inline void law_b3(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t bitmap = on.geometry().data_bitmap();
    for (std::uint32_t n = 0; n + 1 < on.geometry().data_blocks(); ++n) {
        on.set_bit(bitmap, n, true);
    }
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto before = on.picture();
    const auto make = [&](const Inode& inode, std::uint32_t index) {
        return u.call(UnitOp::make_block, call_of(inode, index),
                      "make_block(inode, " + number(index) + ")");
    };
    t.call("(one block of the disk is free)");
    u.refuses(make(regular(0), 20), Errc::no_space);
    t.expect(on.difference(before).empty(), "nothing changes", on.difference(before) + " changed");
    const auto last = make(regular(0), 2);
    if (u.works(last)) {
        t.equal("direct[2]", last->inode.direct[2], on.shape().blocks - 1);
    }
    const auto full = on.picture();
    u.refuses(make(regular(0), 0), Errc::no_space);
    t.expect(on.difference(full).empty(), "nothing changes", on.difference(full) + " changed");
}

inline void law_b4(Remote& remote, TestDisk& on, Trial& t) {
    const std::uint32_t start = on.geometry().data_start(), bitmap = on.geometry().data_bitmap();
    Inode inode = scattered(on);
    fs::vsfs::Block full;
    full.fill(std::byte{0x55});
    for (const std::uint32_t n : {9U, 2U, 6U, 5U, 8U}) {
        ignore_error(fs::vsfs::write_block(on.disk(), start + n, full), "it is ours");
    }
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto shrink = [&](std::uint64_t size) {
        const auto answer =
            u.call(UnitOp::shrink, call_of(inode, 0, size),
                   "shrink(inode of " + number(inode.size) + " bytes, " + number(size) + ")");
        if (u.works(answer)) {
            inode = answer->inode;
            t.equal("its size", inode.size, size);
        }
    };
    const auto is_free = [&](std::uint32_t n, bool free) {
        t.expect(on.bit(bitmap, n) != free,
                 "block " + number(start + n) + (free ? " is free" : " is taken"),
                 free ? "it is taken" : "it is free");
    };
    shrink(std::uint64_t{1043} * 4096);
    is_free(8, true);
    t.equal("pointer 1023 of the indirect block", on.peek<std::uint32_t>(start + 4, 4092), 0U);
    is_free(5, false);
    shrink(std::uint64_t{22} * 4096);
    is_free(5, true);
    is_free(6, false);
    shrink(std::uint64_t{20} * 4096 + 50);
    t.equal("byte 49 of the last block", on.peek<std::uint8_t>(start + 6, 49), std::uint8_t{0x55});
    t.equal("byte 50 of the last block", on.peek<std::uint8_t>(start + 6, 50), std::uint8_t{0});
    t.equal("byte 4095 of the last block", on.peek<std::uint8_t>(start + 6, 4095), std::uint8_t{0});
    shrink(std::uint64_t{20} * 4096);
    is_free(6, true);
    is_free(4, true);
    t.equal("indirect", inode.indirect, 0U);
    is_free(2, false);
    shrink(1);
    is_free(2, true);
    is_free(9, false);
    t.equal("byte 1 of block 0", on.peek<std::uint8_t>(start + 9, 1), std::uint8_t{0});
    shrink(40'000);
    t.equal("direct[5] after growing", inode.direct[5], 0U);
    t.equal("byte 0 of block 0", on.peek<std::uint8_t>(start + 9, 0), std::uint8_t{0x55});
    shrink(0);
    is_free(9, true);
    t.equal("direct[0]", inode.direct[0], 0U);
}

inline void law_b5(Remote& remote, TestDisk& on, Trial& t) {
    const Inode inode = scattered(on);
    UnitCalls u(remote, on, t);
    if (!u.begin()) {
        return;
    }
    const auto count = [&](const Inode& i) {
        return u.call(UnitOp::count_blocks, call_of(i), "count_blocks(inode)");
    };
    u.says("blocks of a file with 2 direct ones, 3 others and the indirect block", count(inode), 6);
    u.says("blocks of an empty file", count(regular(0)), 0);
    Inode bad = inode;
    bad.indirect = 1;
    u.refuses(count(bad), Errc::corrupted);
}

}  // namespace kidney::course::files
