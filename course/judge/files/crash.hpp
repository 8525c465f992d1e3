/// The laws of the log: what it has to look like on the disk (L1 to L3), and the crash machine over
/// a file system in another process (C1 to C4). After a crash the tree is read from the disk by
/// ourselves: what its own program would say of it does not count.
#pragma once

#include "course/judge/files/trial.hpp"
#include "course/judge/files/whole.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/story.hpp"

#include <string>

namespace kidney::course::files {

/// For crash::Machine.
class RemoteSubject {
public:
    using Promise = crash::WholeTrees;

    RemoteSubject(Remote& remote, std::uint32_t log_blocks)
        : remote_(remote),
          on_({.blocks = log_blocks + 28, .inodes = 32, .log_blocks = log_blocks}) {}

    [[nodiscard]] std::uint32_t sectors() const noexcept { return on_.shape().blocks * 8; }
    [[nodiscard]] Status make(crash::PowerDisk& disk) {
        fs::vsfs::Block scratch;
        return fs::vsfs::make(
            disk, {.inodes = on_.shape().inodes, .log_blocks = on_.shape().log_blocks}, scratch);
    }
    template <class Use>
    [[nodiscard]] Status mounted(crash::PowerDisk& disk, Use&& use) {
        const auto root = remote_.begin(Ask::mount, disk);
        Status status = root ? Status() : Status(fail(root.error()));
        if (root) {
            RemoteSystem system(remote_, *root);
            status = use(static_cast<fs::FileSystem&>(system));
        }
        remote_.end();
        if (!remote_.lost().verdict.empty() && lost_.verdict.empty()) {
            lost_ = remote_.lost();
        }
        return lost_.verdict.empty() ? status : Status(fail(Errc::broken_pipe));
    }
    /// From the disk, not from whoever mounted it.
    template <class Look>
    [[nodiscard]] Status read_by_others(crash::PowerDisk& disk, Look&& look) {
        DiskReader<crash::PowerDisk> reader(disk);
        TRY(reader.load());
        return look(static_cast<fs::FileSystem&>(reader));
    }
    [[nodiscard]] const char* unsound(crash::PowerDisk& disk) {
        const char* what = nullptr;
        const Status checked = checker_->check(disk, [&](const fs::vsfs::Finding& finding) {
            what = what == nullptr ? finding.what : what;
        });
        return what == nullptr && !checked ? "it cannot be read" : what;
    }
    [[nodiscard]] std::string place(std::uint32_t sector) const { return on_.place(sector / 8); }
    [[nodiscard]] const Lost& lost() const noexcept { return lost_; }

private:
    Remote& remote_;
    TestDisk on_;
    std::unique_ptr<fs::vsfs::Checker<crash::PowerDisk>> checker_ =
        std::make_unique<fs::vsfs::Checker<crash::PowerDisk>>();
    Lost lost_;
};

struct Sweep {
    std::size_t nested = 0;
    crash::Machine<RemoteSubject>::Kinds kinds{};
    std::uint32_t length = 1;
    std::uint64_t stride = 1, first = 0;  ///< of the workloads, only these
};

inline void sweep(Remote& remote, Trial& t, std::uint32_t log_blocks, const Sweep& what) {
    RemoteSubject subject(remote, log_blocks);
    crash::Machine<RemoteSubject> machine(subject, what.nested, what.kinds);
    const Status prepared = machine.prepare();
    if (!subject.lost().verdict.empty()) {
        t.lost(remote);
    }
    if (!t.expect(prepared.has_value(), "files can be made before the first crash",
                  Trial::text(prepared))) {
        return;
    }
    const crash::Sequences all(what.length);
    std::optional<crash::Failure> failure;
    for (std::uint64_t n = what.first; n < all.count() && !failure; n += what.stride) {
        failure = machine.try_all(all.at(n), false);
    }
    t.note(std::to_string(machine.counts().states()) + " states of " +
           std::to_string(machine.counts().workloads) + " workloads");
    if (!failure) {
        return;
    }
    if (!subject.lost().verdict.empty()) {
        t.expect(false, "it mounts after any loss of power", subject.lost().words);
        t.verdict_ = subject.lost().verdict;
        for (const crash::Operation& step : failure->workload) {
            t.calls_.push_back(crash::text_of(step));
        }
        for (const crash::Cut& cut : failure->cuts) {
            t.calls_.push_back(crash::text_of(cut));
        }
        return;
    }
    const crash::Failure least = machine.minimise(std::move(*failure));
    t.story(machine.story(least) + "\n" + crash::script_of("vsfs", least));
    t.expect(false,
             "after any loss of power it mounts, fsck is content, and the tree is one that was "
             "there, no older than at the last sync",
             std::string(crash::fault_texts[static_cast<std::size_t>(least.fault)]) + ": " +
                 least.detail);
}

/// sync() leaves a commit in the log that anybody can read, and its blocks at home.
inline void law_l1(Remote& remote, TestDisk& on, Trial& t) {
    namespace law = laws::file_system;
    Life life(remote, on, t);
    if (!life.expect_mounted()) {
        return;
    }
    const Ref<fs::Vnode> root = life.system().root();
    std::uint32_t sequence = 0;
    for (const std::string_view name : {"first", "second"}) {
        const auto untouched = on.picture();
        const bool made = law::make(*root, name).has_value();
        life.tell_calls();
        t.expect(made, "create() succeeds", "it does not");
        t.expect(on.difference(untouched).empty(), "nothing is written before sync()",
                 on.difference(untouched) + " changed");
        crash::WriteLog log;
        on.disk().record(&log);
        const Status synced = life.system().sync();
        on.disk().record(nullptr);
        life.tell_calls();
        t.lost(remote);
        t.expect(synced.has_value(), "sync() succeeds", Trial::text(synced));
        const auto header = on.peek<fs::vsfs::LogHeader>(1, 0);
        if (!t.equal("magic of the log header", header.magic, fs::vsfs::LogHeader::right_magic) ||
            !t.expect(header.count >= 3 && header.count < on.shape().log_blocks,
                      "count of the log header is the number of blocks that changed",
                      "it is " + std::to_string(header.count))) {
            return;
        }
        t.expect(name == "first" || header.sequence == sequence + 1,
                 "sequence is one more with each commit",
                 "it is " + std::to_string(header.sequence));
        sequence = header.sequence;
        fs::vsfs::LogHeader bare = header;
        bare.checksum = 0;
        std::uint32_t sum = fs::vsfs::checksum(std::as_bytes(std::span(&bare, 1)));
        for (std::uint32_t i = 0; i < header.count; ++i) {
            const fs::vsfs::Block logged = on.block(2 + i);
            sum = fs::vsfs::checksum(logged, sum);
            t.expect(header.blocks[i] < on.shape().blocks && logged == on.block(header.blocks[i]),
                     "logged block " + std::to_string(i) + " is at home, too", "it is not");
        }
        t.equal("checksum of the log header", header.checksum, sum);
        bool home_first = false;
        std::uint32_t committed = ~0U;
        for (const crash::Write& w : log.writes) {
            committed = w.first / 8 == 1 ? w.window : committed;
            home_first = home_first || (w.first / 8 > on.geometry().log_blocks &&
                                        (committed == ~0U || w.window <= committed));
        }
        t.expect(!home_first, "no block is written home before a flush behind the header",
                 "one is");
    }
}

inline void law_l2(Remote& remote, TestDisk& on, Trial& t) {
    using fs::vsfs::LogHeader;
    const std::uint32_t table = on.geometry().inode_table();
    fs::vsfs::Block changed = on.block(table), data{};
    fs::vsfs::Inode root = on.inode(1);
    root.uid = 77;
    fs::vsfs::store(std::span(changed), sizeof(root), root);
    data.fill(std::byte{9});
    const std::uint32_t last = on.shape().blocks - 1;
    const auto log = [&](const LogHeader& like, bool right_sum) {
        LogHeader header = like;
        header.checksum = 0;
        header.checksum = fs::vsfs::checksum(std::as_bytes(std::span(&header, 1)));
        header.checksum = fs::vsfs::checksum(changed, header.checksum);
        header.checksum = fs::vsfs::checksum(data, header.checksum) + (right_sum ? 0 : 1);
        on.make_anew();
        on.poke(1, 0, header);
        on.poke(2, 0, changed);
        on.poke(3, 0, data);
    };
    LogHeader right{.sequence = 5, .count = 2};
    right.blocks[0] = table;
    right.blocks[1] = last;
    const auto mount = [&](const char* what) {
        t.call(what);
        crash::WriteLog writes;
        on.disk().record(&writes);
        Life life(remote, on, t);
        on.disk().record(nullptr);
        t.call("mount()");
        t.answered(Trial::text(life.mounted()));
        t.lost(remote);
        const bool flushed =
            writes.writes.empty() || writes.synced_at_flush.size() > writes.writes.back().window;
        return std::pair(life.mounted(), flushed);
    };
    log(right, true);
    auto [status, flushed] = mount("(a commit of two blocks is in the log)");
    t.expect(status.has_value(), "success", Trial::text(status));
    t.equal("the uid in the inode table", on.inode(1).uid, 77U);
    t.expect(on.block(last) == data, "the second block is at home", "it is not");
    t.expect(flushed, "recovery ends with a flush", "it does not");
    const auto ignored = [&](const char* what, const LogHeader& header, bool sum) {
        log(header, sum);
        const auto before = on.picture();
        const auto [mounted, end] = mount(what);
        t.expect(mounted.has_value(), "success", Trial::text(mounted));
        t.expect(on.difference(before).empty(), "nothing is recovered",
                 on.difference(before) + " changed");
    };
    ignored("(the same with another checksum)", right, false);
    LogHeader other = right;
    other.magic ^= 1;
    ignored("(the same with another magic)", other, true);
    other = right;
    other.count = 0;
    ignored("(the same with count 0)", other, true);
    other.count = 0xFFFF'0000;
    ignored("(the same with a count of 4294901760)", other, true);
    for (const std::uint32_t block : {0U, 1U, on.shape().blocks}) {
        other = right;
        other.blocks[1] = block;
        log(other, true);
        const auto home = on.block(0);
        const auto [mounted, end] =
            mount(("(the commit has block " + std::to_string(block) + " in it)").c_str());
        t.expect(!mounted && mounted.error() == Errc::corrupted, "corrupted", Trial::text(mounted));
        t.expect(on.block(0) == home, "the superblock stays", "it was written");
    }
}

inline void law_l3(Remote& remote, TestDisk& on, Trial& t) {
    namespace law = laws::file_system;
    Life life(remote, on, t);
    if (!life.expect_mounted()) {
        return;
    }
    for (std::uint32_t n = 0; n < 40 && t.is_kept(); ++n) {  // more than the log holds
        const auto made = law::make(*life.system().root(), law::Numbered(n));
        life.tell_calls();
        t.lost(remote);
        t.expect(made.has_value(), "success", made ? "" : to_string(made.error()));
    }
    life.unmount();
    t.equal("count of the log header after unmount()", on.peek<fs::vsfs::LogHeader>(1, 0).count,
            0U);
    life.power_off();
    life.expect_sound();
    DiskReader<crash::PowerDisk> reader(on.disk());
    const bool there = reader.load() && reader.root()->lookup("n39");
    t.expect(there, "the last name is on the disk", "it is not");
}

}  // namespace kidney::course::files
