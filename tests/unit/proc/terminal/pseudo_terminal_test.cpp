/// Pseudo-terminals and the terminals in them, with programs at both ends, on simulated CPUs.
#include "proc/terminal/pseudo_terminal.hpp"

#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace kidney::test {
namespace {

using proc::Pid;
using Pty = proc::PseudoTerminal<Sim>;
using Terminal = proc::Terminal<Sim>;

class PseudoTerminal : public testing::TestWithParam<std::uint32_t> {
protected:
    [[nodiscard]] static sim::MachineOptions cpus() { return {.cpus = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Cpus, PseudoTerminal, testing::Values(1, 2, 4));

/// A pair in the world's heap, unlocked.
Ref<Pty> make_pair() {
    Ref<Pty> pair = Ref<Pty>::adopt(*mm::make<Pty>(Sim::heap(), 0x8800U));
    pair->set_locked(false);
    return pair;
}

// The calls of programs; `blocks`: as without O_NONBLOCK.
template <class Read>
Result<std::string> read_text(std::size_t most, Read&& read) {
    std::string text(most, '?');
    fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
    const Result<std::size_t> done = call([&](SimProcess& p) { return read(p, to); });
    if (!done) {
        return fail(done.error());
    }
    text.resize(*done);
    return text;
}
Result<std::string> read_slave(Pty& pty, std::size_t most, bool blocks = true) {
    return read_text(most, [&](SimProcess& p, fs::ReadBuffer& to) {
        return pty.terminal().read(p, to, !blocks);
    });
}
Result<std::string> read_master(Pty& pty, std::size_t most, bool blocks = true) {
    return read_text(most, [&](SimProcess&, fs::ReadBuffer& to) { return pty.read(to, !blocks); });
}
Result<std::size_t> write_slave(Pty& pty, std::string_view text) {
    fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
    return call([&](SimProcess& p) { return pty.terminal().write(p, from, false); });
}
Result<std::size_t> write_master(Pty& pty, std::string_view text) {
    fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
    return call([&](SimProcess&) { return pty.write(from, false); });
}
void make_raw(Pty& pty) {
    abi::Termios settings = pty.terminal().settings();
    settings.iflag = settings.oflag = settings.lflag = 0;
    EXPECT_TRUE(
        call([&](SimProcess& p) { return pty.terminal().set_settings(p, settings, false); }));
}
/// The calling process leads a session of its own on this terminal.
void become_leader(Pty& pty) {
    EXPECT_TRUE(create_session());
    pty.terminal().offer_to(self());
}

[[nodiscard]] Terminal* own_terminal() {
    LockGuard guard(Sim::process_lock);
    return self().terminal;
}

TEST_P(PseudoTerminal, WhatIsTypedIsReadAndWhatIsWrittenIsShown) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        EXPECT_EQ(write_master(*pty, "hello\n"), 6U);
        EXPECT_EQ(read_slave(*pty, 100), "hello\n");
        EXPECT_EQ(read_master(*pty, 100), "hello\r\n") << "the echo";
        EXPECT_EQ(write_slave(*pty, "a\n"), 2U);
        EXPECT_EQ(read_master(*pty, 100), "a\r\n");
        EXPECT_EQ(read_master(*pty, 100, false).error(), Errc::would_block);
        EXPECT_EQ(read_slave(*pty, 100, false).error(), Errc::would_block);
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, EachEndWaitsForTheOther) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        make_raw(*pty);
        // More than fits between them, both ways at once.
        const std::string text(3 * Pty::shown_bytes, 'x');
        const Pid child = *fork([&] {
            std::size_t got = 0;
            while (got < text.size()) {
                const auto piece = read_slave(*pty, 500);
                ASSERT_TRUE(piece);
                got += piece->size();
                EXPECT_EQ(write_slave(*pty, *piece), piece->size());
            }
            exit(0);
        });
        const Pid typist = *fork([&] {
            EXPECT_EQ(write_master(*pty, text), text.size());
            exit(0);
        });
        std::size_t got = 0;
        while (got < text.size()) {
            const auto piece = read_master(*pty, 777);
            ASSERT_TRUE(piece);
            EXPECT_EQ(piece->find_first_not_of('x'), std::string::npos);
            got += piece->size();
        }
        EXPECT_EQ(got, text.size());
        EXPECT_TRUE(wait({.which = child}));
        EXPECT_TRUE(wait({.which = typist}));
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, WithoutSlavesTheMasterReadsAnError) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        EXPECT_EQ(read_master(*pty, 1, false).error(), Errc::would_block) << "none was there yet";
        ASSERT_TRUE(pty->open_slave());
        EXPECT_EQ(write_slave(*pty, "x"), 1U);
        const Pid child = *fork([&] {
            EXPECT_EQ(read_master(*pty, 10), "x");
            EXPECT_EQ(read_master(*pty, 10).error(), Errc::io_error);
            exit(0);
        });
        sleep(Duration::milliseconds(1));
        pty->close_slave();
        EXPECT_TRUE(wait({.which = child}));
        EXPECT_TRUE(pty->poll(nullptr).hung_up);
        ASSERT_TRUE(pty->open_slave());
        EXPECT_FALSE(pty->poll(nullptr).hung_up);
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, WithoutItsMasterItHasHungUp) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const Pid reader = *fork([&] {
            EXPECT_EQ(read_slave(*pty, 10), "") << "the end of the file";
            exit(0);
        });
        make_raw(*pty);
        const Pid writer = *fork([&] {
            while (write_slave(*pty, std::string(1000, 'w'))) {
            }
            EXPECT_EQ(write_slave(*pty, "w").error(), Errc::io_error);
            exit(0);
        });
        sleep(Duration::milliseconds(5));
        pty->close_master();
        EXPECT_TRUE(wait({.which = reader}));
        EXPECT_TRUE(wait({.which = writer}));
        EXPECT_EQ(pty->open_slave().error(), Errc::io_error);
        pty->close_slave();
    });
}

