#include "proc/files/fd_table.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

int live_files = 0;

class FakeFile final : public fs::File {
public:
    static Ref<fs::File> create() { return Ref<FakeFile>::adopt(new FakeFile); }
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes{}; }
    void dispose() noexcept override { delete this; }

private:
    FakeFile() : File({}) { ++live_files; }
    ~FakeFile() { --live_files; }
};

class FdTableTest : public ::testing::Test {
protected:
    void SetUp() override { live_files = 0; }
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
    EXPECT_EQ(live_files, 2);
    EXPECT_EQ(table.share(Fd(1)).error(), Errc::bad_descriptor);
    kept.reset();
    EXPECT_EQ(live_files, 1);
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
    fs::File* first = *table.get(Fd(0));
    ASSERT_TRUE(table.duplicate_to(Fd(0), Fd(1), false));
    EXPECT_EQ(*table.get(Fd(1)), first);
    EXPECT_EQ(live_files, 1);
    ASSERT_TRUE(table.close(Fd(0)));
    EXPECT_EQ(live_files, 1);
    ASSERT_TRUE(table.close(Fd(1)));
    EXPECT_EQ(live_files, 0);
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
        EXPECT_EQ(live_files, 1);
        EXPECT_TRUE(child.is_open(Fd(0)));
    }
    EXPECT_EQ(live_files, 0);
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
    EXPECT_EQ(live_files, 3);
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
