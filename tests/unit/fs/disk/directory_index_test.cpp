#include "fs/disk/directory_index.hpp"

#include "fs/fat/name_places.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::fs_test {
namespace {

using Index = fs::DirectoryIndex<fakes::FakeHeap>;

std::vector<std::uint32_t> places(Index& index, std::uint32_t hash) {
    std::vector<std::uint32_t> found;
    EXPECT_TRUE(index.for_each(hash, [&](std::uint32_t place) noexcept -> Result<bool> {
        found.push_back(place);
        return true;
    }));
    return found;
}

TEST(DirectoryIndex, KnowsNamesThatShareAHash) {
    fakes::FakeHeap heap;
    Index index(heap);
    ASSERT_TRUE(index.begin());
    index.add(7, 1);
    index.add(7 + 256, 2);  // the same slot
    index.add(7, 3);
    index.remove(7, 1);
    EXPECT_EQ(places(index, 7), std::vector<std::uint32_t>{3});
    EXPECT_EQ(places(index, 7 + 256), std::vector<std::uint32_t>{2});
    index.remove(7 + 256, 3);  // there, but by another hash
    EXPECT_EQ(places(index, 7), std::vector<std::uint32_t>{3});
}

TEST(DirectoryIndex, GrowsWithNamesAndNotWithTheirNumberInAll) {
    fakes::FakeHeap heap;
    Index index(heap);
    ASSERT_TRUE(index.begin());
    for (std::uint32_t n = 0; n < 5000; ++n) {
        index.add(fs::hash_of(std::to_string(n)), n);
    }
    const std::size_t bytes = heap.used_bytes();
    EXPECT_LE(bytes, 5000U * 22);
    for (std::uint32_t n = 0; n < 5000; ++n) {
        ASSERT_EQ(places(index, fs::hash_of(std::to_string(n))), std::vector<std::uint32_t>{n});
    }
    for (std::uint32_t n = 5000; n < 100'000; ++n) {  // always so many, but others
        index.remove(fs::hash_of(std::to_string(n - 5000)), n - 5000);
        index.add(fs::hash_of(std::to_string(n)), n);
    }
    EXPECT_LE(heap.used_bytes(), 2 * bytes);
    EXPECT_EQ(places(index, fs::hash_of("99999")), std::vector<std::uint32_t>{99'999});
    EXPECT_TRUE(places(index, fs::hash_of("4999")).empty());
}

/// A name that comes and goes leaves no marks behind, which would have to be cleared away.
TEST(DirectoryIndex, TakesThePlaceOfWhatWasRemoved) {
    fakes::FakeHeap heap;
    Index index(heap);
    ASSERT_TRUE(index.begin());
    heap.fail_at(1);
    for (std::uint32_t n = 0; n < 10'000; ++n) {
        index.add(7, n);
        index.remove(7, n);
    }
    EXPECT_TRUE(index.is_built());
    EXPECT_FALSE(heap.has_failed());
    EXPECT_TRUE(places(index, 7).empty());
}

TEST(DirectoryIndex, IsGoneWithoutMemory) {
    fakes::FakeHeap heap;
    Index index(heap);
    heap.fail_at(2);
    EXPECT_FALSE(index.begin());
    EXPECT_EQ(heap.used_bytes(), 0U);
    ASSERT_TRUE(index.begin());
    heap.fail_at(1);
    for (std::uint32_t n = 0; n < 1000; ++n) {
        index.add(n, n);
    }
    EXPECT_FALSE(index.is_built());
    EXPECT_EQ(heap.used_bytes(), 0U);
    EXPECT_EQ(index.next_room(0, 1, 3), 0U) << "nothing is known of the blocks";
}

TEST(DirectoryIndex, RemembersWhereThereIsNoRoom) {
    fakes::FakeHeap heap;
    Index index(heap);
    ASSERT_TRUE(index.begin());
    index.note_full(0, 5);
    index.note_full(0, 9);  // was known
    EXPECT_EQ(index.next_room(0, 5, 3), 1U);
    EXPECT_EQ(index.next_room(0, 4, 3), 0U);
    index.note_full(1, 1);
    index.note_full(2, 1);
    EXPECT_EQ(index.next_room(0, 5, 3), 3U);
    index.note_room(1);
    EXPECT_EQ(index.next_room(0, 5, 3), 1U);
    EXPECT_EQ(index.next_room(600, 5, 700), 699U) << "of blocks far behind, the last one";
}

TEST(FatNamePlaces, GiveTheNextNumber) {
    fakes::FakeHeap heap;
    fs::fat::NamePlaces<fakes::FakeHeap> names(heap);
    ASSERT_TRUE(names.begin());
    const auto form = fs::fat::shorten(std::u16string_view(u"a name that is long"));
    std::uint32_t slot = 0;
    for (std::uint32_t expected = 1; expected <= 300; ++expected, slot += 3) {
        const auto tail = names.free_tail(form);
        ASSERT_EQ(tail, expected);
        fs::fat::RawEntry raw{};
        raw.name = fs::fat::with_tail(form, *tail);
        raw.letters = 0;
        names.add(raw, nullptr, slot);
    }
}

}  // namespace
}  // namespace kidney::fs_test
