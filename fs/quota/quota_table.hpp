/// Who has taken how much of a file system: the engine behind quotactl(2), for one that keeps its
/// books in memory.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/quotas.hpp"
#include "kidney/mm/make.hpp"

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs {

/// To whom a node belongs, and what it is counted for.
struct QuotaOwner {
    std::uint32_t uid = 0, gid = 0;
};
struct QuotaUse {
    std::uint64_t bytes = 0, nodes = 0;
};

/// What a table is made with. The hard limits are those that everybody begins with.
struct QuotaSettings {
    struct Kind {
        bool is_kept = false;
        std::uint64_t hard_bytes = 0, hard_nodes = 0;
    };
    Kind users, groups;
    /// May who asks exceed limits (CAP_SYS_RESOURCE)? Null: nobody.
    bool (*may_exceed)() noexcept = nullptr;
};

/// An entry comes with the first charge or change of an id, and stays. Give it back all that it was
/// charged.
///   Q1 what is used is what was charged and transferred here and not refunded
///   Q2 a charge or transfer that fails changes nothing, for the user as for the group
///   Q3 beyond a hard limit nobody gets more, beyond a soft one nobody after the time of grace:
///      quota_exceeded; but who may exceed, and all while limits are not enforced
///   Q4 refunds do not fail, and what falls to the soft limit has its time of grace again
///   Q5 a kind that is not kept costs and limits nothing
/// Cost: O(log ids) for each kind that is kept. Concurrency: any thread; `Lock` is held while an
/// entry is allocated.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class QuotaTable final : public Quotas {
public:
    QuotaTable(Heap& heap, const QuotaSettings& settings) noexcept
        : heap_(heap), settings_(settings) {
        books_[0].settings = settings.users;
        books_[1].settings = settings.groups;
    }
    ~QuotaTable() {
        for (Book& book : books_) {
            book.entries.clear_and_dispose([this](Entry* entry) { mm::destroy(heap_, entry); });
        }
    }
    QuotaTable(const QuotaTable&) = delete;
    QuotaTable& operator=(const QuotaTable&) = delete;

    [[nodiscard]] bool keeps_any() const noexcept {
        return settings_.users.is_kept || settings_.groups.is_kept;
    }
    /// `now` in seconds. Errors: quota_exceeded, no_memory.
    [[nodiscard]] Status charge(QuotaOwner owner, QuotaUse use, std::uint64_t now) noexcept
        EXCLUDES(lock_) {
        return transfer(nullptr, owner, use, now);
    }
    void refund(QuotaOwner owner, QuotaUse use) noexcept EXCLUDES(lock_) {
        if (keeps_any()) {
            LockGuard guard(lock_);
            for (const QuotaKind kind : kinds) {
                take_back(kind, id_of(owner, kind), use);
            }
        }
    }
    /// A node changes hands: what it uses is charged to `to` and refunded to `from`, for the kinds
    /// for which they differ. Errors as of charge().
    [[nodiscard]] Status transfer(QuotaOwner from, QuotaOwner to, QuotaUse use,
                                  std::uint64_t now) noexcept EXCLUDES(lock_) {
        return transfer(&from, to, use, now);
    }

    [[nodiscard]] bool keeps(QuotaKind kind) const noexcept override {
        return (kind == QuotaKind::user ? settings_.users : settings_.groups).is_kept;
    }
    [[nodiscard]] Result<QuotaEntry> get(QuotaKind kind, std::uint32_t id) noexcept override
        EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        return TRY(find_or_make(kind, id))->amounts;
    }
    [[nodiscard]] Result<QuotaEntry> next(QuotaKind kind, std::uint32_t id) noexcept override
        EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        Entries& entries = book(kind).entries;
        const auto found = entries.lower_bound(id);
        return found == entries.end() ? Result<QuotaEntry>(fail(Errc::not_found)) : found->amounts;
    }
    [[nodiscard]] Status set(QuotaKind kind, std::uint32_t id,
                             const QuotaChange& change) noexcept override EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        QuotaEntry& amounts = TRY(find_or_make(kind, id))->amounts;
        const QuotaGraces& graces = book(kind).graces;
        change_part(amounts.bytes, change.bytes, graces.bytes);
        change_part(amounts.nodes, change.nodes, graces.nodes);
        return {};
    }
    [[nodiscard]] Result<QuotaGraces> graces(QuotaKind kind) noexcept override EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        return book(kind).graces;
    }
    [[nodiscard]] Status set_graces(QuotaKind kind, std::optional<std::uint64_t> bytes,
                                    std::optional<std::uint64_t> nodes) noexcept override
        EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        QuotaGraces& graces = book(kind).graces;
        graces = {bytes.value_or(graces.bytes), nodes.value_or(graces.nodes)};
        return {};
    }
    [[nodiscard]] bool enforces(QuotaKind kind) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return keeps(kind) && book(kind).is_enforced;
    }
    [[nodiscard]] Status enforce(QuotaKind kind, bool on) noexcept override EXCLUDES(lock_) {
        TRY(check(kind));
        LockGuard guard(lock_);
        if (on && book(kind).is_enforced) {
            return fail(Errc::busy);
        }
        book(kind).is_enforced = on;
        return {};
    }

