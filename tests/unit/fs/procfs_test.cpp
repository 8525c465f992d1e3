/// /proc: registered files, process directories from a source of facts, links that lead to objects.
#include "fs/procfs/procfs.hpp"

#include "fs/procfs/standard_files.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using TestProcfs = Procfs<fakes::FakeHeap, NullLock, fs_test::Clock>;
using TestVfs = Vfs<fakes::FakeHeap, NullLock, NullLock>;

/// A file without a node, like one end of a pipe.
struct Nodeless final : File {
    Nodeless() : File({.read = true}) {}
    Result<Attributes> attributes() noexcept override {
        Attributes a;
        a.inode = 77;
        a.type = NodeType::fifo;
        return a;
    }
    void dispose() noexcept override {}
};

struct FakeProcesses final : ProcessSource {
    struct Process {
        ProcessFacts facts;
        std::map<std::uint32_t, Ref<File>> files;
        Ref<Vnode> executable;
        bool is_open = true;
    };
    std::uint64_t map_lines = 1;
    int texts_written = 0;
    std::uint32_t written_at = 0;
    std::string written;
    std::map<std::uint32_t, Process> table;
    std::map<std::uint32_t, std::uint32_t> more_threads;  ///< and their processes
    std::uint32_t caller = 0, calling_thread = 0;
    TestVfs* vfs = nullptr;
    const Place* root = nullptr;

    Result<Process*> get(std::uint32_t pid) {
        const auto thread = more_threads.find(pid);
        const auto at = table.find(thread == more_threads.end() ? pid : thread->second);
        return at == table.end() ? Result<Process*>(fail(Errc::not_found)) : &at->second;
    }
    std::uint32_t current() noexcept override { return caller; }
    std::uint32_t current_thread() noexcept override { return calling_thread; }
    Result<std::uint32_t> next_thread(std::uint32_t pid, std::uint32_t from) noexcept override {
        if (pid >= from) {
            return pid;
        }
        for (auto at = more_threads.lower_bound(from); at != more_threads.end(); ++at) {
            if (at->second == pid) {
                return at->first;
            }
        }
        return fail(Errc::not_found);
    }
    std::uint32_t next(std::uint32_t after) noexcept override {
        const auto at = table.upper_bound(after);
        return at == table.end() ? 0 : at->first;
    }
    Result<ProcessFacts> facts(std::uint32_t pid) noexcept override {
        ProcessFacts f = TRY(get(pid))->facts;
        f.process = f.pid;
        f.pid = pid;
        return f;
    }
    Result<ProcessOwner> owner(std::uint32_t pid) noexcept override {
        Process* const process = TRY(get(pid));
        return ProcessOwner{process->facts.effective_uid, process->facts.effective_gid,
                            process->is_open};
    }
    Status check_inside(std::uint32_t pid) noexcept override {
        return TRY(get(pid))->is_open ? Status() : fail(Errc::permission_denied);
    }
    Status text(std::uint32_t pid, ProcessText which, std::uint64_t& cursor,
                TextOutput& out) noexcept override {
        TRY(get(pid));
        ++texts_written;
        if (which == ProcessText::maps) {  // in pieces of one line
            format_to(out, "{:08x}-{:08x} r-xp 00000000 00:01 2 /bin/sh\n", cursor << 12,
                      (cursor + 1) << 12);
            cursor = cursor + 1 == map_lines ? end_of_text : cursor + 1;
            return {};
        }
        cursor = end_of_text;
        if (which == ProcessText::environ) {
            out.write(std::string_view("HOME=/\0A=b\0", 11));
        } else if (which == ProcessText::cmdline) {
            out.write(std::string_view("sh\0-c\0exit\0", 11));
        } else if (which == ProcessText::mounts) {
            write_mounts(*vfs, *root, out);
        } else if (which == ProcessText::mountinfo) {
            write_mountinfo(*vfs, *root, out);
        } else if (which == ProcessText::limits) {
            std::array<ProcessLimit, limit_names.size()> all;
            all[7] = {100, 1024};
            write_limits(all, out);
        }
        return {};
    }
    Status store(std::uint32_t pid, ProcessText which, std::string_view text) noexcept override {
        Process* const process = TRY(get(pid));
        if (which != ProcessText::oom_score_adj) {
            return fail(Errc::invalid_argument);
        }
        process->facts.memory_adjustment = TRY(parse_value(text));
        return {};
    }
    /// One page, of which each byte is the lowest one of its address.
    Status read_memory(std::uint32_t pid, std::uint32_t address,
                       std::span<std::byte> to) noexcept override {
        TRY(get(pid));
        if (address >> 12 != 5) {
            return fail(Errc::io_error);
        }
        for (std::byte& b : to) {
            b = static_cast<std::byte>(address++);
        }
        return {};
    }
    Status write_memory(std::uint32_t pid, std::uint32_t address,
                        std::span<const std::byte> from) noexcept override {
        TRY(get(pid));
        if (address >> 12 != 5) {
            return fail(Errc::io_error);
        }
        written_at = address;
        written.assign(reinterpret_cast<const char*>(from.data()), from.size());
        return {};
    }
    Result<Ref<Vnode>> link(std::uint32_t pid, ProcessLink which) noexcept override {
        Process* const process = TRY(get(pid));
        return which == ProcessLink::executable ? process->executable
                                                : Ref<Vnode>::share(*root->node);
    }
    Result<std::uint32_t> next_descriptor(std::uint32_t pid, std::uint32_t from) noexcept override {
        Process* const process = TRY(get(pid));
        const auto at = process->files.lower_bound(from);
        return at == process->files.end() ? Result<std::uint32_t>(fail(Errc::not_found))
                                          : at->first;
    }
    Result<Ref<File>> descriptor(std::uint32_t pid, std::uint32_t fd) noexcept override {
        Process* const process = TRY(get(pid));
        const auto at = process->files.find(fd);
        return at == process->files.end() ? Result<Ref<File>>(fail(Errc::not_found)) : at->second;
    }
    Status descriptor_text(std::uint32_t pid, std::uint32_t fd, TextOutput& out) noexcept override {
        TRY(descriptor(pid, fd));
        write_descriptor(7 + fd, 02102001, out);
        return {};
    }
    Result<std::string_view> path_of(Vnode& node, std::span<char> to) noexcept override {
        return vfs->paths().describe(*root, node, to);
    }
};

