/// What a policy of the page cache costs: every policy of the slot, beside a list by hand.
///
///   use      a page that is here is used; all of them in turn
///   replace  a page that was never here comes, and another one goes for it
///   zipf     both: a cache of a quarter of all pages, which are asked for by Zipf's law
///
/// n is the number of pages that the cache holds.
#include "bench/lab/cache/cache_workloads.hpp"
#include "bench/workloads/count_instructions.hpp"
#include "kidney/fs/cache_replacement.hpp"
#include "policies/cache_replacement.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kidney::bench {
namespace {

/// Least recently used, in arrays by page number: what a list costs at the least.
class ListByHand {
public:
    static constexpr const char* name = "baseline_list";
    void enter(fs::CacheEntry& entry, fs::Arrival) noexcept { put(entry, ends_); }
    void use(fs::CacheEntry& entry) noexcept {
        take(entry);
        put(entry, ends_);
    }
    void leave(fs::CacheEntry& entry, fs::Departure) noexcept { take(entry); }
    [[nodiscard]] fs::CacheEntry* victim() noexcept {
        return ends_.next == &ends_ ? nullptr : ends_.next->entry;
    }

private:
    struct Link {
        Link* previous = nullptr;
        Link* next = nullptr;
        fs::CacheEntry* entry = nullptr;
    };
    [[nodiscard]] Link& link_of(const fs::CacheEntry& entry) noexcept {
        return links_[entry.name.page % links_.size()];
    }
    void put(fs::CacheEntry& entry, Link& before) noexcept {
        Link& link = link_of(entry);
        link = {before.previous, &before, &entry};
        before.previous->next = &link;
        before.previous = &link;
    }
    void take(fs::CacheEntry& entry) noexcept {
        const Link& link = link_of(entry);
        link.previous->next = link.next;
        link.next->previous = link.previous;
    }
    Link ends_{&ends_, &ends_, nullptr};
    std::vector<Link> links_ = std::vector<Link>(std::size_t{1} << 18);
};
static_assert(fs::CacheReplacement<ListByHand>);

/// A cache of n pages that a policy decides for; four times as many are asked for.
template <class Policy>
class Cache {
public:
    explicit Cache(std::size_t n)
        : size_(n),
          entries_(4 * n),
          is_here_(4 * n),
          memory_(fs::or_default::ghost_bytes<Policy>(n + 1) / 8 + 1) {
        if (const std::size_t bytes = fs::or_default::ghost_bytes<Policy>(n); bytes > 0) {
            fs::or_default::use_ghosts(policy_,
                                       std::as_writable_bytes(std::span(memory_)).first(bytes));
        }
        for (std::uint32_t page = 0; page < entries_.size(); ++page) {
            entries_[page].name = {1, page};
        }
        for (std::uint32_t page = 0; page < n; ++page) {
            policy_.enter(entries_[page], fs::Arrival::asked);
            is_here_[page] = true;
        }
    }
    void access(std::uint32_t page) noexcept {
        fs::CacheEntry& entry = entries_[page];
        if (is_here_[page] != 0) {
            policy_.use(entry);
            return;
        }
        fs::or_default::expect(policy_, entry.name);
        fs::CacheEntry& victim = *policy_.victim();
        policy_.leave(victim, fs::Departure::evicted);
        is_here_[victim.name.page] = 0;
        policy_.enter(entry, fs::Arrival::asked);
        is_here_[page] = 1;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    Policy policy_;
    std::size_t size_;
    std::vector<fs::CacheEntry> entries_;
    std::vector<std::uint8_t> is_here_;
    std::vector<std::uint64_t> memory_;
};

std::vector<std::uint32_t> pages_in_turn(std::size_t n) {
    std::vector<std::uint32_t> pages(n);
    std::iota(pages.begin(), pages.end(), 0U);
    return pages;
}
std::vector<std::uint32_t> pages_by_zipf(std::size_t n) {
    laws::Random random(5);
    const lab::Zipf zipf(static_cast<std::uint32_t>(4 * n));
    const auto places = lab::shuffled(static_cast<std::uint32_t>(4 * n), random);
    std::vector<std::uint32_t> pages(std::size_t{1} << 16);
    for (std::uint32_t& page : pages) {
        page = places[zipf.draw(random)];
    }
    return pages;
}

template <class Policy>
void measure(benchmark::State& state, std::vector<std::uint32_t> (*pages_of)(std::size_t),
             std::size_t share) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const std::vector<std::uint32_t> pages = pages_of(share * n);
    Cache<Policy> cache(n);
    std::size_t at = share == 4 ? n : 0;  // those that are not here first
    const auto round = [&] {
        cache.access(pages[at]);
        at = at + 1 == pages.size() ? 0 : at + 1;
    };
    for (std::size_t warm = 0; warm < 2 * pages.size(); ++warm) {
        round();
    }
    for (auto _ : state) {
        round();
        benchmark::ClobberMemory();
    }
    if (std::getenv("KIDNEY_BENCH_INSTRUCTIONS") != nullptr) {
        state.counters["instructions"] = instructions_per_call(round);
    }
}

template <class Policy>
void add() {
    const auto one = [](const char* what, auto pages, std::size_t share) {
        auto* const benchmark = benchmark::RegisterBenchmark(
            (std::string(what) + "/" + Policy::name).c_str(), &measure<Policy>, pages, share);
        benchmark->Arg(1000);
        if (std::getenv("KIDNEY_BENCH_SMALL") == nullptr) {
            benchmark->Arg(30'000);
        }
    };
    one("use", &pages_in_turn, 1);
    one("replace", &pages_in_turn, 4);
    one("zipf", &pages_by_zipf, 1);
}

/// Before main(), as BENCHMARK() does it, because the policies are a list of types.
const bool registered = [] {
    add<ListByHand>();
    policies::cache_replacement::All::for_each([]<class P>() { add<P>(); });
    return true;
}();

}  // namespace
}  // namespace kidney::bench