private:
    static constexpr std::array kinds{QuotaKind::user, QuotaKind::group};

    struct Entry : boost::intrusive::set_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::normal_link>> {
        static constexpr const char* cache_name = "quota";
        explicit Entry(std::uint32_t id) noexcept { amounts.id = id; }
        QuotaEntry amounts;
    };
    struct ById {
        using type = std::uint32_t;
        std::uint32_t operator()(const Entry& entry) const noexcept { return entry.amounts.id; }
    };
    using Entries = boost::intrusive::set<Entry, boost::intrusive::key_of_value<ById>>;
    struct Book {
        QuotaSettings::Kind settings;
        Entries entries;
        QuotaGraces graces;
        bool is_enforced = true;
    };

    [[nodiscard]] Status check(QuotaKind kind) const noexcept {
        return keeps(kind) ? Status() : fail(Errc::no_process);
    }
    [[nodiscard]] static std::uint32_t id_of(QuotaOwner owner, QuotaKind kind) noexcept {
        return kind == QuotaKind::user ? owner.uid : owner.gid;
    }
    [[nodiscard]] Book& book(QuotaKind kind) noexcept REQUIRES(lock_) {
        return books_[static_cast<std::size_t>(kind)];
    }
    /// Error: no_memory.
    [[nodiscard]] Result<Entry*> find_or_make(QuotaKind kind, std::uint32_t id) noexcept
        REQUIRES(lock_) {
        Book& its = book(kind);
        if (const auto found = its.entries.find(id); found != its.entries.end()) {
            return &*found;
        }
        Entry* const made = TRY(mm::make<Entry>(heap_, id));
        made->amounts.bytes.hard = its.settings.hard_bytes;
        made->amounts.nodes.hard = its.settings.hard_nodes;
        its.entries.insert(*made);
        return made;
    }
    [[nodiscard]] static bool has_room(const QuotaAmount& amount, std::uint64_t more,
                                       std::uint64_t now) noexcept {
        const auto exceeds = [&](std::uint64_t limit) noexcept {
            return limit != 0 && (amount.used > limit || more > limit - amount.used);
        };
        const bool is_late = amount.expires != 0 && now >= amount.expires;
        return more == 0 || !(exceeds(amount.hard) || (is_late && exceeds(amount.soft)));
    }
    static void add(QuotaAmount& amount, std::uint64_t more, std::uint64_t end_of_grace) noexcept {
        amount.used += more;
        if (amount.soft != 0 && amount.used > amount.soft && amount.expires == 0) {
            amount.expires = end_of_grace;
        }
    }
    static void subtract(QuotaAmount& amount, std::uint64_t less) noexcept {
        KIDNEY_INVARIANT(less <= amount.used, "quota: refunded more than was charged");
        amount.used -= less;
        if (amount.used <= amount.soft) {
            amount.expires = 0;
        }
    }
    void change_part(QuotaAmount& amount, const QuotaChange::Part& change,
                     std::uint64_t grace) noexcept REQUIRES(lock_) {
        amount.hard = change.hard.value_or(amount.hard);
        amount.soft = change.soft.value_or(amount.soft);
        if (amount.soft == 0 || amount.used <= amount.soft) {
            amount.expires = 0;
        } else {
            const std::uint64_t begin = amount.expires == 0 ? latest_ + grace : amount.expires;
            amount.expires = change.expires.value_or(begin);
        }
    }
    void take_back(QuotaKind kind, std::uint32_t id, QuotaUse use) noexcept REQUIRES(lock_) {
        if (keeps(kind)) {
            const auto found = book(kind).entries.find(id);
            KIDNEY_INVARIANT(found != book(kind).entries.end(), "quota: never charged");
            subtract(found->amounts.bytes, use.bytes);
            subtract(found->amounts.nodes, use.nodes);
        }
    }
    [[nodiscard]] Status transfer(const QuotaOwner* from, QuotaOwner to, QuotaUse use,
                                  std::uint64_t now) noexcept EXCLUDES(lock_) {
        if (!keeps_any()) {
            return {};
        }
        const bool is_exempt = settings_.may_exceed != nullptr && settings_.may_exceed();
        LockGuard guard(lock_);
        latest_ = std::max(latest_, now);
        std::array<Entry*, kinds.size()> charged{};  // null: nothing is
        for (std::size_t n = 0; n < kinds.size(); ++n) {
            const std::uint32_t id = id_of(to, kinds[n]);
            if (!keeps(kinds[n]) || (from != nullptr && id_of(*from, kinds[n]) == id)) {
                continue;
            }
            charged[n] = TRY(find_or_make(kinds[n], id));
            const QuotaEntry& its = charged[n]->amounts;
            if (!is_exempt && book(kinds[n]).is_enforced &&
                !(has_room(its.bytes, use.bytes, now) && has_room(its.nodes, use.nodes, now))) {
                return fail(Errc::quota_exceeded);
            }
        }
        for (std::size_t n = 0; n < kinds.size(); ++n) {
            if (charged[n] == nullptr) {
                continue;
            }
            const QuotaGraces& graces = book(kinds[n]).graces;
            add(charged[n]->amounts.bytes, use.bytes, now + graces.bytes);
            add(charged[n]->amounts.nodes, use.nodes, now + graces.nodes);
            if (from != nullptr) {
                take_back(kinds[n], id_of(*from, kinds[n]), use);
            }
        }
        return {};
    }

    Heap& heap_;
    const QuotaSettings settings_;
    mutable Lock lock_;
    std::array<Book, kinds.size()> books_ GUARDED_BY(lock_);
    std::uint64_t latest_ GUARDED_BY(lock_) = 0;  ///< when something was charged last
};

}  // namespace kidney::fs
