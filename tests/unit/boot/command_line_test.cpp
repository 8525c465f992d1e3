#include "kernel/boot/command_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::kernel {
namespace {

BootOptions parsed(std::string_view text) {
    BootOptions options;
    command_line::parse(text, options);
    return options;
}

TEST(CommandLine, ReadsNamesAndValues) {
    const BootOptions o = parsed("root=/dev/vda  init=/bin/rush\tconsole=ttyS0 smp=2 panic=halt");
    EXPECT_EQ(o.root.view(), "/dev/vda");
    EXPECT_EQ(o.init.view(), "/bin/rush");
    EXPECT_EQ(o.console, (ConsoleChoice{.serial = true, .screen = false}));
    EXPECT_EQ(o.cpus, 2U);
    EXPECT_EQ(o.panic, PanicAction::halt);
    EXPECT_EQ(o.unknown.size(), 0U);
}

TEST(CommandLine, ReadsHowTheRootIsMounted) {
    const BootOptions o = parsed("rootfstype=vfat rootflags=umask=077,quiet rw");
    EXPECT_TRUE(o.root.view().empty());
    EXPECT_EQ(o.root_type.view(), "vfat");
    EXPECT_EQ(o.root_options.view(), "umask=077,quiet");
    EXPECT_TRUE(o.root_writable);
    EXPECT_TRUE(parsed("root=vda").root_type.view().empty());
}

TEST(CommandLine, ReadsSwitches) {
    const BootOptions o = parsed("noapic selftest");
    EXPECT_TRUE(o.no_apic && o.self_test);
    EXPECT_EQ(o.panic, PanicAction::exit);
    EXPECT_EQ(o.fault, PlantedFault::none);
}

TEST(CommandLine, ReadsWhatShallGoWrong) {
    EXPECT_EQ(parsed("panic=test").fault, PlantedFault::access);
    EXPECT_EQ(parsed("panic=test panic=overflow panic=halt").fault, PlantedFault::stack_overflow);
    EXPECT_EQ(parsed("panic=heap_late").fault, PlantedFault::heap_late_write);
    EXPECT_EQ(parsed("panic=lock_order").fault, PlantedFault::lock_order);
    EXPECT_EQ(parsed("panic=atomic_sleep").fault, PlantedFault::atomic_sleep);
    EXPECT_EQ(parsed("panic=corruption").fault, PlantedFault::stray_write);
    EXPECT_EQ(parsed("panic= panic").unknown.size(), 2U);
}

TEST(CommandLine, KnowsTheLogLevels) {
    EXPECT_EQ(parsed("").log, LogLevel::info);
    EXPECT_EQ(parsed("log=debug").log, LogLevel::debug);
    EXPECT_EQ(parsed("log=error log=warning").log, LogLevel::warning);
    const BootOptions o = parsed("log=error log=loud");
    EXPECT_EQ(o.log, LogLevel::error);
    EXPECT_EQ(o.unknown.size(), 1U);
}

TEST(CommandLine, ConsolesAddUp) {
    EXPECT_EQ(parsed("").console, ConsoleChoice());
    EXPECT_EQ(parsed("console=tty0").console, (ConsoleChoice{.serial = false, .screen = true}));
    EXPECT_EQ(parsed("console=tty0 console=ttyS0").console,
              (ConsoleChoice{.serial = true, .screen = true}));
    const BootOptions o = parsed("console=ttyS1 console");
    EXPECT_EQ(o.console, ConsoleChoice());
    EXPECT_EQ(o.unknown.size(), 2U);
}

TEST(CommandLine, ReadsTheSizeOfTheTerminal) {
    EXPECT_EQ(parsed("").console_size, (ConsoleSize{.columns = 80, .rows = 24}));
    EXPECT_EQ(parsed("console_size=132x43").console_size,
              (ConsoleSize{.columns = 132, .rows = 43}));
    const BootOptions o = parsed(
        "console_size=0x43 console_size=80x console_size=x24 console_size=80 console_size=80x1001 "
        "console_size=-1x5 console_size");
    EXPECT_EQ(o.console_size, ConsoleSize());
    EXPECT_EQ(o.unknown.size(), 7U);
}

TEST(CommandLine, KnowsWhatToRecord) {
    EXPECT_FALSE(parsed("trace").trace_frames);
    EXPECT_TRUE(parsed("trace_frames").trace_frames);
    EXPECT_FALSE(parsed("trace_frames").trace);
    EXPECT_EQ(parsed("trace_frames=1").unknown.size(), 1U);
}

TEST(CommandLine, KnowsWhichCallsToShow) {
    EXPECT_EQ(parsed("trace").strace.view(), "");
    EXPECT_EQ(parsed("strace").strace.view(), "all");
    EXPECT_EQ(parsed("strace=open,close").strace.view(), "open,close");
}

TEST(CommandLine, ALaterWordWins) {
    EXPECT_EQ(parsed("root=a root=b").root.view(), "b");
    BootOptions o = parsed("smp=2");
    command_line::parse("smp=4", o);
    EXPECT_EQ(o.cpus, 4U);
}

TEST(CommandLine, ReportsWhatItDoesNotKnow) {
    const BootOptions o = parsed("roott=/dev/vda smp=many smp=0 panic=maybe selftest=1 quiet");
    ASSERT_EQ(o.unknown.size(), 6U);
    EXPECT_EQ(o.unknown.view()[0].view(), "roott=/dev/vda");
    EXPECT_EQ(o.unknown.view()[5].view(), "quiet");
    EXPECT_EQ(o.cpus, max_cpus);
    EXPECT_FALSE(o.self_test);
}

TEST(CommandLine, MoreCpusThanWeKnowOfIsAll) {
    EXPECT_EQ(parsed("smp=64").cpus, max_cpus);
    EXPECT_EQ(parsed("smp=99999999999999").cpus, max_cpus);
}

TEST(CommandLine, QuotesKeepBlanksTogether) {
    EXPECT_EQ(parsed("init=\"/bin/a b\" smp=1").init.view(), "/bin/a b");
}

TEST(CommandLine, WhatFollowsTwoDashesIsForInit) {
    const BootOptions o = parsed("smp=1 -- --exec smp=2");
    EXPECT_EQ(o.init_arguments.view(), "--exec smp=2");
    EXPECT_EQ(o.cpus, 1U);
}

TEST(CommandLine, SurvivesOddInput) {
    EXPECT_EQ(parsed("").unknown.size(), 0U);
    EXPECT_EQ(parsed("   \t ").unknown.size(), 0U);
    EXPECT_EQ(parsed("= == =x").unknown.size(), 3U);
    EXPECT_EQ(parsed("\"never closed root=a").root.view(), "");
    EXPECT_EQ(parsed(std::string(5000, 'x')).unknown.size(), 1U);
    EXPECT_EQ(parsed("root=" + std::string(5000, 'x')).root.view().size(), 64U);
}

}  // namespace
}  // namespace kidney::kernel
