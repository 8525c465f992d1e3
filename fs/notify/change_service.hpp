/// Who watches which nodes, and how it is told what happens to them: inotify(7).
/// docs/decisions/0047 has the design.
#pragma once

#include "fs/notify/change_file.hpp"
#include "fs/notify/found_name.hpp"
#include "fs/notify/watch.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/change_listener.hpp"
#include "kidney/mm/make.hpp"

#include <boost/intrusive/set.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// What a ChangeService stands on.
///   `Lock`, `Queue`: of all files and watches, and of those who wait for one of them. A mutex that
///   may be taken under any other: nodes and files end under some
///   `PollLock`: of a file's pollers, a spin lock
///   `Format::put(ReadBuffer&, ChangeRecord)`: what programs read; `size_of(name size)` bytes
///   `Payers` tells who pays for files and watches
template <class E>
concept ChangeEnvironment =
    mm::ObjectAllocator<typename E::Heap> && BasicLockable<typename E::Lock> &&
    BasicLockable<typename E::PollLock> &&
    requires(ReadBuffer& to, const ChangeRecord& record, std::size_t size) {
        { E::Format::put(to, record) } noexcept -> std::same_as<Status>;
        { E::Format::size_of(size) } noexcept -> std::same_as<std::size_t>;
        typename E::Queue;
        typename E::Payers;
    };

/// The first of a file, the others of a user.
struct ChangeLimits {
    std::uint32_t records = 16384;
    std::uint32_t files = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t watches = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t bytes = std::numeric_limits<std::uint32_t>::max();  ///< of records
};

/// What a program asks for that watches a node already.
enum class WatchAgain : std::uint8_t { replace, add, refuse };

template <ChangeEnvironment E>
class ChangeService final : public ChangeListener {
public:
    using HeapType = typename E::Heap;
    using QueueType = typename E::Queue;
    using PollLockType = typename E::PollLock;
    using Format = typename E::Format;
    using ThisFile = ChangeFile<ChangeService>;

    ChangeService(HeapType& heap, NameSource& names, const ChangeLimits& limits) noexcept
        : heap_(heap), names_(heap, names), limits_(limits) {}

    /// Errors: no_memory, too_many_files (of this kind, of the user).
    [[nodiscard]] Result<Ref<File>> create_file(bool non_blocking) noexcept {
        const Payer payer = this->payer();
        Share one, bytes;
        if (!one.take(payer, Holding::change_files, 1, limits_.files) ||
            !bytes.take(payer, Holding::change_bytes, 0, limits_.bytes)) {
            return fail(Errc::too_many_files);
        }
        Queued* const lost =
            TRY(Queued::create(heap_, {.watch = -1, .what = Change::lost, .cookie = 0}));
        auto file = mm::make_ref<ThisFile>(heap_, *this, *lost, std::move(one), std::move(bytes),
                                           non_blocking);
        if (!file) {
            Queued::destroy(heap_, lost);
            return fail(file.error());
        }
        return Ref<File>(*std::move(file));
    }
    /// The number of the watch, an old one's if the file has one for the node. Errors: no_memory,
    /// no_space (the user has too many), exists (`again` refuses).
    [[nodiscard]] Result<std::int32_t> watch(ThisFile& file, Vnode& node, const WatchRule& rule,
                                             WatchAgain again) noexcept EXCLUDES(lock) {
        Share share;
        const bool is_affordable = share.take(payer(), Holding::change_watches, 1, limits_.watches);
        auto fresh_node = TRY(mm::make_box<Watched>(heap_, node));
        void* unused = TRY(mm::allocate_for<ThisWatch>(heap_));
        const auto number = enter(file, fresh_node, rule, again, is_affordable, share, unused);
        if (unused != nullptr) {
            mm::free_for<ThisWatch>(heap_, unused);
        }
        // Only now: who takes the last name away looks for watches after that.
        if (const auto attributes = node.attributes();
            number && attributes && attributes->links == 0) {
            last_name_gone(node);
        }
        return number;
    }
    /// Error: invalid_argument (there is no such watch).
    [[nodiscard]] Status unwatch(ThisFile& file, std::int32_t number) noexcept EXCLUDES(lock) {
        KeptNode leaving;
        LockGuard guard(lock);
        ThisWatch* const watch = file.find(number);
        if (watch == nullptr) {
            return fail(Errc::invalid_argument);
        }
        file.push({.watch = number, .what = Change::forgotten, .cookie = 0});
        end(*watch, leaving);
        return {};
    }

    // Being told.

