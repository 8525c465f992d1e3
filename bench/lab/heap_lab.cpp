/// One run of the laboratory: a heap policy, a workload, a seed. Prints what happened as JSON, the
/// same on every machine. `./kidney lab heap` runs it many times and makes the tables and pictures.
#include "bench/lab/command.hpp"
#include "bench/lab/heap_subject.hpp"
#include "bench/lab/heap_workloads.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/type_list.hpp"
#include "mm/heap/debug_heap.hpp"
#include "mm/heap/slab_heap.hpp"
#include "policies/heap.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::lab {
namespace {

/// What debug kernels run: the price of red zones and quarantine.
struct DebugSlab {
    static constexpr const char* name = "debug_slab";
    struct Reports {
        static void misuse(const mm::HeapMisuse&) noexcept {
            KIDNEY_INVARIANT(false, "heap: misused by the workload");
        }
    };
    template <mm::HeapEnvironment E>
    using Heap = mm::DebugHeap<mm::SlabHeap<E>, Reports, typename E::Cpu, typename E::Pin>;
};

template <class List, class... More>
struct Append;
template <class... Ts, class... More>
struct Append<TypeList<Ts...>, More...> {
    using Type = TypeList<Ts..., More...>;
};
using Policies = Append<policies::heap::All, DebugSlab>::Type;
using Workloads = TypeList<Fill<128>, Fill<2048>, Churn, Tides, Shift, Server, KernelMix, OneSize>;

std::unique_ptr<AnyHeap> held(std::string_view policy, HeldFrames& frames) {
    std::unique_ptr<AnyHeap> heap;
    Policies::for_each([&]<class P>() {
        if (policy == P::name) {
            heap = std::make_unique<HoldingHeap<P>>(frames);
        }
    });
    return heap;
}

void print_counts(const char* name, const HeapPicture& p) {
    std::printf(",\n \"%s\": {\"calls\": %llu, \"asked\": %llu, \"granted\": %llu, \"held\": %u}",
                name, static_cast<unsigned long long>(p.calls),
                static_cast<unsigned long long>(p.asked),
                static_cast<unsigned long long>(p.granted), p.held);
}

void print_pictures(const HeapSubject& subject) {
    std::printf(",\n \"pictures\": [");
    const char* separator = "\n";
    for (const HeapPicture& p : subject.album().pictures()) {
        std::printf(
            "%s  {\"calls\": %llu, \"asked\": %llu, \"granted\": %llu, \"held\": %u, "
            "\"regions\": \"%s\"}",
            separator, static_cast<unsigned long long>(p.calls),
            static_cast<unsigned long long>(p.asked), static_cast<unsigned long long>(p.granted),
            p.held, p.regions.c_str());
        separator = ",\n";
    }
    std::printf("]");
}

void print_costs(const std::vector<SizeCost>& costs) {
    std::printf(",\n \"costs\": [");
    const char* separator = "";
    for (const SizeCost& cost : costs) {
        std::printf("%s[%u,%zu,%zu]", separator, cost.bytes, cost.objects, cost.held);
        separator = ",";
    }
    std::printf("]");
}

/// False if there is no such policy or workload.
bool run(std::string_view policy, std::string_view workload, std::uint32_t seed,
         std::uint32_t memory_mib) {
    HeldFrames frames(memory_mib * 256);
    auto heap = held(policy, frames);
    if (heap == nullptr) {
        return false;
    }
    HeapSubject subject(std::move(heap), frames);
    Objects objects;
    std::vector<SizeCost> costs;
    bool is_known = false;
    Workloads::for_each([&]<class W>() {
        if (workload != W::name) {
            return;
        }
        is_known = true;
        if constexpr (requires { W::costs(subject); }) {
            costs = W::costs(subject);
        } else {
            laws::Random random(seed);
            W::run(subject, random, objects);
        }
    });
    if (!is_known) {
        return false;
    }
    subject.finish();
    std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u,\n", policy.data(),
                workload.data(), seed);
    std::printf(
        " \"frames\": %u, \"region_frames\": %u, \"calls\": %llu, \"asked\": %llu, "
        "\"refused\": %llu",
        frames.frames(), frames.frames() / HeapSubject::regions,
        static_cast<unsigned long long>(subject.album().calls()),
        static_cast<unsigned long long>(subject.requests()),
        static_cast<unsigned long long>(subject.refused()));
    print_counts("peak", subject.peak());
    print_pictures(subject);
    print_costs(costs);
    // All is freed; what does the heap keep, and what after it was asked to give that up?
    laws::Random random(seed);
    shrink_to(subject, random, objects, 0);
    const std::uint32_t kept = frames.held();
    subject.reclaim();
    std::printf(",\n \"kept\": %u, \"kept_after_reclaim\": %u}\n", kept, frames.held());
    return true;
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    if (count == 2 && std::strcmp(arguments[1], "--list") == 0) {
        std::printf("{");
        print_names<Policies>("policies", false);
        print_names<Workloads>("workloads", true);
        std::printf("}\n");
        return 0;
    }
    if (count == 5) {
        const auto seed = number(arguments[3], 1, ~std::uint32_t{0});
        const auto memory = number(arguments[4], 4, 1U << 14);
        if (seed && memory && run(arguments[1], arguments[2], *seed, *memory)) {
            return 0;
        }
    }
    std::fprintf(stderr, "usage: heap_lab POLICY WORKLOAD SEED MIB\n       heap_lab --list\n");
    return 2;
}