TEST_P(PseudoTerminal, IsLockedAtFirst) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = Ref<Pty>::adopt(*mm::make<Pty>(Sim::heap(), 0x8800U));
        EXPECT_TRUE(pty->is_locked());
        EXPECT_EQ(pty->open_slave().error(), Errc::io_error);
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, KeysAreSignalsToTheForeground) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const Pid shell = *fork([&] {
            become_leader(*pty);
            EXPECT_EQ(own_terminal(), &pty->terminal());
            static bool interrupted;
            interrupted = false;
            EXPECT_TRUE(set_handler(abi::sig_int, [](std::uint32_t) { interrupted = true; }));
            EXPECT_EQ(write_slave(*pty, "$"), 1U);
            while (!interrupted) {
                static_cast<void>(pause());
            }
            exit(3);
        });
        EXPECT_EQ(read_master(*pty, 1), "$");
        EXPECT_EQ(write_master(*pty, "\x03"), 1U);
        EXPECT_EQ(wait({.which = shell})->status.code(), 3U);
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, ABackgroundReaderIsStopped) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const Pid shell = *fork([&] {
            become_leader(*pty);
            const Pid job = *fork([&] {
                EXPECT_TRUE(set_group(Pid(0), Pid(0)));
                EXPECT_EQ(read_slave(*pty, 10), "now\n");
                exit(0);
            });
            static_cast<void>(set_group(job, job));
            EXPECT_EQ(wait({.which = job, .stopped = true})->status.word(),
                      proc::ExitStatus::stopped(abi::sig_ttin).word());
            EXPECT_TRUE(
                call([&](SimProcess& p) { return pty->terminal().set_foreground(p, job); }));
            EXPECT_TRUE(kill(job, abi::sig_cont));
            EXPECT_EQ(wait({.which = job})->status.code(), 0U);
            exit(0);
        });
        EXPECT_EQ(write_master(*pty, "now\n"), 4U);
        EXPECT_EQ(wait({.which = shell})->status.code(), 0U);
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, ItsEndIsASignalToTheSession) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const Pid shell = *fork([&] {
            become_leader(*pty);
            const Pid job = *fork([&] {
                EXPECT_TRUE(set_group(Pid(0), Pid(0)));
                for (;;) {
                    compute(Duration::milliseconds(1));
                }
            });
            static_cast<void>(set_group(job, job));
            EXPECT_TRUE(
                call([&](SimProcess& p) { return pty->terminal().set_foreground(p, job); }));
            static bool heard;
            heard = false;
            EXPECT_TRUE(set_handler(abi::sig_hup, [](std::uint32_t) { heard = true; }));
            EXPECT_EQ(write_slave(*pty, "$"), 1U);
            while (!heard) {
                static_cast<void>(pause());
            }
            EXPECT_EQ(wait({.which = job})->status.signal(), abi::sig_hup);
            EXPECT_EQ(own_terminal(), nullptr);
            exit(0);
        });
        EXPECT_EQ(read_master(*pty, 1), "$");
        pty->close_master();
        EXPECT_TRUE(wait({.which = shell}));
        pty->close_slave();
    });
}

