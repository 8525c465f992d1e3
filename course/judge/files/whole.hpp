/// The laws of a mounted vsfs: those of every file system (tests/laws), each with a look at the
/// disk afterwards; long plays beside a model (M1); a disk that is full (F1) or fails (E1, E2).
#pragma once

#include "course/judge/files/remote_system.hpp"
#include "course/judge/files/trial.hpp"
#include "tests/crash/steps.hpp"
#include "tests/crash/story.hpp"
#include "tests/crash/tree.hpp"
#include "tests/laws/file_system_laws.hpp"
#include "tests/laws/report.hpp"

#include <memory>
#include <string>
#include <vector>

namespace kidney::course::files {

/// A life with a mounted file system.
class Life {
public:
    Life(Remote& remote, TestDisk& on, Trial& trial, std::uint64_t fails_at = 0)
        : remote_(remote), on_(on), t_(trial) {
        const auto root = remote.begin(Ask::mount, on.disk(), on.shape().sector, fails_at, false);
        remote.diary = &diary_;
        mounted_ = root ? Status() : Status(fail(root.error()));
        if (root) {
            system_ = std::make_unique<RemoteSystem>(remote, *root);
        }
    }
    ~Life() { power_off(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    [[nodiscard]] const Status& mounted() const noexcept { return mounted_; }
    [[nodiscard]] RemoteSystem& system() noexcept { return *system_; }
    [[nodiscard]] std::vector<std::string>& diary() noexcept { return diary_; }
    /// What is reported beside a failure, as far as it has not been yet.
    void tell_calls() {
        for (std::string& line : diary_) {
            t_.call(std::move(line));
        }
        diary_.clear();
    }
    bool expect_mounted() {
        t_.lost(remote_);
        return t_.expect(mounted_.has_value(), "mount() of " + text_of(on_.shape()) + " succeeds",
                         Trial::text(mounted_));
    }
    void unmount() {
        if (system_) {
            const Status status = system_->unmount();
            tell_calls();
            t_.lost(remote_);
            t_.expect(status.has_value(), "unmount() succeeds", Trial::text(status));
        }
    }
    void power_off() {
        if (system_) {
            remote_.diary = nullptr;
            system_.reset();
        }
        remote_.end();
        remote_.diary = nullptr;
        t_.lost(remote_);
    }
    /// After power_off().
    void expect_sound() {
        const std::string complaint = on_.complaint();
        t_.expect(complaint.empty(), "fsck has no complaint", complaint);
    }
    [[nodiscard]] Result<crash::Fingerprint> tree() { return walk_.run(*system_->root()); }

private:
    Remote& remote_;
    TestDisk& on_;
    Trial& t_;
    Status mounted_;
    std::vector<std::string> diary_;
    std::unique_ptr<RemoteSystem> system_;
    crash::Walk walk_;
};

/// A law of tests/laws. The calls that are told are those before the first check that fails.
template <class Law>
void law_of_all(Remote& remote, TestDisk& on, Trial& t) {
    Life life(remote, on, t);
    if (!life.expect_mounted()) {
        return;
    }
    {
        namespace law = laws::file_system;
        const Ref<fs::Vnode> root = life.system().root();
        auto home = law::make(*root, "home", fs::NodeType::directory);
        life.tell_calls();
        t.lost(remote);
        if (t.expect(home.has_value(), "create(\"home\", a directory) succeeds",
                     home ? "" : to_string(home.error()))) {
            laws::Report report;
            report.begin(Law::text);
            law::Subject subject{life.system(), *home, {.unnamed = false, .exchange = false}};
            Law::check(report, subject);
            const bool kept = report.passed();
            t.expect(kept, Law::text,
                     kept ? std::string()
                          : std::string("not so: ") + report.failures()[0].expression + " (" +
                                report.failures()[0].file + ":" +
                                std::to_string(report.failures()[0].line) + ")");
            t.lost(remote);
        }
    }
    life.unmount();
    life.power_off();
    life.expect_sound();
}

/// Operations that one after the other are possible.
[[nodiscard]] inline crash::Workload random_steps(std::uint32_t count, std::uint32_t seed) {
    laws::Random random(seed * 7919);
    crash::Model model;
    crash::Workload steps;
    const auto add = [&](const crash::Operation& step) {
        const crash::Model before(model);
        if (model.run(step, static_cast<std::uint32_t>(steps.size()))) {
            steps.push_back(step);
        }
    };
    for (const crash::Operation& step : crash::beginning()) {
        add(step);
    }
    const auto& all = crash::all_operations();
    while (steps.size() < count) {
        add(all[random.below(static_cast<std::uint32_t>(all.size()))]);
    }
    return steps;
}

inline void law_m1(Remote& remote, TestDisk& on, Trial& t, std::uint32_t seed) {
    const crash::Workload steps = random_steps(60, seed);
    crash::Model model;
    std::unique_ptr<Life> life;
    for (std::uint32_t n = 0; n < steps.size() && t.is_kept(); ++n) {
        if (n % 25 == 0) {
            if (life) {
                life->unmount();
                life->power_off();
                life->expect_sound();
                life.reset();  // one life at a time
            }
            life = std::make_unique<Life>(remote, on, t);
            if (!life->expect_mounted()) {
                return;
            }
        }
        t.call(crash::text_of(steps[n]));
        model.run(steps[n], n);
        const Status done = crash::run(life->system(), steps[n], n);
        t.lost(remote);
        if (!t.expect(done.has_value(), "success", Trial::text(done))) {
            return;
        }
        const auto tree = life->tree();
        t.lost(remote);
        if (!tree || *tree != model.fingerprint()) {
            crash::Listing found;
            crash::ListingOf listing(found);
            crash::Walk walk(&listing);
            const auto again = walk.run(*life->system().root());
            t.expect(false, "the tree is that of the model",
                     again ? crash::detail::difference(model.listing(), found)
                           : "it cannot be read: " + std::string(to_string(again.error())));
            return;
        }
    }
    if (life) {
        life->unmount();
        life->power_off();
        life->expect_sound();
    }
}

/// What is tried on a disk that is nearly full.
struct FullStep {
    const char* text;
    Status (*run)(fs::Vnode& root);
    bool is_one;  ///< operation; a longer write is several
};
/// Leaves `free` blocks, and does the step.
inline void try_when_full(Life& life, Remote& remote, Trial& t, const FullStep& step,
                          std::uint64_t free) {
    namespace law = laws::file_system;
    const Ref<fs::Vnode> root = life.system().root();
    const auto file = law::make(*root, "f");
    const auto filler = law::make(*root, "fill");
    bool ready =
        file && filler && law::cut(**file, 8'150) && law::make(*root, "d", fs::NodeType::directory);
    for (std::uint64_t at = 0; ready && life.system().status().free_blocks > free; ++at) {
        ready = at < 100 && law::put(**filler, at * 4096, 1, 1);
    }
    t.lost(remote);
    if (!t.expect(ready, "files can be made, cut and written until the disk is full",
                  "they cannot")) {
        life.tell_calls();
        return;
    }
    t.call("(" + std::to_string(free) + " blocks are free)");
    const auto before = life.tree();
    const Status status = step.run(*root);
    t.call(step.text);
    t.answered(Trial::text(status));
    t.lost(remote);
    if (status) {
        return;
    }
    t.expect(status.error() == Errc::no_space, "success or no_space", Trial::text(status));
    if (step.is_one) {
        const auto after = life.tree();
        t.expect(before && after && *before == *after, "nothing has changed after no_space",
                 "the tree is another one");
        t.equal("the number of free blocks", life.system().status().free_blocks, free);
    }
}

/// Each with 0, 1 and 2 free blocks: done, or no_space and nothing has changed.
inline void law_f1(Remote& remote, TestDisk& on, Trial& t) {
    namespace law = laws::file_system;
    using fs::NodeType;
    const FullStep steps[] = {
        {"create(\"d/new\"), where d is empty",
         [](fs::Vnode& r) -> Status {
             const auto made = law::make(*TRY(r.lookup("d")), "new");
             return made ? Status() : Status(fail(made.error()));
         },
         true},
        {"mkdir(\"e\")",
         [](fs::Vnode& r) -> Status {
             const auto made = law::make(r, "e", NodeType::directory);
             return made ? Status() : Status(fail(made.error()));
         },
         true},
        {"symlink(\"l\")",
         [](fs::Vnode& r) -> Status {
             const auto made = law::make(r, "l", NodeType::symlink, "d");
             return made ? Status() : Status(fail(made.error()));
         },
         true},
        {"write(f, 100 bytes at 90000, which needs an indirect block)",
         [](fs::Vnode& r) -> Status {
             const auto put = law::put(*TRY(r.lookup("f")), 90'000, 100, 3);
             return put ? Status() : Status(fail(put.error()));
         },
         true},
        {"append(f, 200 bytes), where f ends at 8150, in a hole",
         [](fs::Vnode& r) -> Status {
             const auto put = law::put_at_end(*TRY(r.lookup("f")), 200, 4);
             return put ? Status() : Status(fail(put.error()));
         },
         true},
        {"link(\"d/second\", f)",
         [](fs::Vnode& r) -> Status {
             return TRY(r.lookup("d"))->link("second", *TRY(r.lookup("f")));
         },
         true},
        {"rename(\"f\", \"d/f\")",
         [](fs::Vnode& r) -> Status { return law::move(r, "f", *TRY(r.lookup("d")), "f"); }, true},
        {"write(f, 20000 bytes at 0)",
         [](fs::Vnode& r) -> Status {
             std::vector<std::byte> bytes(20'000, std::byte{1});
             fs::SpanWriteBuffer from(bytes);
             const auto put = TRY(r.lookup("f"))->write(0, from);
             return put ? Status() : Status(fail(put.error()));
         },
         false},
    };
    for (const FullStep& step : steps) {
        for (std::uint64_t free = 0; free < 3 && t.is_kept(); ++free) {
            on.make_anew();
            {
                Life life(remote, on, t);
                if (!life.expect_mounted()) {
                    return;
                }
                try_when_full(life, remote, t, step, free);
            }
            const std::string complaint = on.complaint();
            t.expect(complaint.empty(), "fsck has no complaint", complaint);
        }
    }
}

/// A request to the disk fails, each in turn: the call says io_error, and nothing else is lost.
inline void law_e(Remote& remote, TestDisk& on, Trial& t, std::uint32_t stride) {
    const crash::Workload steps{
        {crash::Kind::mkdir, "A", {}, 0},         {crash::Kind::create, "A/foo", {}, 0},
        {crash::Kind::append, "A/foo", {}, 700},  {crash::Kind::extend, "A/foo", {}, 85000},
        {crash::Kind::append, "A/foo", {}, 6000}, {crash::Kind::link, "A/foo", "foo", 0},
        {crash::Kind::sync, {}, {}, 0},           {crash::Kind::symlink, "A/bar", "foo", 0},
        {crash::Kind::rename, "foo", "A/bar", 0}, {crash::Kind::truncate, "A/foo", {}, 10},
        {crash::Kind::unlink, "A/foo", {}, 0},    {crash::Kind::unlink, "A/bar", {}, 0},
        {crash::Kind::rmdir, "A", {}, 0},         {crash::Kind::sync, {}, {}, 0}};
    bool failed = true;
    for (std::uint64_t k = 1; failed && t.is_kept(); k += stride) {
        on.make_anew();
        {
            Life life(remote, on, t, k);
            t.calls_.clear();
            t.call("(request " + std::to_string(k) + " to the disk fails)");
            t.call("mount()");
            t.answered(Trial::text(life.mounted()));
            t.lost(remote);
            failed = remote.requests() >= k;
            if (!life.mounted()) {
                t.expect(failed && life.mounted().error() == Errc::io_error, "io_error",
                         Trial::text(life.mounted()));
                continue;
            }
            t.expect(!failed, "io_error of mount()", "success");
            bool broken = false;
            for (std::uint32_t n = 0; n < steps.size() && t.is_kept() && !broken; ++n) {
                for (int attempt = 0; attempt < 2 && t.is_kept(); ++attempt) {
                    const bool before = remote.requests() >= k;
                    const Status status = crash::run(life.system(), steps[n], n);
                    const bool now = !before && remote.requests() >= k;
                    t.call(crash::text_of(steps[n]));
                    t.answered(Trial::text(status));
                    t.lost(remote);
                    if (status) {
                        t.expect(!now, "an error: the disk has failed in it", "success");
                        break;
                    }
                    const Errc error = status.error();
                    // Without a log, what failed in the middle of a write may be half there.
                    broken = before && (error == Errc::read_only || error == Errc::io_error ||
                                        on.shape().log_blocks == 0);
                    if (broken) {
                        break;
                    }
                    t.expect(now && (error == Errc::io_error || error == Errc::stale ||
                                     (error == Errc::no_space && !before)),
                             now ? "io_error" : "success, for the disk works again",
                             to_string(error));
                    if (steps[n].kind == crash::Kind::append) {
                        broken = true;  // some of it may be there: it cannot be done again
                        break;
                    }
                }
            }
            failed = remote.requests() >= k;
            if (broken && on.shape().log_blocks == 0) {
                continue;  // half an operation may be there
            }
        }
        if (t.is_kept() && on.shape().log_blocks != 0) {
            Life again(remote, on, t);
            t.call("(the power goes off) mount()");
            t.answered(Trial::text(again.mounted()));
            again.expect_mounted();
        }
        const std::string complaint = on.complaint();
        t.expect(complaint.empty(), "fsck has no complaint", complaint);
    }
}

}  // namespace kidney::course::files