struct Names final : DirectorySink {
    std::vector<std::string> names;
    std::size_t room = 1000;
    bool accept(const DirectoryEntry& entry) noexcept override {
        if (names.size() == room) {
            return false;
        }
        names.emplace_back(entry.name);
        return true;
    }
};

struct ProcfsTest : testing::Test {
    World world;
    FakeProcesses processes;
    Nodeless pipe;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
    TestProcfs proc{world.heap, processes, world.clock, 2};
    TestVfs vfs{world.heap};
    Place root;
    int looks = 0;

    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        ASSERT_TRUE(proc.start());
        ASSERT_TRUE(vfs.mount_root(disk, "/dev/vda"));
        root = vfs.root();
        processes.vfs = &vfs;
        processes.root = &root;
        ASSERT_TRUE(vfs.make_node(at(), "/proc", {.type = NodeType::directory}));
        ASSERT_TRUE(vfs.make_node(at(), "/bin", {.type = NodeType::directory}));
        ASSERT_TRUE(vfs.mount(at(), "/proc", proc, "proc"));
        const auto directory = proc.add_directory("kidney");
        ASSERT_TRUE(directory);
        ASSERT_TRUE(proc.add_file(*directory, "policies", [](void*, TextOutput& out) noexcept {
            out.write("scheduler round_robin\n");
        }));
        ASSERT_TRUE(proc.add_file(
            "looks",
            [](void* context, TextOutput& out) noexcept {
                format_to(out, "{}\n", ++*static_cast<int*>(context));
                for (int i = 0; i < 3000; ++i) {
                    format_to(out, "line {}\n", i);
                }
            },
            &looks));
        ASSERT_TRUE(proc.add_link("mounts", "self/mounts"));
        ASSERT_TRUE(proc.add_command(ProcId{}, "command", [](std::string_view text) noexcept {
            return text == "wrong" ? Status(fail(Errc::invalid_argument)) : Status();
        }));
        processes.table[1].facts = {.pid = 1, .name = {"init"}};
        auto& shell = processes.table[42];
        shell.facts = {.pid = 42,
                       .parent = 1,
                       .group = 42,
                       .state = 'S',
                       .name = {"sh"},
                       .uid = 1000,
                       .effective_uid = 1000};
        auto file =
            vfs.open(at(), "/bin/sh", {.mode = {.read = true, .write = true}, .create = true},
                     Permissions(0755));
        ASSERT_TRUE(file);
        shell.executable = Ref<Vnode>::share(*(*file)->vnode());
        shell.files[0] = *file;
        shell.files[7] = Ref<File>::share(pipe);
        processes.caller = processes.calling_thread = 42;
    }
    void TearDown() override { processes.table.clear(); }

    PathContext at() { return {root, root, {}}; }
    Result<std::string> read(std::string_view path) {
        const Ref<File> file = TRY(vfs.open(at(), path, {.mode = {.read = true}}, {}));
        std::string all;
        for (;;) {
            std::array<char, 1000> piece{};
            SpanReadBuffer to(std::as_writable_bytes(std::span(piece)));
            const std::size_t count = TRY(file->read(to));
            if (count == 0) {
                return all;
            }
            all.append(piece.data(), count);
        }
    }
    Result<std::size_t> write(std::string_view path, std::string_view text) {
        const Ref<File> file =
            TRY(vfs.open(at(), path, {.mode = {.write = true}, .truncate = true}, {}));
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file->write(from);
    }
    Result<std::string> link(std::string_view path) {
        std::array<char, 600> text{};
        return std::string(text.data(), TRY(vfs.read_link(at(), path, text)));
    }
    std::vector<std::string> list(std::string_view path, std::size_t room) {
        std::vector<std::string> all;
        auto file = vfs.open(at(), path, {.mode = {.read = true}}, {});
        EXPECT_TRUE(file);
        for (;;) {
            Names names;
            names.room = room;
            EXPECT_TRUE((*file)->read_directory(names));
            if (names.names.empty()) {
                return all;
            }
            all.insert(all.end(), names.names.begin(), names.names.end());
        }
    }
};

