/// The crash machine: runs a workload once, writes down what the disk was asked for, and then tries
/// every state that a loss of power may have left.
///
///   prefix     every moment between two writes
///   torn       every write of several sectors, ended after each of them
///   reordered  of the writes between two flushes any may be missing: every subset of up to ten, of
///              more each one alone, all but one, and 256 by chance
///   recovery   the power goes again while a mount mends the first crash, and again during that
///
/// In each of them the file system has to mount, its checker has to be content, and the tree has to
/// be what the file system promises (`Subject::Promise`), no older than at the last sync.
#pragma once

#include "tests/crash/failure.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/crash/steps.hpp"
#include "tests/crash/tree.hpp"
#include "tests/crash/workload.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kidney::crash {

template <class Subject>
class Machine {
public:
    static constexpr std::size_t max_nested = 2;

    /// Which states are tried; recovery too, if `nested` says so.
    struct Kinds {
        bool prefix = true, torn = true, reordered = true;
    };

    /// `nested`: how often the power goes during recovery, at most.
    Machine(Subject& subject, std::size_t nested) : Machine(subject, nested, Kinds()) {}
    Machine(Subject& subject, std::size_t nested, const Kinds& kinds)
        : subject_(subject),
          nested_(std::min(nested, max_nested)),
          kinds_(kinds),
          disk_(subject.sectors()) {}

    /// Makes the file system that every workload begins with.
    [[nodiscard]] Status prepare() {
        TRY(subject_.make(disk_));
        const auto begin = [&](fs::FileSystem& system) -> Status {
            for (std::uint32_t n = 0; n < beginning().size(); ++n) {
                TRY(run(system, beginning()[n], n));
            }
            return {};
        };
        TRY(subject_.mounted(disk_, begin));  // switched off: the next mount has to recover
        disk_.make_base();
        for (std::uint32_t n = 0; n < beginning().size(); ++n) {
            start_.run(beginning()[n], n);
        }
        return {};
    }
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

    /// Tries every state of a workload. The first failure, if there is one; with `all`, goes on and
    /// counts the others.
    [[nodiscard]] std::optional<Failure> try_all(const Workload& workload, bool all) {
        first_.reset();
        workload_ = &workload;
        all_ = all;
        chance_ = first_chance;  // whoever tries it, with what before
        if (!foresee(workload)) {
            ++counts_.skipped;
            return std::nullopt;
        }
        ++counts_.workloads;
        if (record(workload)) {
            try_prefixes();
            if (kinds_.reordered) {
                try_windows();
            }
        }
        counts_.failed_workloads += first_ ? 1 : 0;
        return std::move(first_);
    }
    /// One state only.
    [[nodiscard]] std::optional<Failure> try_one(const Workload& workload, const Cuts& cuts) {
        first_.reset();
        workload_ = &workload;
        all_ = false;
        if (foresee(workload) && record(workload)) {
            for (std::size_t level = 0; level < cuts.size(); ++level) {
                chain_.assign(cuts.begin(), cuts.begin() + static_cast<std::ptrdiff_t>(level) + 1);
                const bool is_last = level + 1 == cuts.size();
                const auto [low, high] = bounds(cuts[0]);
                if (is_possible(cuts[level], level)) {
                    examine(low, high, !is_last);
                }
                if (!is_last) {
                    first_.reset();
                }
            }
        }
        return std::move(first_);
    }
    /// Fewer operations that still fail, and the first state in which they do.
    [[nodiscard]] Failure minimise(Failure failure) {
        const Counts kept = counts_;
        for (bool again = true; again;) {
            again = false;
            for (std::size_t drop = 0; drop < failure.workload.size() && !again; ++drop) {
                Workload fewer = failure.workload;
                fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(drop));
                if (auto smaller = try_all(fewer, false)) {
                    failure = std::move(*smaller);
                    again = true;
                }
            }
        }
        counts_ = kept;
        return failure;
    }
    /// What was written and what of it was lost, and how the tree differs from what it should be.
    [[nodiscard]] std::string story(const Failure& failure);

