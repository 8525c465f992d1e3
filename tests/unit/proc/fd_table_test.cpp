#include "proc/files/fd_table.hpp"

#include "tests/fakes/fake_file.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

using fakes::FakeFile;

class FdTableTest : public ::testing::Test {
protected:
    void SetUp() override { FakeFile::live = 0; }
    Fd open(bool cloexec = false) { return *table.install(FakeFile::create(), cloexec); }
    FdTable table;
};

TEST_F(FdTableTest, GivesTheLowestFreeNumber) {
    EXPECT_EQ(open().value(), 0U);
    EXPECT_EQ(open().value(), 1U);
    EXPECT_EQ(open().value(), 2U);
    ASSERT_TRUE(table.close(Fd(1)));
    EXPECT_EQ(open().value(), 1U);
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(10))->value(), 10U);
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(10))->value(), 11U);
}

TEST_F(FdTableTest, ReachesAsFarAsNumbersHaveBeenUsed) {
    EXPECT_EQ(table.reach(), 32U);
    for (const auto& [number, reach] : {std::pair(31U, 32U),
                                        {32U, 256U},
                                        {255U, 256U},
                                        {256U, 512U},
                                        {511U, 512U},
                                        {600U, 1024U},
                                        {1023U, 1024U}}) {
        open();
        EXPECT_EQ(table.duplicate(Fd(0), false, Fd(number))->value(), number);
        ASSERT_TRUE(table.close(Fd(number)));
        EXPECT_EQ(table.reach(), reach) << number;
    }
    FdTable child;
    child.copy_from(table);
    EXPECT_EQ(child.reach(), 32U);
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(300))->value(), 300U);
    FdTable second;
    second.copy_from(table);
    EXPECT_EQ(second.reach(), 512U);
}