TEST_F(ProcfsTest, ShowsRegisteredFiles) {
    EXPECT_EQ(read("/proc/kidney/policies"), Result<std::string>("scheduler round_robin\n"));
    EXPECT_EQ(
        read("/proc/mounts"),
        Result<std::string>("/dev/vda / tmpfs rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\n"));
    const std::string text = *read("/proc/looks");
    EXPECT_EQ(text.substr(0, 9), "1\nline 0\n");  // one moment, in many reads
    EXPECT_EQ(text.substr(text.size() - 10), "line 2999\n");
    EXPECT_EQ(read("/proc/looks")->substr(0, 2), "2\n");
    EXPECT_EQ(read("/proc/nothing").error(), Errc::not_found);
    EXPECT_EQ(vfs.open(at(), "/proc/looks", {.mode = {.write = true}}, {}).error(),
              Errc::permission_denied);
    EXPECT_FALSE(vfs.open(at(), "/proc/new", {.mode = {.write = true}, .create = true}, {}));
    EXPECT_EQ(read("/proc/self/mounts"), read("/proc/mounts"));
    const auto outer = proc.add_directory("sys");
    const auto inner = proc.add_directory(*outer, "kernel");
    ASSERT_TRUE(proc.add_file(*inner, "ostype",
                              [](void*, TextOutput& out) noexcept { out.write("Test\n"); }));
    EXPECT_EQ(read("/proc/sys/kernel/ostype"), Result<std::string>("Test\n"));
    EXPECT_EQ(vfs.attributes(at(), "/proc/sys/kernel/../..", true)->inode,
              vfs.attributes(at(), "/proc", true)->inode);
    EXPECT_EQ(list("/proc/sys", 1), (std::vector<std::string>{".", "..", "kernel"}));
    EXPECT_EQ(vfs.attributes(at(), "/proc/kidney/..", true)->inode,
              vfs.attributes(at(), "/proc", true)->inode);
}

