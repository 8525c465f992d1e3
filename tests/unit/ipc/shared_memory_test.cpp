/// Shared memory segments: how long they live.
#include "ipc/shared_memory.hpp"

#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

namespace kidney::ipc {
namespace {

int live_sources = 0;

struct FakePages final : RefCounted, mm::PageSource {
    FakePages() { ++live_sources; }
    ~FakePages() { --live_sources; }
    Result<FrameNumber> page(std::uint32_t index) noexcept override { return FrameNumber(index); }
    Status mark_dirty(std::uint32_t) noexcept override { return {}; }
    bool is_memory() const noexcept override { return true; }
    bool is_resident(std::uint32_t) noexcept override { return true; }
    void retain() const noexcept override { RefCounted::retain(); }
    bool release() const noexcept override { return RefCounted::release(); }
    void dispose() noexcept override { delete this; }
};
struct Factory {
    static inline bool fails = false;
    Result<Ref<mm::PageSource>> operator()(std::uint32_t) noexcept {
        if (fails) {
            return fail(Errc::no_space);
        }
        return Ref<mm::PageSource>::adopt(new FakePages);
    }
};
static_assert(SegmentPages<Factory>);

struct SharedMemoryTest : testing::Test {
    fakes::FakeHeap heap;
    SharedMemory<fakes::FakeHeap, NullLock, Factory, 4> all{heap, Factory{}, 100};
    Caller me{.pid = 10, .uid = 1, .gid = 1, .now = 100};
    Caller other{.pid = 20, .uid = 2, .gid = 2, .now = 200};

    void TearDown() override {
        Factory::fails = false;
        EXPECT_EQ(live_sources, 0);
        EXPECT_EQ(heap.used_bytes(), 0U);
    }
    std::int32_t make(std::uint32_t size, std::uint32_t mode = 0600) {
        return *all.get({.mode = mode}, size, me);
    }
};

TEST_F(SharedMemoryTest, KeysAndSizes) {
    EXPECT_EQ(all.get({.key = 5}, 10, me).error(), Errc::not_found);
    const std::int32_t id = *all.get({.key = 5, .create = true, .mode = 0600}, 5000, me);
    EXPECT_EQ(all.get({.key = 5}, 5000, me).value(), id);
    EXPECT_EQ(all.get({.key = 5}, 5001, me).error(), Errc::invalid_argument);
    EXPECT_EQ(all.get({.key = 5, .create = true, .exclusive = true}, 1, me).error(), Errc::exists);
    EXPECT_EQ(all.get({.key = 5, .mode = 0600}, 1, other).error(), Errc::permission_denied);
    EXPECT_EQ(all.get({.key = 5, .mode = 0600}, 5001, other).error(), Errc::invalid_argument)
        << "that it is too small comes first";
    EXPECT_EQ(all.get({}, 0, me).error(), Errc::invalid_argument);
    EXPECT_EQ(all.get({}, 100 * page_size + 1, me).error(), Errc::no_memory);
    EXPECT_EQ(all.usage().pages, 2U);
    EXPECT_TRUE(all.remove(id, me));
    EXPECT_EQ(all.get({.key = 5}, 1, me).error(), Errc::not_found);
}

TEST_F(SharedMemoryTest, LivesAsLongAsItIsAttached) {
    const std::int32_t id = make(4096);
    auto first = *all.attach(id, Access::both, me);
    auto second = first;  // as fork does
    EXPECT_EQ(all.facts(id, me)->mappings, 2U);
    EXPECT_TRUE(all.is_segment(first.pages.get()));
    EXPECT_EQ(first.pages->page(3).value(), FrameNumber(3));
    EXPECT_TRUE(all.remove(id, me));
    EXPECT_TRUE(all.facts(id, me)->is_removed);
    EXPECT_EQ(live_sources, 1);
    first = {};
    EXPECT_EQ(all.facts(id, me)->mappings, 1U);
    all.detached(second.pages.get(), other);
    EXPECT_EQ(all.facts(id, me)->last, 20);
    second = {};
    EXPECT_EQ(all.facts(id, me).error(), Errc::invalid_argument);
    EXPECT_FALSE(all.is_segment(nullptr));
}

TEST_F(SharedMemoryTest, KeepsItsNameAsLongAsItIsAttached) {
    const std::int32_t id = *all.get({.key = 5, .create = true, .mode = 0600}, 1, me);
    const auto attached = *all.attach(id, Access::both, me);
    EXPECT_TRUE(all.remove(id, me));
    EXPECT_EQ(all.name_of(*attached.pages).id, id);
    EXPECT_EQ(all.name_of(*attached.pages).key, 5);
    const Ref<mm::PageSource> pages = *Factory{}(1);
    EXPECT_FALSE(all.is_segment(pages.get()));
}

TEST_F(SharedMemoryTest, RightsAreThoseOfTheMode) {
    const std::int32_t id = make(1, 0604);
    EXPECT_EQ(all.attach(id, Access::both, other).error(), Errc::permission_denied);
    EXPECT_TRUE(all.attach(id, Access::read, other));
    EXPECT_EQ(all.remove(id, other).error(), Errc::not_permitted);
    EXPECT_EQ(all.set_locked(id, true, other).error(), Errc::not_permitted);
    EXPECT_TRUE(all.set_locked(id, true, me));
    EXPECT_TRUE(all.facts(id, other)->is_locked);
    EXPECT_TRUE(all.remove(id, me));
}

TEST_F(SharedMemoryTest, WithoutMemoryNothingIsLeftBehind) {
    for (std::size_t n = 1; n <= 2; ++n) {
        heap.fail_at(n);
        EXPECT_EQ(all.get({}, 1, me).error(), Errc::no_memory) << n;
        EXPECT_EQ(live_sources, 0);
    }
    Factory::fails = true;
    EXPECT_EQ(all.get({}, 1, me).error(), Errc::no_space);
    Factory::fails = false;
    std::int32_t ids[4];
    for (std::int32_t& id : ids) {
        id = make(1);
    }
    EXPECT_EQ(all.get({}, 1, me).error(), Errc::no_space);
    EXPECT_EQ(live_sources, 4);
    for (const std::int32_t id : ids) {
        EXPECT_TRUE(all.remove(id, me));
    }
}

}  // namespace
}  // namespace kidney::ipc