private:
    struct Bounds {
        std::uint32_t low = 0, high = 0;
    };

    /// The trees that the workload goes through; false: it asks for something impossible.
    [[nodiscard]] bool foresee(const Workload& workload) {
        Model model = start_;
        promise_.forget();
        promise_.add(model);
        for (std::uint32_t n = 0; n < workload.size(); ++n) {
            if (!can(workload[n]) || !model.run(workload[n], first_version + n)) {
                break;
            }
            promise_.add(model);
        }
        return promise_.size() == workload.size() + 1;
    }

    /// Not every file system has links and permissions.
    [[nodiscard]] bool can(const Operation& step) const {
        if constexpr (requires { subject_.can(step); }) {
            return subject_.can(step);
        } else {
            return true;
        }
    }
    /// Runs the workload and records what it writes. False: it failed already.
    [[nodiscard]] bool record(const Workload& workload) {
        disk_.reset();
        log().clear();
        chain_.clear();
        disk_.record(&log());  // the recovery, too: what comes next may rely on it
        const Status done = subject_.mounted(disk_, [&](fs::FileSystem& system) -> Status {
            for (std::uint32_t n = 0; n < workload.size(); ++n) {
                log().operation = n + 1;
                TRY(run(system, workload[n], first_version + n));
                if (workload[n].kind == Kind::sync) {
                    log().synced = n + 1;
                }
            }
            return {};
        });
        disk_.record(nullptr);
        if (!done) {
            fails(Fault::answer, std::string(to_string(done.error())) + " in step " +
                                     std::to_string(log().operation));
        }
        return done.has_value();
    }
    [[nodiscard]] WriteLog& log() noexcept { return logs_[0]; }

    void try_prefixes() {
        const auto count = static_cast<std::uint32_t>(log().writes.size());
        for (std::uint32_t at = first_own(); at <= count && goes_on(); ++at) {
            if (kinds_.prefix || nested_ > 0) {
                attempt({.at = at}, counts_.prefix);
            }
            if (at == count) {
                break;
            }
            for (std::uint32_t k = 1; kinds_.torn && k < log().writes[at].sectors && goes_on();
                 ++k) {
                attempt({.kind = Cut::Kind::torn, .at = at, .sectors = k}, counts_.torn);
            }
        }
    }
    /// The first write that is the workload's, and not of the mount before it: those are the same
    /// for all.
    [[nodiscard]] std::uint32_t first_own() noexcept {
        return static_cast<std::uint32_t>(
            std::ranges::lower_bound(log().writes, 1U, {}, &Write::operation) -
            log().writes.begin());
    }
    void try_windows() {
        const auto windows = static_cast<std::uint32_t>(log().synced_at_flush.size());
        for (std::uint32_t w = 0; w <= windows && goes_on(); ++w) {
            const auto [begin, end] = window(log(), w);
            const std::uint32_t size = end - begin;
            if (size < 2 || size > 64 || end <= first_own()) {
                continue;  // of one write, the prefixes are all
            }
            const std::uint64_t everything = ~std::uint64_t{0} >> (64 - size);
            if (size <= 10) {
                for (std::uint64_t keep = 0; keep < everything && goes_on(); ++keep) {
                    // A prefix of the window was tried already.
                    if ((keep & (keep + 1)) != 0) {
                        attempt({.kind = Cut::Kind::window, .at = w, .keep = keep},
                                counts_.reordered);
                    }
                }
                continue;
            }
            for (std::uint32_t i = 0; i < size && goes_on(); ++i) {
                const std::uint64_t one = std::uint64_t{1} << i;
                attempt({.kind = Cut::Kind::window, .at = w, .keep = one}, counts_.reordered);
                attempt({.kind = Cut::Kind::window, .at = w, .keep = everything & ~one},
                        counts_.reordered);
            }
            for (std::uint32_t i = 0; i < 256 && goes_on(); ++i) {
                attempt({.kind = Cut::Kind::window, .at = w, .keep = chance() & everything},
                        counts_.reordered);
            }
        }
    }
    void attempt(const Cut& cut, std::uint64_t& counter) {
        ++counter;
        chain_.assign(1, cut);
        const auto [low, high] = bounds(cut);
        const bool nests = nested_ > 0 && cut.kind == Cut::Kind::prefix;
        examine(low, high, nests);
        if (nests) {
            try_recovery(low, high);
        }
    }
    /// The mount that has just been was interrupted: at each of its writes, or one was lost.
    void try_recovery(std::uint32_t low, std::uint32_t high) {
        const std::size_t level = chain_.size();
        const auto count = static_cast<std::uint32_t>(logs_[level].writes.size());
        const auto once = [&](const Cut& cut) {
            ++counts_.recovery;
            chain_.push_back(cut);
            const bool nests = level < nested_;
            examine(low, high, nests);
            if (nests) {
                try_recovery(low, high);
            }
            chain_.pop_back();
        };
        for (std::uint32_t at = 1; at < count && goes_on(); ++at) {
            once({.at = at});
            once({.kind = Cut::Kind::torn, .at = at, .sectors = 1});
        }
        for (std::uint32_t w = 0; w <= logs_[level].synced_at_flush.size(); ++w) {
            const auto [begin, end] = window(logs_[level], w);
            for (std::uint32_t i = begin; i + 1 < end && end - begin <= 64 && goes_on(); ++i) {
                const std::uint64_t everything = ~std::uint64_t{0} >> (64 - (end - begin));
                once({.kind = Cut::Kind::window,
                      .at = w,
                      .keep = everything & ~(std::uint64_t{1} << (i - begin))});
            }
        }
    }
    [[nodiscard]] bool goes_on() const noexcept { return all_ || !first_; }

    /// The writes of a window: first and end.
    [[nodiscard]] static std::pair<std::uint32_t, std::uint32_t> window(
        const WriteLog& log, std::uint32_t which) noexcept {
        const auto at = [&](std::uint32_t w) {
            return static_cast<std::uint32_t>(
                std::ranges::lower_bound(log.writes, w, {}, &Write::window) - log.writes.begin());
        };
        return {at(which), at(which + 1)};
    }
    [[nodiscard]] bool is_possible(const Cut& cut, std::size_t level) const {
        const WriteLog& log = logs_[level];
        return cut.kind == Cut::Kind::window
                   ? cut.at <= log.synced_at_flush.size()
                   : cut.at + (cut.kind == Cut::Kind::torn ? 1 : 0) <= log.writes.size();
    }
    /// Between which of the trees the one after this cut must be.
    [[nodiscard]] Bounds bounds(const Cut& cut) noexcept {
        const auto& writes = log().writes;
        if (cut.kind == Cut::Kind::window) {
            const auto [begin, end] = window(log(), cut.at);
            return {cut.at < log().synced_at_flush.size() ? log().synced_at_flush[cut.at]
                                                          : log().synced,
                    end > begin ? writes[end - 1].operation : 0};
        }
        if (cut.at == writes.size()) {
            return {log().synced, log().operation};
        }
        return {writes[cut.at].synced, writes[cut.at].operation};
    }
    /// Puts on the medium what the cuts left.
    void build() {
        disk_.reset();
        for (std::size_t level = 0; level < chain_.size(); ++level) {
            const WriteLog& log = logs_[level];
            const Cut& cut = chain_[level];
            std::uint32_t whole = cut.at;
            if (cut.kind == Cut::Kind::window) {
                const auto [begin, end] = window(log, cut.at);
                whole = begin;
                for (std::uint32_t i = begin; i < end; ++i) {
                    if ((cut.keep >> (i - begin) & 1U) != 0) {
                        late_.push_back(i);
                    }
                }
            }
            for (std::uint32_t i = 0; i < whole; ++i) {
                disk_.apply(log, log.writes[i], 0, log.writes[i].sectors);
            }
            for (const std::uint32_t i : late_) {
                disk_.apply(log, log.writes[i], 0, log.writes[i].sectors);
            }
            late_.clear();
            if (cut.kind == Cut::Kind::torn) {
                disk_.apply(log, log.writes[cut.at], 0, cut.sectors);
            }
        }
    }
    /// Looks at the state that `chain_` says; records the recovery if that is to be cut as well.
    void examine(std::uint32_t low, std::uint32_t high, bool records) {
        build();
        WriteLog& recovery = logs_[chain_.size()];
        recovery.clear();
        disk_.record(records ? &recovery : nullptr);
        bool is_mounted = false;
        const Status looked = subject_.mounted(disk_, [&](fs::FileSystem& system) -> Status {
            disk_.record(nullptr);
            is_mounted = true;
            return look(system, [&](fs::FileSystem& seen) { return promise_.look(seen); });
        });
        disk_.record(nullptr);
        if (!looked) {
            fails(is_mounted ? Fault::unreadable : Fault::mount,
                  std::string(to_string(looked.error())));
        } else if (const char* const what = subject_.unsound(disk_); what != nullptr) {
            fails(Fault::unsound, what);
        } else if (const std::string_view broken = promise_.broken(low, high); !broken.empty()) {
            fails(Fault::lost, std::string(broken) + ", after step " + std::to_string(low) +
                                   " to " + std::to_string(high));
        }
    }
    /// By the file system itself, unless the subject knows better than to believe it.
    template <class Look>
    [[nodiscard]] Status look(fs::FileSystem& system, Look&& look) {
        if constexpr (requires { subject_.read_by_others(disk_, look); }) {
            return subject_.read_by_others(disk_, look);
        } else {
            return look(system);
        }
    }
    void fails(Fault fault, std::string detail) {
        ++counts_.failures[static_cast<std::size_t>(fault)];
        if (!first_) {
            first_ = Failure{fault, *workload_, chain_, std::move(detail)};
        }
    }
    [[nodiscard]] std::uint64_t chance() noexcept {
        chance_ ^= chance_ << 13;
        chance_ ^= chance_ >> 7;
        chance_ ^= chance_ << 17;
        return chance_;
    }

    static constexpr std::uint64_t first_chance = 88172645463325252U;
    static constexpr std::uint32_t first_version = 100;  ///< of the bytes that a workload writes

    Subject& subject_;
    const std::size_t nested_;
    const Kinds kinds_;
    PowerDisk disk_;
    Model start_;
    typename Subject::Promise promise_;
    std::array<WriteLog, max_nested + 2> logs_;
    Cuts chain_;
    std::vector<std::uint32_t> late_;
    const Workload* workload_ = nullptr;
    bool all_ = false;
    std::optional<Failure> first_;
    Counts counts_;
    std::uint64_t chance_ = first_chance;
};

}  // namespace kidney::crash