TEST_F(ProcfsTest, ListsEverythingOnce) {
    const std::vector<std::string> whole{".",     "..",     "self",    "thread-self", "kidney",
                                         "looks", "mounts", "command", "1",           "42"};
    for (const std::size_t room : {1U, 2U, 3U, 100U}) {
        EXPECT_EQ(list("/proc", room), whole) << room;
        EXPECT_EQ(list("/proc/42/fd", room), (std::vector<std::string>{".", "..", "0", "7"}));
        EXPECT_EQ(list("/proc/42/fdinfo", room), list("/proc/42/fd", room));
        EXPECT_EQ(list("/proc/42/task", room), (std::vector<std::string>{".", "..", "42"}));
        EXPECT_EQ(list("/proc/42", room).size(), 2 + process_texts.size() + 6);
        EXPECT_EQ(list("/proc/42/task/42", room).size(), 2 + process_texts.size() + 5);
        EXPECT_EQ(list("/proc/kidney", room), (std::vector<std::string>{".", "..", "policies"}));
    }
}

TEST_F(ProcfsTest, DescribesProcesses) {
    EXPECT_EQ(read("/proc/42/stat")->substr(0, 23), "42 (sh) S 1 42 0 0 -1 0");
    const std::string stat = *read("/proc/42/stat");
    EXPECT_EQ(std::ranges::count(stat, ' '), 51);
    processes.table[42].facts.umask = 027;
    processes.table[42].facts.ignored = std::uint64_t{1} << 63 | 6U;
    const std::string status = *read("/proc/42/status");
    EXPECT_NE(status.find("Uid:\t1000\t1000\t0\t0\n"), std::string::npos);
    EXPECT_NE(status.find("Umask:\t0027\n"), std::string::npos);
    EXPECT_NE(status.find("SigIgn:\t8000000000000006\nSigCgt:\t0000000000000000\n"),
              std::string::npos);
    EXPECT_EQ(read("/proc/self/comm"), Result<std::string>("sh\n"));
    EXPECT_EQ(*read("/proc/42/cmdline"), std::string("sh\0-c\0exit\0", 11));
    EXPECT_EQ(*read("/proc/42/environ"), std::string("HOME=/\0A=b\0", 11));
    const std::string limits = *read("/proc/42/limits");
    EXPECT_EQ(std::ranges::count(limits, '\n'), 17);
    EXPECT_NE(limits.find("\nMax cpu time              unlimited            unlimited            "
                          "seconds   \n"),
              std::string::npos);
    EXPECT_NE(limits.find("\nMax open files            100                  1024                 "
                          "files     \n"),
              std::string::npos);
    EXPECT_NE(
        limits.find("\nMax nice priority         unlimited            unlimited            \n"),
        std::string::npos);
    EXPECT_EQ(vfs.attributes(at(), "/proc/42", true)->uid, 1000U);
    EXPECT_EQ(read("/proc/43/stat").error(), Errc::not_found);
    EXPECT_EQ(read("/proc/042/stat").error(), Errc::not_found);
    auto file = *vfs.open(at(), "/proc/42/comm", {.mode = {.read = true}}, {});
    processes.table.erase(42);  // it exits while we look: no stale name anywhere
    std::array<std::byte, 8> bytes{};
    SpanReadBuffer to(bytes);
    EXPECT_EQ(file->read(to).error(), Errc::not_found);
    EXPECT_EQ(vfs.attributes(at(), "/proc/42", true).error(), Errc::not_found);
}

TEST_F(ProcfsTest, AThreadIsDescribedLikeItsProcess) {
    EXPECT_EQ(read("/proc/42/task/42/comm"), Result<std::string>("sh\n"));
    EXPECT_EQ(link("/proc/42/task/42/fd/7"), Result<std::string>("pipe:[77]"));
    EXPECT_EQ(read("/proc/42/task/1/comm").error(), Errc::not_found);
    EXPECT_EQ(read("/proc/42/task/42/task/42/comm").error(), Errc::not_found);
    EXPECT_EQ(read("/proc/42/loginuid"), Result<std::string>("4294967295"));
    EXPECT_EQ(read("/proc/42/oom_score_adj"), Result<std::string>("0\n"));
    const auto inode = [&](const char* path) { return vfs.attributes(at(), path, true)->inode; };
    EXPECT_EQ(inode("/proc/42/task/42/.."), inode("/proc/42/task"));
    EXPECT_EQ(inode("/proc/42/task/.."), inode("/proc/42"));
    EXPECT_EQ(inode("/proc/42/fdinfo/.."), inode("/proc/42"));
}

