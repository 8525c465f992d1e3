/// One run of the laboratory: a frame policy, a workload, a seed. Prints what happened as JSON, the
/// same on every machine. `./kidney lab frames` runs it many times and makes the tables and
/// pictures.
#include "bench/lab/subject.hpp"
#include "bench/lab/workloads.hpp"
#include "bench/workloads/fragmentation.hpp"
#include "bench/workloads/ready.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/frame_allocator.hpp"
#include "tests/support/std_cpu.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

namespace kidney::lab {
namespace {

template <class Policy>
class Held final : public AnyFrames {
public:
    explicit Held(std::uint32_t frames) : policy_(frames) {}
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept override {
        return policy_.allocate(order);
    }
    void free(FrameNumber first, FrameOrder order) noexcept override { policy_.free(first, order); }

private:
    bench::Ready<Policy> policy_;
};

/// A protocol of the benchmarks as a workload of the laboratory.
template <class P>
struct Protocol {
    static constexpr const char* name = P::name;
    static void run(Subject& frames, laws::Random& random) {
        bench::Tenants<Subject> tenants(frames, {FrameNumber(0), frames.map().frames()});
        P::run(tenants, random, [](const auto&) {});
    }
};

using Policies = policies::frame_allocator::All;
using Workloads = TypeList<Protocol<bench::Breathe<40, 60>>, Protocol<bench::Breathe<75, 95>>,
                           Protocol<bench::Paper>, Protocol<bench::MixedOrders>, Machine, Queue>;

struct Plan {
    std::string_view policy;
    std::string_view workload;
    std::uint32_t seed = 1;
    std::uint32_t memory_mib = 64;
};

template <class List>
void print_names(const char* what, bool is_last) {
    std::printf("\"%s\": [", what);
    const char* separator = "";
    List::for_each([&]<class T>() {
        std::printf("%s\"%s\"", separator, T::name);
        separator = ", ";
    });
    std::printf(is_last ? "]" : "], ");
}

template <class Values>
void print_list(const char* name, const Values& values) {
    std::printf(",\n \"%s\": [", name);
    const char* separator = "";
    for (const auto value : values) {
        std::printf("%s%llu", separator, static_cast<unsigned long long>(value));
        separator = ",";
    }
    std::printf("]");
}

void print(const Plan& plan, std::size_t metadata_bytes, std::uint32_t region_frames,
           const Subject& subject, const ByOrder& granted) {
    std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u,\n", plan.policy.data(),
                plan.workload.data(), plan.seed);
    std::printf(" \"frames\": %u, \"region_frames\": %u, \"metadata_bytes\": %zu, \"calls\": %llu",
                subject.map().frames(), region_frames, metadata_bytes,
                static_cast<unsigned long long>(subject.calls()));
    print_list("asked", subject.requests().asked);
    print_list("refused_full", subject.requests().full);
    print_list("refused_scattered", subject.requests().scattered);
    print_list("refused_missed", subject.requests().missed);
    print_list("granted_at_end", granted);
    std::printf(",\n \"pictures\": [");
    const char* separator = "\n";
    for (const Picture& picture : subject.pictures()) {
        std::printf("%s  {\"calls\": %llu, \"free\": %u, \"regions\": \"%s\", \"whole\": [",
                    separator, static_cast<unsigned long long>(picture.calls), picture.free,
                    picture.regions.c_str());
        for (unsigned k = 0; k < orders; ++k) {
            std::printf(k == 0 ? "%u" : ",%u", picture.whole[k]);
        }
        std::printf("]}");
        separator = ",\n";
    }
    std::printf("]}\n");
}

/// False if there is no such policy or workload.
bool run(const Plan& plan) {
    const std::uint32_t frames = plan.memory_mib * 256;
    // 64 regions, and none smaller than a large page could tell apart.
    const std::uint32_t region_frames = frames / 64;
    std::unique_ptr<AnyFrames> policy;
    std::size_t metadata_bytes = 0;
    Policies::for_each([&]<class P>() {
        using Policy = mm::FramesOf<P, test::StdCpu>;
        if (plan.policy == P::name) {
            policy = std::make_unique<Held<Policy>>(frames);
            metadata_bytes = Policy::metadata_bytes({FrameNumber(0), frames});
        }
    });
    if (policy == nullptr) {
        return false;
    }
    Subject subject(std::move(policy), frames, region_frames);
    bool is_known = false;
    Workloads::for_each([&]<class W>() {
        if (plan.workload == W::name) {
            is_known = true;
            laws::Random random(plan.seed);
            W::run(subject, random);
        }
    });
    subject.finish();
    if (is_known) {
        print(plan, metadata_bytes, region_frames, subject, subject.granted_now());
    }
    return is_known;
}

std::optional<std::uint32_t> number(const char* text, std::uint32_t low, std::uint32_t high) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < low || value > high) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(value);
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
        if (seed && memory && run({arguments[1], arguments[2], *seed, *memory})) {
            return 0;
        }
    }
    std::fprintf(stderr, "usage: frames_lab POLICY WORKLOAD SEED MIB   (or --list)\n");
    return 2;
}
