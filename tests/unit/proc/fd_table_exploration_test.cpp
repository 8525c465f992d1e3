/// Threads of one process that meet in its table of descriptors, in every interleaving of what they
/// do under its lock.
#include "proc/files/fd_table.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney::test {
namespace {

using proc::Fd;
using sim::require;
constexpr LockRank view_rank{62, "process view"};
using Table = proc::FdTableWith<sched::SpinLock<view_rank, sim::ExploredCpu>>;

/// Tells when its last reference goes, and must not be used from then on.
class WatchedFile final : public fs::File {
public:
    WatchedFile() : File({}) {}
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes{}; }
    void use() const {
        sim::explored::switch_point();  // here somebody may close it
        require(!is_gone, "a file is used that has ended");
    }
    void dispose() noexcept override {
        require(!is_gone, "a file ends twice");
        is_gone = true;
    }
    bool is_gone = false;
};

/// A table with one file at 0, and two threads.
struct TwoThreads {
    static constexpr std::size_t threads = 2;
    std::array<WatchedFile, 3> files;
    Table table;

    TwoThreads() {
        table.share_among_threads();
        static_cast<void>(*table.install(reference(0), false));
    }
    /// The file's first one.
    Ref<fs::File> reference(std::size_t n) { return Ref<WatchedFile>::adopt(&files[n]); }
    void all_end(std::size_t used) {
        table.close_all();
        for (std::size_t n = 0; n < used; ++n) {
            require(files[n].is_gone, "a reference is left over");
        }
    }
};

/// A read goes on with the file that it has. `Lent`: the mistake, a table that lends its files as
/// if there were one thread.
template <bool Lent = false>
struct CloseMeetsRead : TwoThreads {
    Table lending;

    CloseMeetsRead() { static_cast<void>(*lending.install(reference(1), false)); }
    void run(std::size_t thread) {
        Table& used = Lent ? lending : table;
        if (thread == 0) {
            if (const auto file = used.get(Fd(0))) {
                static_cast<const WatchedFile&>(**file).use();
            }
        } else {
            require(used.close(Fd(0)).has_value(), "it was open");
        }
    }
    void check() {
        lending.close_all();
        all_end(2);
    }
};

/// Two opens: a number each, and no gap.
struct TwoOpens : TwoThreads {
    std::array<Fd, threads> given;

    void run(std::size_t thread) {
        auto number = *table.reserve();
        require(table.get(number.fd()).error() == Errc::bad_descriptor, "nothing there yet");
        given[thread] = table.place(std::move(number), reference(1 + thread), false);
    }
    void check() {
        require(given[0] != given[1], "one number for two");
        for (std::size_t n = 0; n < threads; ++n) {
            require(table.names(given[n], files[1 + n]), "somebody else's file");
            require(given[n].value() <= 2, "a gap");
        }
        all_end(3);
    }
};

/// dup2 onto the number that an open is about to get: either comes first, or dup2 says busy.
struct DuplicateMeetsOpen : TwoThreads {
    Fd given;
    Result<Fd> copied = fail(Errc::io_error);

    void run(std::size_t thread) {
        if (thread == 0) {
            auto number = *table.reserve();
            given = table.place(std::move(number), reference(1), false);
        } else {
            copied = table.duplicate_to(Fd(0), Fd(1), false);
            require(copied || copied.error() == Errc::busy, "another error");
        }
    }
    void check() {
        require(given == Fd(2) ? copied.has_value() : given == Fd(1), "the lowest free number");
        require(!copied || table.names(Fd(1), files[0]), "dup2 did what it said");
        require(table.names(given, files[1]) || (given == Fd(1) && copied && files[1].is_gone),
                "the opened file is there, or was replaced");
        all_end(2);
    }
};

/// A fork while the parent's other thread opens one file and closes another: the child has what was
/// open at some moment, with a reference of its own.
struct ForkMeetsOthers : TwoThreads {
    Table child;

    void run(std::size_t thread) {
        if (thread == 0) {
            child.copy_from(table);
        } else {
            auto number = *table.reserve();
            require(table.close(Fd(0)).has_value(), "it was open");
            table.place(std::move(number), reference(1), false);
        }
    }
    void check() {
        const bool has_old = child.is_open(Fd(0)), has_new = child.is_open(Fd(1));
        require(!has_old || !has_new, "they were never open at the same time");
        require(files[0].is_gone != has_old, "the child keeps it");
        child.close_all();
        require(files[0].is_gone && !files[1].is_gone, "the parent keeps what it opened");
        all_end(2);
    }
};

/// fcntl's record locks end at the first close. Whoever sets one looks afterwards whether the
/// descriptor still leads to the file; whoever closes ends them after it has taken the file out.
/// `Looks`: false is the mistake.
template <bool Looks = true>
struct CloseMeetsLock final : TwoThreads, proc::CloseListener {
    bool is_locked = false;

    void closing(fs::File&) noexcept override { is_locked = false; }
    void run(std::size_t thread) {
        if (thread == 0) {
            if (const auto file = table.get(Fd(0))) {
                sim::explored::switch_point();
                table.set_listener(*this);
                is_locked = true;
                if (Looks && !table.names(Fd(0), **file)) {
                    is_locked = false;
                }
            }
        } else {
            require(table.close(Fd(0)).has_value(), "it was open");
        }
    }
    void check() {
        require(!is_locked, "a lock that nobody will end");
        all_end(1);
    }
};

TEST(FdTableExploration, CloseMeetsRead) {
    expect_all_pass<CloseMeetsRead<>>(3);
    EXPECT_FALSE(sim::explore<CloseMeetsRead<true>>({.preemptions = 3}).passed());
}
TEST(FdTableExploration, TwoOpens) {
    expect_all_pass<TwoOpens>(3);
}
TEST(FdTableExploration, DuplicateMeetsOpen) {
    expect_all_pass<DuplicateMeetsOpen>(3);
}
TEST(FdTableExploration, ForkMeetsOthers) {
    expect_all_pass<ForkMeetsOthers>(3);
}
TEST(FdTableExploration, CloseMeetsLock) {
    expect_all_pass<CloseMeetsLock<>>(3);
    EXPECT_FALSE(sim::explore<CloseMeetsLock<false>>({.preemptions = 3}).passed());
}

}  // namespace
}  // namespace kidney::test