TEST_F(ProcfsTest, EachThreadHasADirectory) {
    processes.more_threads = {{50, 42}, {51, 1}, {52, 42}};
    for (const std::size_t room : {1U, 2U, 3U, 100U}) {
        EXPECT_EQ(list("/proc/42/task", room),
                  (std::vector<std::string>{".", "..", "42", "50", "52"}));
    }
    const std::string status = *read("/proc/42/task/50/status");
    EXPECT_NE(status.find("Tgid:\t42\n"), std::string::npos);
    EXPECT_NE(status.find("\nPid:\t50\n"), std::string::npos);
    EXPECT_EQ(link("/proc/42/task/52/fd/7"), Result<std::string>("pipe:[77]"));
    EXPECT_EQ(read("/proc/42/task/51/comm").error(), Errc::not_found) << "another process's";
    const auto inode = [&](const char* path) { return vfs.attributes(at(), path, true)->inode; };
    EXPECT_EQ(inode("/proc/42/task/50/.."), inode("/proc/42/task"));
    EXPECT_NE(inode("/proc/42/task/50"), inode("/proc/42/task/52"));
    EXPECT_EQ(read("/proc/50/comm"), Result<std::string>("sh\n")) << "not listed, but there";
    processes.calling_thread = 50;
    EXPECT_EQ(link("/proc/thread-self"), Result<std::string>("42/task/50"));
}