TEST_P(PseudoTerminal, BecomesNobodysTerminalOnceItHasHungUp) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        pty->close_master();
        const Pid shell = *fork([&] {
            become_leader(*pty);
            EXPECT_EQ(own_terminal(), nullptr);
            EXPECT_EQ(call([&](SimProcess& p) {
                          return pty->terminal().set_controlling(p, false);
                      }).error(),
                      Errc::io_error);
            EXPECT_EQ(own_terminal(), nullptr) << "it would outlive what it points to";
            exit(0);
        });
        EXPECT_EQ(wait({.which = shell})->status.code(), 0U);
        pty->close_slave();
    });
}

TEST_P(PseudoTerminal, BelongsToOneSession) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        const Ref<Pty> other = make_pair();
        const Pid shell = *fork([&] {
            become_leader(*pty);
            other->terminal().offer_to(self());
            EXPECT_EQ(own_terminal(), &pty->terminal()) << "it has one";
            EXPECT_EQ(call([&](SimProcess& p) {
                          return other->terminal().set_controlling(p, false);
                      }).error(),
                      Errc::not_permitted);
            const Pid child = *fork([&] {
                EXPECT_EQ(call([&](SimProcess& p) {
                              return other->terminal().set_controlling(p, false);
                          }).error(),
                          Errc::not_permitted)
                    << "it leads no session";
                EXPECT_TRUE(create_session());
                EXPECT_EQ(own_terminal(), nullptr);
                pty->terminal().offer_to(self());
                EXPECT_EQ(own_terminal(), nullptr) << "somebody else has it";
                exit(0);
            });
            EXPECT_TRUE(wait({.which = child}));
            EXPECT_TRUE(call([&](SimProcess& p) { return pty->terminal().give_up(p); }));
            EXPECT_EQ(own_terminal(), nullptr);
            exit(0);
        });
        EXPECT_TRUE(wait({.which = shell}));
        pty->close_master();
        other->close_master();
    });
}

TEST_P(PseudoTerminal, ProgramsMayTypeIntoTheirOwn) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const auto type = [&] {
            return call([&](SimProcess& p) { return pty->terminal().type(p, 'x'); });
        };
        EXPECT_TRUE(type()) << "root";
        const Pid child = *fork([&] {
            self().identity.set_users({.real = 7, .effective = 7, .saved = 7, .file = 7}, false);
            EXPECT_EQ(type().error(), Errc::not_permitted);
            become_leader(*pty);
            EXPECT_TRUE(type());
            exit(0);
        });
        EXPECT_TRUE(wait({.which = child}));
        EXPECT_EQ(write_master(*pty, "\n"), 1U);
        EXPECT_EQ(read_slave(*pty, 10), "xx\n");
        pty->close_slave();
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, OnlyRootEntersWhatSomebodyHasForItself) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        const auto admit = [&] {
            return call([&](SimProcess& p) { return pty->terminal().admit(p); });
        };
        pty->terminal().set_exclusive(true);
        EXPECT_TRUE(admit());
        const Pid child = *fork([&] {
            self().identity.set_users({.real = 7, .effective = 7, .saved = 7, .file = 7}, false);
            EXPECT_EQ(admit().error(), Errc::busy);
            pty->terminal().set_exclusive(false);
            EXPECT_TRUE(admit());
            exit(0);
        });
        EXPECT_TRUE(wait({.which = child}));
        pty->close_master();
    });
}

TEST_P(PseudoTerminal, TheMasterCanPressKeysOnly) {
    run_programs(cpus(), [] {
        const Ref<Pty> pty = make_pair();
        ASSERT_TRUE(pty->open_slave());
        const Pid shell = *fork([&] {
            become_leader(*pty);
            EXPECT_EQ(write_slave(*pty, "$"), 1U);
            for (;;) {
                static_cast<void>(pause());
            }
        });
        EXPECT_EQ(read_master(*pty, 1), "$");
        EXPECT_EQ(pty->terminal().press(abi::sig_term).error(), Errc::invalid_argument);
        EXPECT_TRUE(pty->terminal().press(abi::sig_quit));
        EXPECT_EQ(wait({.which = shell})->status.signal(), abi::sig_quit);
        pty->close_slave();
        pty->close_master();
    });
}

}  // namespace
}  // namespace kidney::test