    void name_changed(Vnode& directory, std::string_view name, Change what,
                      std::uint32_t cookie) noexcept override EXCLUDES(lock) {
        tell(directory, what, name, cookie, false);
    }
    [[nodiscard]] std::uint32_t next_cookie() noexcept override {
        return cookies_.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    void node_changed(Vnode& node, Change what) noexcept override EXCLUDES(lock) {
        tell(node, of_kind(node, what), {}, 0, false);
    }
    void found_node_changed(const NamedNode& at, Change what) noexcept override EXCLUDES(lock) {
        if (what == Change::none) {
            return;
        }
        what = of_kind(at.node, what);
        if (at.directory != nullptr && !at.name.empty()) {
            tell(*at.directory, what, at.name, 0, false);
        } else if (const FoundName above = names_.in_parent(at.node); above.name) {
            tell(*above.directory, what, above.name->text(), 0, false);
        } else if (const FoundName known = names_.remembered(at.node); known.name) {
            tell(*known.directory, what, known.name->text(), 0, false);
        }
        tell(at.node, what, {}, 0, false);
    }
    void file_changed(File& file, Change what) noexcept override EXCLUDES(lock) {
        Vnode* const node = file.vnode();
        if (node == nullptr || file.is_path_only()) {
            return;
        }
        what = of_kind(*node, what);
        const FoundName place = place_of(file, *node);
        if (place.name) {
            tell(*place.directory, what, place.name->text(), 0, place.is_gone);
        }
        tell(*node, what, {}, 0, place.is_gone);
    }
    void last_name_gone(Vnode& node) noexcept override EXCLUDES(lock) {
        KeptNode leaving;
        LockGuard guard(lock);
        if (Watched* const watched = find(node)) {
            leaving = std::move(watched->kept);
        }
    }
    void node_gone(Vnode& node) noexcept override EXCLUDES(lock) {
        KeptNode none;
        LockGuard guard(lock);
        if (Watched* const watched = find(node)) {
            end_all(*watched, Change::self_removed, none);
        }
    }
    void file_system_gone(FileSystem& file_system) noexcept override EXCLUDES(lock) {
        const Vnode* after = nullptr;
        for (KeptNode leaving;; leaving.reset()) {
            LockGuard guard(lock);
            auto at = nodes_.upper_bound(after);
            while (at != nodes_.end() && &at->file_system != &file_system) {
                ++at;
            }
            if (at == nodes_.end()) {
                return;
            }
            after = &at->node;
            end_all(*at, Change::unmounted, leaving);
        }
    }
    void file_found(File& file, std::string_view name) noexcept override {
        // Nobody else knows the file.
        FoundName& found = file.found();
        if (is_listening() && !name.empty()) {
            found.name = names_.text(name);
        } else if (is_listening() && file.vnode() != nullptr) {
            found = names_.remembered(*file.vnode());
        }
        file.watch(*this, File::WatchFor::changes);
    }
    void file_gone(File& file) noexcept override EXCLUDES(lock) {
        if (is_listening()) {
            file_changed(file, file.is_writable() ? Change::closed_writable : Change::closed);
        }
    }

    // For what it makes.
    [[nodiscard]] HeapType& heap() noexcept { return heap_; }
    [[nodiscard]] const ChangeLimits& limits() const noexcept { return limits_; }
    void forget_file(ThisFile& file) noexcept EXCLUDES(lock) {
        for (KeptNode leaving;; leaving.reset()) {
            LockGuard guard(lock);
            ThisWatch* const watch = file.any_watch();
            if (watch == nullptr) {
                return;
            }
            end(*watch, leaving);
        }
    }

    typename E::Lock lock;  ///< of all

private:
    using ThisWatch = Watch<ChangeService>;
    using Watched = WatchedNode<ChangeService>;
    using Queued = QueuedChange<HeapType>;
    using Nodes = boost::intrusive::set<
        Watched,
        boost::intrusive::member_hook<Watched, decltype(Watched::in_service), &Watched::in_service>,
        boost::intrusive::key_of_value<typename Watched::KeyOf>,
        boost::intrusive::constant_time_size<false>>;

    /// Root stops at the limits as well.
    [[nodiscard]] static Payer payer() noexcept {
        Payer payer = typename E::Payers()();
        payer.is_privileged = false;
        return payer;
    }
    /// `what` of a directory says so, unless it is about the name of the node itself.
    [[nodiscard]] static Change of_kind(Vnode& node, Change what) noexcept {
        return what != Change::self_moved && node.type() == NodeType::directory
                   ? what | Change::directory
                   : what;
    }

    // --- Watches ---

    /// Takes of `fresh`, `share` and `memory` what it needs.
    [[nodiscard]] Result<std::int32_t> enter(ThisFile& file, mm::Box<Watched, HeapType>& fresh,
                                             const WatchRule& rule, WatchAgain again,
                                             bool is_affordable, Share& share,
                                             void*& memory) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        Watched* const known = find(fresh->node);
        if (known != nullptr) {
            for (ThisWatch& watch : known->watches) {
                if (&watch.file == &file) {
                    if (again == WatchAgain::refuse) {
                        return fail(Errc::exists);
                    }
                    const Change before =
                        again == WatchAgain::add ? watch.rule.wanted : Change::none;
                    watch.rule = {
                        before | rule.wanted,
                        rule.one_shot || (again == WatchAgain::add && watch.rule.one_shot),
                        rule.named_files_only ||
                            (again == WatchAgain::add && watch.rule.named_files_only)};
                    return watch.number;
                }
            }
        }
        if (!is_affordable) {
            return fail(Errc::no_space);
        }
        Watched& watched = known != nullptr ? *known : *fresh.release();
        auto* const watch = ::new (std::exchange(memory, nullptr))
            ThisWatch(watched, file, file.next_number(), rule, std::move(share));
        if (known == nullptr) {
            nodes_.insert(watched);
            watched.node.set_watcher(this);
        }
        watched.watches.push_back(*watch);
        file.enter(*watch);
        this->watches_.fetch_add(1, std::memory_order_relaxed);
        return watch->number;
    }
    /// Null: nobody watches it.
    [[nodiscard]] Watched* find(const Vnode& node) noexcept REQUIRES(lock) {
        const auto at = nodes_.find(&node);
        return at == nodes_.end() ? nullptr : &*at;
    }
    /// `leaving`: what the node was kept by, for the caller to let go of without the lock.
    void end(ThisWatch& watch, KeptNode& leaving) noexcept REQUIRES(lock) {
        Watched& watched = watch.node;
        watch.file.leave(watch);
        watched.watches.erase(Watched::Watches::s_iterator_to(watch));
        mm::destroy(heap_, &watch);
        this->watches_.fetch_sub(1, std::memory_order_relaxed);
        if (watched.watches.empty()) {
            nodes_.erase(Nodes::s_iterator_to(watched));
            watched.node.set_watcher(nullptr);
            leaving = std::move(watched.kept);
            mm::destroy(heap_, &watched);
        }
    }
    /// All watches of a node end, and tell why if that is wanted or cannot be helped.
    void end_all(Watched& watched, Change why, KeptNode& leaving) noexcept REQUIRES(lock) {
        for (bool is_last = false; !is_last;) {
            ThisWatch& watch = watched.watches.front();
            is_last = &watch == &watched.watches.back();
            if (why == Change::unmounted || (watch.rule.wanted & why) != Change::none) {
                watch.file.push({.watch = watch.number, .what = why, .cookie = 0});
            }
            watch.file.push({.watch = watch.number, .what = Change::forgotten, .cookie = 0});
            end(watch, leaving);
        }
    }
    /// Tells who watches `node` and wants to hear that.
    void tell(Vnode& node, Change what, std::string_view name, std::uint32_t cookie,
              bool is_gone) noexcept EXCLUDES(lock) {
        if (!node.is_watched()) {
            return;
        }
        KeptNode leaving;
        LockGuard guard(lock);
        Watched* const watched = find(node);
        if (watched == nullptr) {
            return;
        }
        for (auto at = watched->watches.begin(); at != watched->watches.end();) {
            ThisWatch& watch = *at;
            const bool is_last = ++at == watched->watches.end();
            const Change wanted = without(watch.rule.wanted & what, Change::directory);
            if (wanted != Change::none && !(is_gone && watch.rule.named_files_only)) {
                watch.file.push({watch.number, what, cookie, name});
                if (watch.rule.one_shot) {
                    watch.file.push(
                        {.watch = watch.number, .what = Change::forgotten, .cookie = 0});
                    end(watch, leaving);
                }
            }
            if (is_last) {
                return;  // which may have been the end of `watched`
            }
        }
    }

    // --- Names ---

    /// By which name the file is known to who watches the directory. Nothing, if nobody does.
    [[nodiscard]] FoundName place_of(File& file, Vnode& node) noexcept EXCLUDES(lock) {
        if (FoundName above = names_.in_parent(node); above.name) {
            return above;
        }
        FoundName found;
        {
            LockGuard guard(lock);
            found = file.found();
        }
        if (!found.directory) {
            return {};
        }
        if (const std::uint32_t lost_names = node.lost_names(); found.lost_names != lost_names) {
            names_.find_again(found, node);
            found.lost_names = lost_names;
            keep(file, found);
        }
        if (!found.directory->is_watched() || node.type() == NodeType::directory) {
            return {.is_gone = found.is_gone};
        }
        if (!found.name && !found.is_gone) {
            found.name = names_.in(*found.directory, node);
            keep(file, found);
        }
        return found;
    }
    void keep(File& file, FoundName found) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        std::swap(file.found(), found);
    }

    HeapType& heap_;
    FoundNames<HeapType> names_;
    const ChangeLimits limits_;
    Nodes nodes_ GUARDED_BY(lock);
    std::atomic<std::uint32_t> cookies_ = 0;
};

}  // namespace kidney::fs