TEST_F(ProcfsTest, TellsWhereAProcessMayRunAndWhatWaitsForIt) {
    const auto lines = [&](std::uint32_t cpus) {
        processes.table[42].facts.cpus = cpus;
        return *read("/proc/42/status");
    };
    processes.table[42].facts.queued_signals = 2;
    processes.table[42].facts.queued_signals_limit = 100;
    EXPECT_NE(lines(1).find("\nSigQ:\t2/100\n"), std::string::npos);
    EXPECT_NE(lines(1).find("\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"), std::string::npos);
    EXPECT_NE(lines(0x27).find("\nCpus_allowed_list:\t0-2,5\n"), std::string::npos);
    EXPECT_NE(lines(0xffff'ffff).find("\nCpus_allowed_list:\t0-31\n"), std::string::npos);
}

TEST_F(ProcfsTest, TellsHowAProcessFaredWithTheScheduler) {
    fs::ProcessFacts& facts = processes.table[42].facts;
    facts.nice = 5;
    facts.scheduling = {.scheduler = "cfs",
                        .ran = 1'234'567'890,
                        .waited = 98'765'432,
                        .longest_wait = 10'000'001,
                        .picks = 12,
                        .preemptions = 5,
                        .migrations = 3,
                        .weight = 335};
    EXPECT_EQ(read("/proc/42/schedstat"), Result<std::string>("1234567890 98765432 12\n"));
    EXPECT_EQ(*read("/proc/42/sched"),
              "sh (42, #threads: 1)\n"
              "-------------------------------------------------------------------\n"
              "scheduler                                    :                  cfs\n"
              "se.sum_exec_runtime                          :          1234.567890\n"
              "wait_sum                                     :            98.765432\n"
              "wait_max                                     :            10.000001\n"
              "se.nr_migrations                             :                    3\n"
              "nr_switches                                  :                   12\n"
              "nr_voluntary_switches                        :                    7\n"
              "nr_involuntary_switches                      :                    5\n"
              "se.load.weight                               :                  335\n"
              "policy                                       :                    0\n"
              "prio                                         :                  125\n");
    EXPECT_NE(read("/proc/42/status")
                  ->find("\nvoluntary_ctxt_switches:\t7\n"
                         "nonvoluntary_ctxt_switches:\t5\n"),
              std::string::npos);
}

TEST_F(ProcfsTest, ValuesCanBeWritten) {
    EXPECT_EQ(write("/proc/42/oom_score_adj", " -17\n"), Result<std::size_t>(5));
    EXPECT_EQ(read("/proc/42/oom_score_adj"), Result<std::string>("-17\n"));
    for (const char* const wrong : {"", "\n", "-", "1 2", "0x10", "99999999999", "2147483648"}) {
        EXPECT_EQ(write("/proc/42/oom_score_adj", wrong).error(), Errc::invalid_argument) << wrong;
    }
    EXPECT_EQ(read("/proc/42/oom_score_adj"), Result<std::string>("-17\n"));
    EXPECT_EQ(write("/proc/42/stat", "1").error(), Errc::permission_denied);
}

TEST_F(ProcfsTest, CommandsAreWrittenAndNotRead) {
    EXPECT_EQ(write("/proc/command", "3\n"), Result<std::size_t>(2));
    EXPECT_EQ(write("/proc/command", "wrong").error(), Errc::invalid_argument);
    EXPECT_EQ(read("/proc/command").error(), Errc::permission_denied);
    const Attributes a = *vfs.attributes(at(), "/proc/command", true);
    EXPECT_EQ(a.permissions.bits(), 0200U);
    EXPECT_EQ(a.type, NodeType::regular);
}

TEST_F(ProcfsTest, TellsHowDescriptorsWereOpened) {
    EXPECT_EQ(read("/proc/42/fdinfo/7"),
              Result<std::string>("pos:\t14\nflags:\t02102001\nmnt_id:\t1\n"));
    EXPECT_EQ(read("/proc/42/fdinfo/1").error(), Errc::not_found);
    const Attributes only_read = *vfs.attributes(at(), "/proc/42/fd/7", false);
    EXPECT_EQ(only_read.permissions.bits(), 0500U);
    EXPECT_EQ(only_read.size, 64U);
    processes.table[42].files[8] =
        *vfs.open(at(), "/bin/sh", {.mode = {.read = true, .write = true}}, {});
    EXPECT_EQ(vfs.attributes(at(), "/proc/42/fd/8", false)->permissions.bits(), 0700U);
    processes.table[42].files[8] = *vfs.open(at(), "/bin/sh", {.mode = {.write = true}}, {});
    EXPECT_EQ(vfs.attributes(at(), "/proc/42/fd/8", false)->permissions.bits(), 0300U);
    processes.table[42].files.erase(8);
    HeapText<fakes::FakeHeap> text(world.heap);
    write_descriptor(0, 0, text);
    EXPECT_EQ(text.view(), "pos:\t0\nflags:\t0\nmnt_id:\t1\n");
    text.clear();
    std::array<std::byte, 16> bytes;
    bytes.fill(std::byte{0xfe});
    write_uuid(bytes, text);
    EXPECT_EQ(text.view(), "fefefefe-fefe-4efe-befe-fefefefefefe\n");
}

TEST_F(ProcfsTest, LinksLeadToTheObjects) {
    EXPECT_EQ(link("/proc/self"), Result<std::string>("42"));
    EXPECT_EQ(link("/proc/self/exe"), Result<std::string>("/bin/sh"));
    EXPECT_EQ(link("/proc/42/cwd"), Result<std::string>("/"));
    EXPECT_EQ(link("/proc/42/fd/0"), Result<std::string>("/bin/sh"));
    EXPECT_EQ(link("/proc/42/fd/7"), Result<std::string>("pipe:[77]"));
    EXPECT_EQ(vfs.attributes(at(), "/proc/self/exe", true)->device, 1U);
    EXPECT_EQ(vfs.attributes(at(), "/proc/self/exe", false)->type, NodeType::symlink);
    EXPECT_EQ(vfs.attributes(at(), "/proc/self/exe/x", true).error(), Errc::not_directory);
    EXPECT_EQ(vfs.attributes(at(), "/proc/self/exe/", true).error(), Errc::not_directory);
    EXPECT_TRUE(vfs.attributes(at(), "/proc/self/cwd/bin/sh", true));
    EXPECT_EQ(vfs.open(at(), "/proc/42/fd/7", {.mode = {.read = true}}, {})->get(), &pipe);
    EXPECT_EQ(vfs.open(at(), "/proc/42/fd/7", {.mode = {.write = true}}, {}).error(),
              Errc::permission_denied);
    ASSERT_TRUE(
        vfs.make_node(at(), "/stdin", {.type = NodeType::symlink, .target = "/proc/self/fd/0"}));
    EXPECT_TRUE(
        vfs.open(at(), "/stdin", {.mode = {.read = true, .write = true}, .create = true}, {}));
    // The file behind the link may have lost its name; the link still works.
    ASSERT_TRUE(vfs.unlink(at(), "/bin/sh"));
    EXPECT_EQ(link("/proc/self/exe"), Result<std::string>("/bin/sh (deleted)"));
    EXPECT_EQ(link("/proc/self/fd/0"), Result<std::string>("/bin/sh (deleted)"));
    EXPECT_TRUE(vfs.open(at(), "/proc/self/exe", {.mode = {.read = true}}, {}));
}

TEST_F(ProcfsTest, ALongTextComesInPieces) {
    processes.map_lines = 100;
    const std::string maps = *read("/proc/42/maps");
    EXPECT_EQ(std::ranges::count(maps, '\n'), 100);
    EXPECT_EQ(processes.texts_written, 100) << "each piece once";
    auto file = *vfs.open(at(), "/proc/42/maps", {.mode = {.read = true}}, {});
    const auto read_at = [&](std::uint64_t offset) {
        std::array<char, 48> bytes{};
        SpanReadBuffer to(std::as_writable_bytes(std::span(bytes)));
        return std::string(bytes.data(), file->read_at(offset, to).value_or(0));
    };
    const std::size_t line = maps.size() / 100;
    EXPECT_EQ(read_at(50 * line + 3), maps.substr(50 * line + 3, line - 3)) << "forwards";
    EXPECT_EQ(read_at(7 * line), maps.substr(7 * line, line)) << "and back again";
    EXPECT_EQ(read_at(100 * line), "");
    EXPECT_EQ(read_at(1000 * line), "");
    EXPECT_EQ(read_at(99 * line), maps.substr(99 * line));
}

TEST_F(ProcfsTest, MemoryIsAFileToo) {
    auto file = *vfs.open(at(), "/proc/42/mem", {.mode = {.read = true, .write = true}}, {});
    std::array<std::byte, 600> bytes{};
    SpanReadBuffer to(bytes);
    EXPECT_EQ(file->read(to).error(), Errc::io_error) << "nothing is at 0";
    EXPECT_EQ(*file->seek(0x5f00, Whence::start), 0x5f00U);
    EXPECT_EQ(*file->read(to), 256U) << "as far as it goes";
    EXPECT_EQ(bytes[255], std::byte{0xff});
    EXPECT_EQ(*file->seek(0, Whence::current), 0x6000U);
    EXPECT_EQ(file->seek(0, Whence::end).error(), Errc::invalid_argument);
    SpanReadBuffer beyond(bytes);
    EXPECT_EQ(file->read_at(std::uint64_t{1} << 32, beyond).error(), Errc::io_error);
    SpanWriteBuffer from(std::as_bytes(std::span("hello", 5)));
    EXPECT_EQ(*file->write_at(0x5010, from), 5U);
    EXPECT_EQ(processes.written_at, 0x5010U);
    EXPECT_EQ(processes.written, "hello");
}

TEST_F(ProcfsTest, WhatIsPrivateOpensForFew) {
    processes.table[42].is_open = false;
    for (const char* name : {"maps", "smaps", "environ", "auxv", "mem"}) {
        const std::string path = std::string("/proc/42/") + name;
        EXPECT_EQ(read(path).error(), Errc::permission_denied) << path;
        EXPECT_EQ(vfs.attributes(at(), path, true)->uid, 0U) << "root's, not the user's";
    }
    EXPECT_EQ(vfs.attributes(at(), "/proc/42", true)->uid, 1000U);
    EXPECT_TRUE(read("/proc/42/stat"));
    EXPECT_TRUE(read("/proc/42/cmdline"));
    EXPECT_EQ(vfs.attributes(at(), "/proc/42/environ", true)->permissions.bits(), 0400U);
    EXPECT_EQ(vfs.attributes(at(), "/proc/42/mem", true)->permissions.bits(), 0600U);
}

TEST(ProcId, InodesAreSmallAndDifferent) {
    using Kind = ProcId::Kind;
    std::vector<std::uint32_t> inodes;
    for (const std::uint32_t pid : {1U, 255U, 256U, 32767U}) {
        inodes.push_back(ProcId{Kind::process, pid, 0}.inode());
        inodes.push_back(ProcId{Kind::task, pid, 0}.inode());
        for (std::uint32_t n = 0; n < 1024; ++n) {
            inodes.push_back(ProcId{Kind::descriptor, pid, n}.inode());
            inodes.push_back(ProcId{Kind::descriptor_text, pid, n}.inode());
        }
    }
    std::ranges::sort(inodes);
    EXPECT_EQ(std::ranges::adjacent_find(inodes), inodes.end());
}

TEST_F(ProcfsTest, LinksOfItsOwn) {
    EXPECT_EQ(link("/proc/mounts"), Result<std::string>("self/mounts"));
    EXPECT_EQ(vfs.attributes(at(), "/proc/mounts", false)->size, 11U);
    EXPECT_EQ(link("/proc/thread-self"), Result<std::string>("42/task/42"));
    EXPECT_EQ(read("/proc/thread-self/comm"), Result<std::string>("sh\n"));
    EXPECT_EQ(*read("/proc/self/mountinfo"),
              "20 1 0:1 / / rw,relatime - tmpfs /dev/vda rw\n"
              "21 20 0:2 / /proc rw,relatime - proc proc rw\n");
    EXPECT_EQ(vfs.attributes(at(), "/proc/42", true)->links, 5U) << "fd, fdinfo, task";
}

TEST_F(ProcfsTest, RunsOutOfMemoryQuietly) {
    for (std::size_t n = 1;; ++n) {
        const std::size_t before = world.heap.used_bytes();
        world.heap.fail_at(n);
        const auto text = read("/proc/looks");
        if (!world.heap.has_failed()) {
            EXPECT_TRUE(text);
            break;
        }
        EXPECT_EQ(text.error(), Errc::no_memory);
        EXPECT_EQ(world.heap.used_bytes(), before);
    }
}

TEST(ProcTexts, AreWhatToolsExpect) {
    World world;
    HeapText<fakes::FakeHeap> text(world.heap);
    write_uptime(Instant(3'070'000'000), Duration::milliseconds(1500), text);
    EXPECT_EQ(text.view(), "3.07 1.50\n");
    text.clear();
    write_cpu_ticks("cpu0", {12, 3, 4567}, text);
    EXPECT_EQ(text.view(), "cpu0 12 0 3 4567 0 0 0 0 0 0\n");
    text.clear();
    write_loadavg({{5, 110, 0}, 2, 31, 99}, text);
    EXPECT_EQ(text.view(), "0.05 1.10 0.00 2/31 99\n");
    text.clear();
    hal::CpuDescription cpu;
    cpu.family = 6;
    cpu.model = 58;
    cpu.stepping = 9;
    cpu.hertz = 2'399'875'000;
    cpu.vendor.assign("GenuineIntel");
    cpu.name.assign("A processor");
    cpu.features.assign("fpu tsc");
    write_cpuinfo(1, cpu, text);
    EXPECT_EQ(text.view(),
              "processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 58\n"
              "model name\t: A processor\nstepping\t: 9\ncpu MHz\t\t: 2399.875\n"
              "flags\t\t: fpu tsc\n\n");
    text.clear();
    BlockStatistics disk;
    disk.read = {3, 8192, Duration::milliseconds(5)};
    disk.written = {1, 512, Duration::milliseconds(2)};
    disk.flushes = 4;
    write_disk_statistics({254, 0}, "vda", disk, text);
    EXPECT_EQ(text.view(), " 254       0 vda 3 0 16 5 1 0 1 2 0 7 7 0 0 0 0 4 0\n");
    text.clear();
    write_meminfo({1024, 512, 600, 100, 24, 20, 8}, text);
    EXPECT_EQ(text.view().substr(0, 28), "MemTotal:           1024 kB\n");
    EXPECT_NE(text.view().find("\nDirty:                20 kB\nWriteback:             8 kB\n"),
              std::string_view::npos);
}

}  // namespace
}  // namespace kidney::fs