TEST_F(FdTableTest, OnlookersKeepWhatTheyLookAt) {
    open();
    open();
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(700))->value(), 700U);
    EXPECT_EQ(table.next_open(Fd(0))->value(), 0U);
    EXPECT_EQ(table.next_open(Fd(2))->value(), 700U);
    EXPECT_EQ(table.next_open(Fd(701)).error(), Errc::bad_descriptor);
    EXPECT_EQ(table.next_open(Fd(0xffff'ffff)).error(), Errc::bad_descriptor);
    EXPECT_EQ(table.share(Fd(2)).error(), Errc::bad_descriptor);
    EXPECT_EQ(table.share(Fd(0xffff'ffff)).error(), Errc::bad_descriptor);
    Ref<fs::File> kept = *table.share(Fd(1));
    ASSERT_TRUE(table.close(Fd(1)));
    EXPECT_EQ(FakeFile::live, 2);
    EXPECT_EQ(table.share(Fd(1)).error(), Errc::bad_descriptor);
    kept.reset();
    EXPECT_EQ(FakeFile::live, 1);
}

TEST_F(FdTableTest, OneThreadOnlyBorrows) {
    open();
    const OpenFile lent = *table.get(Fd(0));
    EXPECT_EQ(lent->references(), 1U);
    OpenFile again = *table.get(Fd(0));
    const Ref<fs::File> kept = std::move(again).share();
    EXPECT_EQ(lent->references(), 2U);
}

TEST_F(FdTableTest, SeveralThreadsKeepWhatTheyUse) {
    table.share_among_threads();
    open();
    {
        OpenFile used = *table.get(Fd(0));
        EXPECT_EQ(used->references(), 2U);
        ASSERT_TRUE(table.close(Fd(0)));
        EXPECT_EQ(table.get(Fd(0)).error(), Errc::bad_descriptor);
        EXPECT_EQ(FakeFile::live, 1);
        const OpenFile moved = std::move(used);
        EXPECT_EQ(moved->references(), 1U);
        EXPECT_FALSE(used);
    }
    EXPECT_EQ(FakeFile::live, 0);
    open();
    OpenFile used = *table.get(Fd(0));
    const Ref<fs::File> kept = std::move(used).share();
    EXPECT_EQ(kept->references(), 2U);
    used = *table.get(Fd(0));
    used = OpenFile();
    EXPECT_EQ(kept->references(), 2U);
}

TEST_F(FdTableTest, PathOnlyFilesAreForFewCalls) {
    ASSERT_TRUE(table.install(FakeFile::create({.path = true}), false));
    for (int threads = 1; threads <= 2; ++threads) {
        EXPECT_EQ(table.get(Fd(0)).error(), Errc::bad_descriptor);
        EXPECT_TRUE(table.get_any(Fd(0)));
        table.share_among_threads();
    }
    EXPECT_EQ((*table.share(Fd(0)))->references(), 2U);
}

TEST_F(FdTableTest, AReservedNumberIsTakenAndNamesNothing) {
    open();
    {
        auto first = *table.reserve();
        EXPECT_EQ(first.fd(), Fd(1));
        EXPECT_EQ(open(), Fd(2));
        EXPECT_EQ(table.get(Fd(1)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.share(Fd(1)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.close(Fd(1)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.close_on_exec(Fd(1)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.set_close_on_exec(Fd(1), true).error(), Errc::bad_descriptor);
        EXPECT_FALSE(table.is_open(Fd(1)));
        EXPECT_EQ(*table.next_open(Fd(1)), Fd(2));
        EXPECT_EQ(table.duplicate_to(Fd(0), Fd(1), false).error(), Errc::busy);
        EXPECT_EQ(table.duplicate_to(Fd(1), Fd(0), false).error(), Errc::bad_descriptor);
        FdTable child;
        child.copy_from(table);
        EXPECT_FALSE(child.is_open(Fd(1)));
        EXPECT_EQ(child.duplicate(Fd(0), false)->value(), 1U) << "the child may use it";
        table.close_all();
        EXPECT_EQ(open(), Fd(0));
        EXPECT_EQ(table.reserve()->fd(), Fd(2)) << "for a moment";
        auto moved = std::move(first);
        EXPECT_EQ(table.place(std::move(moved), FakeFile::create(), true), Fd(1));
    }
    EXPECT_TRUE(*table.close_on_exec(Fd(1)));
    EXPECT_TRUE(table.is_open(Fd(1)));
    {
        auto unused = *table.reserve();
    }
    EXPECT_EQ(open(), Fd(2));
}

TEST_F(FdTableTest, RangesAreClosedOrMarked) {
    for (int n = 0; n < 6; ++n) {
        open();
    }
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(1023))->value(), 1023U);
    table.mark_close_on_exec(Fd(1), Fd(2));
    table.mark_close_on_exec(Fd(1000), Fd(0xffff'ffff));
    for (const std::uint32_t n : {0U, 1U, 2U, 3U, 1023U}) {
        EXPECT_EQ(*table.close_on_exec(Fd(n)), n != 0 && n != 3) << n;
    }
    table.close(Fd(4), Fd(4));
    table.close(Fd(1), Fd(2));
    table.close(Fd(1024), Fd(0xffff'ffff));
    for (const std::uint32_t n : {0U, 1U, 2U, 3U, 4U, 5U, 1023U}) {
        EXPECT_EQ(table.is_open(Fd(n)), n == 0 || n == 3 || n > 4) << n;
    }
    table.close(Fd(5), Fd(0xffff'ffff));
    EXPECT_EQ(*table.next_open(Fd(1)), Fd(3));
    EXPECT_EQ(table.next_open(Fd(4)).error(), Errc::bad_descriptor);
}

TEST_F(FdTableTest, UnknownNumbersAreBadDescriptors) {
    for (const std::uint32_t n : {0U, 1023U, 1024U, 0xffff'ffffU}) {
        EXPECT_EQ(table.get(Fd(n)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.close(Fd(n)).error(), Errc::bad_descriptor);
        EXPECT_EQ(table.duplicate(Fd(n), false).error(), Errc::bad_descriptor);
    }
}

TEST_F(FdTableTest, DuplicateToReplacesAndSharesOneFile) {
    open();
    open();
    ASSERT_TRUE(table.duplicate_to(Fd(0), Fd(1), false));
    const OpenFile first = *table.get(Fd(0));
    EXPECT_TRUE(table.names(Fd(1), *first));
    EXPECT_EQ(FakeFile::live, 1);
    ASSERT_TRUE(table.close(Fd(0)));
    EXPECT_EQ(FakeFile::live, 1);
    ASSERT_TRUE(table.close(Fd(1)));
    EXPECT_EQ(FakeFile::live, 0);
    open();
    EXPECT_EQ(table.duplicate_to(Fd(0), Fd(FdTable::capacity), false).error(),
              Errc::bad_descriptor);
}

TEST_F(FdTableTest, ExecClosesWhatIsMarked) {
    open(true);
    open(false);
    ASSERT_TRUE(table.duplicate(Fd(0), false));  // the flag belongs to the number, not to the file
    table.close_for_exec();
    EXPECT_FALSE(table.is_open(Fd(0)));
    EXPECT_TRUE(table.is_open(Fd(1)));
    EXPECT_TRUE(table.is_open(Fd(2)));
}

TEST_F(FdTableTest, ForkSharesAndTheLastCloseDisposes) {
    open();
    {
        FdTable child;
        child.copy_from(table);
        table.close_all();
        EXPECT_EQ(FakeFile::live, 1);
        EXPECT_TRUE(child.is_open(Fd(0)));
    }
    EXPECT_EQ(FakeFile::live, 0);
}

struct CountingListener final : CloseListener {
    void closing(fs::File& file) noexcept override {
        EXPECT_GE(file.references(), 1U);
        ++heard;
    }
    int heard = 0;
};

TEST_F(FdTableTest, TheListenerHearsOfEachClose) {
    CountingListener listener;
    open();
    table.set_listener(listener);
    open(true);
    EXPECT_EQ(table.duplicate(Fd(0), false)->value(), 2U);
    ASSERT_TRUE(table.close(Fd(2)));
    EXPECT_EQ(listener.heard, 1);
    ASSERT_TRUE(table.duplicate_to(Fd(0), Fd(5), false));  // replaces nothing
    EXPECT_EQ(listener.heard, 1);
    ASSERT_TRUE(table.duplicate_to(Fd(1), Fd(5), false));
    EXPECT_EQ(listener.heard, 2);
    FdTable child;
    child.copy_from(table);
    child.close_all();
    EXPECT_EQ(listener.heard, 2);
    table.close_for_exec();
    EXPECT_EQ(listener.heard, 3);
    table.close_all();
    EXPECT_EQ(listener.heard, 5);
}

TEST_F(FdTableTest, LimitIsKept) {
    table.set_limit(3);
    open();
    open();
    open();
    EXPECT_EQ(table.install(FakeFile::create(), false).error(), Errc::too_many_files);
    EXPECT_EQ(FakeFile::live, 3);
    EXPECT_EQ(table.duplicate(Fd(0), false, Fd(3)).error(), Errc::invalid_argument);
    table.set_limit(0xffff'ffff);
    EXPECT_EQ(table.limit(), FdTable::capacity);
    for (std::uint32_t n = 3; n < FdTable::capacity; ++n) {
        EXPECT_EQ(table.duplicate(Fd(0), false)->value(), n);
    }
    EXPECT_EQ(table.duplicate(Fd(0), false).error(), Errc::too_many_files);
}

}  // namespace
}  // namespace kidney::proc
