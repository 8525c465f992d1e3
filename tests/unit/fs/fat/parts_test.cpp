/// The parts of FAT that need no disk: what a boot sector may say, letters, short names, times,
/// sets of clusters, chains, and the order of renames.
#include "fs/fat/chain.hpp"
#include "fs/fat/cluster_set.hpp"
#include "fs/fat/geometry.hpp"
#include "fs/fat/moved_nodes.hpp"
#include "fs/fat/options.hpp"
#include "fs/fat/text/name.hpp"
#include "fs/fat/text/stamps.hpp"
#include "fs/fat/write_order.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace kidney::fs::fat {
namespace {

RawBoot floppy() {
    RawBoot raw{};
    raw.sector_bytes = 512;
    raw.sectors_per_cluster = 1;
    raw.reserved_sectors = 1;
    raw.tables = 2;
    raw.root_entries = 224;
    raw.sectors16 = 2880;
    raw.media = 0xF0;
    raw.table_sectors16 = 9;
    return raw;
}
RawBoot fat32() {
    RawBoot raw{};
    raw.sector_bytes = 512;
    raw.sectors_per_cluster = 8;
    raw.reserved_sectors = 32;
    raw.tables = 2;
    raw.sectors32 = 589'824;
    raw.media = 0xF8;
    raw.table_sectors32 = 576;
    raw.root_cluster = 2;
    raw.info_sector = 1;
    return raw;
}
constexpr std::uint64_t large_disk = std::uint64_t{1} << 40;

TEST(FatGeometry, IsWhatTheFieldsSay) {
    RefusalText why;
    const Geometry small = *Geometry::create(floppy(), 1'474'560, 512, why);
    EXPECT_EQ(small.bits, 12U);
    EXPECT_EQ(small.root_first, 19U);
    EXPECT_EQ(small.data_first, 33U);
    EXPECT_EQ(small.clusters, 2847U);
    EXPECT_EQ(small.block_size, 512U) << "the data begin at an odd sector";
    EXPECT_EQ(small.smallest_end_mark(), 0xFF8U);
    const Geometry large = *Geometry::create(fat32(), large_disk, 512, why);
    EXPECT_EQ(large.bits, 32U);
    EXPECT_EQ(large.clusters, (589'824U - 32 - 2 * 576) / 8);
    EXPECT_EQ(large.block_size, 4096U);
    EXPECT_TRUE(large.is_cluster(2) && large.is_cluster(large.clusters + 1));
    EXPECT_FALSE(large.is_cluster(1) || large.is_cluster(large.clusters + 2));
    // The count of clusters decides between FAT12 and FAT16.
    RawBoot raw = floppy();
    raw.table_sectors16 = 64;
    raw.sectors16 = static_cast<std::uint16_t>(1 + 2 * 64 + 14 + 4084);
    EXPECT_EQ(Geometry::create(raw, large_disk, 512, why)->bits, 12U);
    raw.sectors16 = static_cast<std::uint16_t>(raw.sectors16 + 1);
    EXPECT_EQ(Geometry::create(raw, large_disk, 512, why)->bits, 16U);
    // A table that is too small has fewer clusters than the disk has room for.
    raw = floppy();
    raw.table_sectors16 = 1;
    EXPECT_EQ(Geometry::create(raw, large_disk, 512, why)->clusters, 512U * 8 / 12 - 2);
}

TEST(FatGeometry, RefusalsNameTheFieldAndItsValue) {
    struct Case {
        const char* text;
        Errc error;
        std::function<void(RawBoot&)> damage;
        bool is_fat32 = false;
        std::uint32_t device_block = 512;
        std::uint64_t device = large_disk;
    };
    const std::vector<Case> cases = {
        {"bytes per sector is 0,", Errc::corrupted, [](RawBoot& r) { r.sector_bytes = 0; }},
        {"bytes per sector is 513,", Errc::corrupted, [](RawBoot& r) { r.sector_bytes = 513; }},
        {"bytes per sector is 8192,", Errc::corrupted, [](RawBoot& r) { r.sector_bytes = 8192; }},
        {"sectors per cluster is 3,", Errc::corrupted,
         [](RawBoot& r) { r.sectors_per_cluster = 3; }},
        {"sectors per cluster is 0,", Errc::corrupted,
         [](RawBoot& r) { r.sectors_per_cluster = 0; }},
        {"bytes per cluster is 524288,", Errc::not_supported,
         [](RawBoot& r) {
             r.sector_bytes = 4096;
             r.sectors_per_cluster = 128;
         }},
        {"the media byte is 7,", Errc::corrupted, [](RawBoot& r) { r.media = 7; }},
        {"bytes per sector is 512,", Errc::not_supported, [](RawBoot&) {}, false, 4096},
        {"reserved sectors is 0,", Errc::corrupted, [](RawBoot& r) { r.reserved_sectors = 0; }},
        {"the number of tables is 0,", Errc::corrupted, [](RawBoot& r) { r.tables = 0; }},
        {"the number of tables is 3,", Errc::not_supported, [](RawBoot& r) { r.tables = 3; }},
        {"root directory entries is 0,", Errc::corrupted, [](RawBoot& r) { r.root_entries = 0; }},
        {"root directory entries is 17,", Errc::corrupted, [](RawBoot& r) { r.root_entries = 17; }},
        {"root directory entries is 16,", Errc::corrupted, [](RawBoot& r) { r.root_entries = 16; },
         true},
        {"the number of sectors is 2880,", Errc::corrupted, [](RawBoot&) {}, false, 512, 1'000'000},
        {"the number of sectors is 33,", Errc::corrupted, [](RawBoot& r) { r.sectors16 = 33; }},
        {"the number of sectors is 0,", Errc::corrupted, [](RawBoot& r) { r.sectors16 = 0; }},
        {"the number of clusters is 199967,", Errc::corrupted,
         [](RawBoot& r) {
             r.sectors16 = 0;
             r.sectors32 = 200'000;
         }},
        {"sectors per table is 0,", Errc::corrupted, [](RawBoot& r) { r.table_sectors32 = 0; },
         true},
        {"the version of FAT32 is 1,", Errc::not_supported, [](RawBoot& r) { r.version = 1; },
         true},
        {"the field of flags is 129,", Errc::not_supported, [](RawBoot& r) { r.flags = 0x81; },
         true},
        {"the root directory's cluster is 1,", Errc::corrupted,
         [](RawBoot& r) { r.root_cluster = 1; }, true},
        {"the root directory's cluster is 4294967295,", Errc::corrupted,
         [](RawBoot& r) { r.root_cluster = 0xFFFF'FFFF; }, true},
    };
    for (const Case& c : cases) {
        RawBoot raw = c.is_fat32 ? fat32() : floppy();
        c.damage(raw);
        RefusalText why;
        const auto made = Geometry::create(raw, c.device, c.device_block, why);
        ASSERT_FALSE(made) << c.text;
        EXPECT_EQ(made.error(), c.error) << c.text;
        EXPECT_TRUE(why.view().starts_with(c.text)) << why.view() << " is not " << c.text;
        EXPECT_NE(why.view().find("must be"), std::string_view::npos);
    }
}

TEST(FatGeometry, NoBootSectorIsTooWild) {
    laws::Random random(7);
    for (int round = 0; round < 200'000; ++round) {
        RawBoot raw = round % 2 == 0 ? floppy() : fat32();
        auto* const bytes = reinterpret_cast<unsigned char*>(&raw);
        for (std::uint32_t n = 0; n < 1 + random.below(4); ++n) {
            bytes[11 + random.below(sizeof raw - 11)] =
                static_cast<unsigned char>(random.below(256));
        }
        RefusalText why;
        const auto g = Geometry::create(raw, large_disk, 512, why);
        if (g) {
            EXPECT_GT(g->clusters, 0U);
            const std::uint64_t end =
                (g->sector_of(g->end_cluster() - 1) + g->sectors_per_cluster) * g->sector_size;
            EXPECT_LE(end, large_disk);
            EXPECT_EQ(std::uint64_t{g->data_first} * g->sector_size % g->block_size, 0U);
        } else {
            EXPECT_NE(why.view(), "");
        }
    }
}

TEST(FatLetters, TextGoesThereAndBack) {
    for (const std::string text : {"a", "Stra\u00dfe", "\u4e2d\u6587", "\U0001F600 smile",
                                   "\u0434\u043b\u0438\u043d\u043d\u043e\u0435"}) {
        WideName wide;
        ASSERT_TRUE(widen(text, wide)) << text;
        NarrowName back;
        ASSERT_TRUE(narrow(wide.view(), back));
        EXPECT_EQ(back.view(), text);
    }
    WideName wide;
    for (const std::string_view wrong : {"\xff", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80", "\xe4\xb8", "\x80"}) {
        EXPECT_EQ(widen(wrong, wide).error(), Errc::invalid_argument);
    }
    EXPECT_TRUE(widen(std::string(255, 'x'), wide));
    EXPECT_EQ(widen(std::string(256, 'x'), wide).error(), Errc::name_too_long);
    NarrowName narrowed;
    const char16_t half[] = {u'a', 0xD800, u'b'};
    EXPECT_FALSE(narrow(half, narrowed)) << "half a pair is no letter";
    const char16_t slash[] = {u'a', u'/'};
    EXPECT_FALSE(narrow(slash, narrowed));
    const std::u16string far(100, u'\u4e2d');
    EXPECT_FALSE(narrow(far, narrowed)) << "300 bytes are more than a name may have";
}

TEST(FatLetters, NamesAreOneWhateverTheirSize) {
    const auto same = [](std::u16string_view a, std::u16string_view b) {
        return is_same_name(a, b) && is_same_name(b, a);
    };
    EXPECT_TRUE(same(u"readme.TXT", u"ReadMe.txt"));
    EXPECT_TRUE(same(u"\u00e4\u00f6\u00fc\u00ff", u"\u00c4\u00d6\u00dc\u0178"));
    EXPECT_TRUE(
        same(u"\u03b1\u03c9\u0436\u0451\u0107\u017e", u"\u0391\u03a9\u0416\u0401\u0106\u017d"));
    EXPECT_FALSE(same(u"a", u"b"));
    EXPECT_FALSE(same(u"a", u"aa"));
    EXPECT_FALSE(same(u"\u00f7", u"\u00d7")) << "a sign is no letter";
}

std::string short_of(std::u16string_view name, std::uint32_t tail = 0) {
    const ShortForm form = shorten(name);
    const ShortName made = tail == 0 ? form.name : with_tail(form, tail);
    std::string text(reinterpret_cast<const char*>(made.data()), made.size());
    return (form.is_exact ? "=" : "~") + text + std::to_string(form.letters);
}

TEST(FatShortNames, AreMadeAsOthersMakeThem) {
    EXPECT_EQ(short_of(u"README.TXT"), "=README  TXT0");
    EXPECT_EQ(short_of(u"readme.txt"), "=README  TXT24");
    EXPECT_EQ(short_of(u"readme.TXT"), "=README  TXT8");
    EXPECT_EQ(short_of(u"a"), "=A          8");
    EXPECT_EQ(short_of(u"ReadMe"), "~README     0");
    EXPECT_EQ(short_of(u"longer name.text", 1), "~LONGER~1TEX0");
    EXPECT_EQ(short_of(u"a.b.c", 12), "~AB~12   C  0");
    EXPECT_EQ(short_of(u".bashrc", 3), "~BASHRC~3   0");
    EXPECT_EQ(short_of(u"\u4e2d\u6587", 1), "~__~1       0");
    EXPECT_EQ(short_of(u"+", 1), "~_~1        0");
    EXPECT_EQ(short_of(u"longername", 123456), "~L~123456   0");
    EXPECT_EQ(short_of(u"x.", 0), "~X          0");
    const ShortForm form = shorten(u"longer name.text");
    for (const std::uint32_t number : {1U, 9U, 10U, 99U, 100U, 99'999U}) {
        EXPECT_EQ(tail_in(form, with_tail(form, number)), number);
    }
    EXPECT_EQ(tail_in(form, shorten(u"LONGER~1.TXT").name), std::nullopt) << "another extension";
    EXPECT_EQ(tail_in(form, shorten(u"LONGE~01.TEX").name), std::nullopt) << "nobody writes 01";
}

TEST(FatLongNames, ArePutTogetherFromTheirPieces) {
    for (const std::size_t length : {1U, 12U, 13U, 14U, 26U, 247U, 255U}) {
        WideName name;
        for (std::size_t n = 0; n < length; ++n) {
            ASSERT_TRUE(name.push(static_cast<char16_t>(u'a' + n % 26)));
        }
        const ShortName alias = with_tail(shorten(name.view()), 1);
        const std::uint8_t sum = checksum_of(alias);
        const std::size_t pieces = (length + 12) / 13;
        LongNameReader reader;
        for (std::size_t n = pieces; n > 0; --n) {
            reader.take(make_piece(name, n, sum), static_cast<std::uint32_t>(50 + pieces - n));
        }
        const WideName* const read = reader.finish(alias);
        ASSERT_NE(read, nullptr) << length;
        EXPECT_TRUE(std::ranges::equal(read->view(), name.view())) << length;
        EXPECT_EQ(reader.start_slot(), 50U);
        EXPECT_EQ(reader.finish(alias), nullptr) << "it belongs to one entry";
        // A piece too few, one of another name, another entry: no long name.
        if (pieces > 1) {
            reader.take(make_piece(name, pieces, sum), 0);
            EXPECT_EQ(reader.finish(alias), nullptr);
            reader.take(make_piece(name, pieces, sum), 0);
            reader.take(make_piece(name, pieces - 1, sum ^ 1), 1);
            EXPECT_EQ(reader.finish(alias), nullptr);
        }
        for (std::size_t n = pieces; n > 0; --n) {
            reader.take(make_piece(name, n, sum), 0);
        }
        EXPECT_EQ(reader.finish(with_tail(shorten(name.view()), 2)), nullptr);
    }
}

TEST(FatStamps, EverySecondDayGoesThereAndBack) {
    EXPECT_EQ(time_of(stamp_of({first_second, 0})).seconds, first_second);
    EXPECT_EQ(time_of(stamp_of({last_second, 0})).seconds, last_second - 1);
    for (std::int64_t at = first_second; at < last_second; at += 2 * 86'400 + 7'302) {
        EXPECT_EQ(time_of(stamp_of({at, 0})).seconds, at - at % 2) << at;
    }
    EXPECT_EQ(kept({0, 5}).seconds, first_second) << "before 1980 there was nothing";
    EXPECT_EQ(kept({std::int64_t{1} << 40, 0}).seconds, last_second - 1);
    EXPECT_EQ(stamp_of({1'709'210'096, 0}), (Stamp{44 << 9 | 2 << 5 | 29, 12 << 11 | 34 << 5 | 28}))
        << "2024-02-29 12:34:56";
    for (unsigned bits = 0; bits < 0x1'0000; bits += 3) {  // whatever is on a disk is some time
        const auto value = static_cast<std::uint16_t>(bits);
        EXPECT_GE(time_of({value, static_cast<std::uint16_t>(~bits)}).seconds, first_second);
    }
}

TEST(FatClusterSet, FindsRunsOfTheMissing) {
    fakes::FakeHeap heap;
    {
        ClusterSet<fakes::FakeHeap> set(heap);
        constexpr std::uint32_t limit = 70'000;  // three pieces
        ASSERT_TRUE(set.create(limit));
        std::set<std::uint32_t> model;
        laws::Random random(3);
        for (std::uint32_t round = 0; round < 2000; ++round) {
            const std::uint32_t begin = random.below(limit);
            const std::uint32_t length = 1 + random.below(100);
            for (std::uint32_t n = begin; n < std::min(limit, begin + length); ++n) {
                if (round % 3 != 0) {
                    set.add(n);
                    model.insert(n);
                } else {
                    set.remove(n);
                    model.erase(n);
                }
            }
            const std::uint32_t from = random.below(limit);
            const std::uint32_t end = from + random.below(limit - from + 1);
            const std::uint32_t run = 1 + random.below(40);
            std::optional<std::uint32_t> first, found;
            for (std::uint32_t n = from, free = 0; n < end && !found; ++n) {
                free = model.contains(n) ? 0 : free + 1;
                first = free > 0 && !first ? n : first;
                found = free == run ? std::optional(n - run + 1) : std::nullopt;
            }
            ASSERT_EQ(set.find_missing(from, end, run), found ? found : first) << round;
        }
        for (std::uint32_t n = 0; n < limit; ++n) {
            ASSERT_EQ(set.has(n), model.contains(n));
        }
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
    for (std::size_t n = 1; n <= 4; ++n) {
        ClusterSet<fakes::FakeHeap> set(heap);
        heap.fail_at(n);
        EXPECT_EQ(set.create(70'000).error(), Errc::no_memory);
        EXPECT_EQ(heap.used_bytes(), 0U);
    }
}

TEST(FatChains, KnowWhereEachClusterIs) {
    fakes::FakeHeap heap;
    {
        Chain<fakes::FakeHeap> chain(heap, {});
        std::vector<std::uint32_t> model;
        laws::Random random(5);
        for (int round = 0; round < 3000; ++round) {
            if (random.below(50) == 0) {
                const auto keep = random.below(static_cast<std::uint32_t>(model.size()) + 1);
                chain.cut(keep);
                model.resize(keep);
            }
            ASSERT_TRUE(chain.reserve());
            const std::uint32_t next = model.empty() || random.below(3) == 0
                                           ? 2 + random.below(100'000)
                                           : model.back() + 1;
            chain.push({next, 1});
            model.push_back(next);
            ASSERT_EQ(chain.size(), model.size());
            const auto at = random.below(chain.size());
            ASSERT_EQ(chain.at(at), model[at]);
            ASSERT_EQ(chain.first(), model.front());
            ASSERT_EQ(chain.last(), model.back());
        }
        Chain<fakes::FakeHeap> heir(heap, {.first = 1, .clusters = 1});
        chain.is_loaded = true;
        heir.adopt(chain);
        EXPECT_TRUE(chain.is_empty());
        ASSERT_EQ(heir.size(), model.size());
        for (std::uint32_t n = 0; n < heir.size(); ++n) {
            ASSERT_EQ(heir.at(n), model[n]);
        }
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
}

/// What MovedNodes needs of a node.
struct MovableNode {
    MovableNode(std::uint64_t first, std::uint64_t number) noexcept
        : key_(first), first_key_(first), inode_number_(number) {}
    std::uint64_t key_;
    const std::uint64_t first_key_, inode_number_;
    using MovedHook =
        boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;
    MovedHook moved_hook_;
};

TEST(FatMovedNodes, EachHasANumberOfItsOwn) {
    constexpr std::uint64_t places = 1000, place = 7, elsewhere = 8, removed = 5000;
    MovedNodes<MovableNode, NullLock> moved;
    const auto next = [&] { return moved.free_number(place, places); };
    MovableNode first(place, next());
    EXPECT_EQ(first.inode_number_, place) << "whose place is its own";
    moved.note(first);
    EXPECT_EQ(next(), place) << "it is where it was";
    first.key_ = elsewhere;
    moved.note(first);
    EXPECT_EQ(moved.free_number(elsewhere, places), elsewhere) << "its number is another one";
    MovableNode second(place, next());
    EXPECT_EQ(second.inode_number_, place + places);
    moved.note(second);
    second.key_ = removed;
    moved.note(second);
    MovableNode third(place, next());
    EXPECT_EQ(third.inode_number_, place + 2 * places);
    moved.note(third);
    first.key_ = place;
    moved.note(first);
    first.key_ = elsewhere;
    moved.note(first);
    EXPECT_EQ(next(), place + 3 * places) << "whoever came back and left again in between";
    moved.remove(third);
    EXPECT_EQ(next(), place + 2 * places);
    moved.remove(second);
    moved.remove(first);
    EXPECT_EQ(next(), place);
}

TEST(FatOrder, MovesFindAnOrderOrSaySo) {
    const auto order = [](std::uint8_t gain, std::uint8_t up, std::uint8_t lose) {
        const auto phases = order_move(gain, up, lose);
        return phases ? phases->gain.value * 10'000 + phases->up.value * 100 + phases->lose.value
                      : 0;
    };
    EXPECT_EQ(order(0, 0, 0), 30'405);
    EXPECT_EQ(order(2, 2, 2), 30'405);
    EXPECT_EQ(order(3, 0, 5), 30'405);
    EXPECT_EQ(order(5, 0, 0), 60'708);  // waits for another, so it gains later
    EXPECT_EQ(order(4, 0, 0), 0);       // another waits for its ".."
    EXPECT_EQ(order(0, 0, 3), 0);       // another waits for it: it must not be put off
    EXPECT_EQ(order(0, 0, 6), 30'406);  // but it comes late enough
    EXPECT_EQ(order(0, 5, 0), 0);
    EXPECT_EQ(order(11, 0, 0), 121'314);
    EXPECT_EQ(order(14, 0, 0), 0);
}

TEST(FatOptions, AreThoseOfMount) {
    FatOptions options;
    EXPECT_TRUE(parse_fat_options("uid=5,gid=6,umask=077,quiet,utf8,errors=remount-ro", options));
    EXPECT_EQ(options.uid, 5U);
    EXPECT_EQ(options.gid, 6U);
    EXPECT_EQ(options.file_mask, 077);
    EXPECT_EQ(options.directory_mask, 077);
    EXPECT_TRUE(options.quiet);
    EXPECT_TRUE(parse_fat_options("fmask=111,dmask=7", options));
    EXPECT_EQ(options.file_mask, 0111);
    EXPECT_EQ(options.directory_mask, 07);
    for (const char* wrong : {"uid", "uid=x", "uid=4294967296", "umask=8", "umask=7777", "what",
                              "iocharset=koi8-r", "quiet=1"}) {
        EXPECT_EQ(parse_fat_options(wrong, options).error(), Errc::invalid_argument) << wrong;
    }
}

}  // namespace
}  // namespace kidney::fs::fat
