/// The load balancer of a run, by its name: one type for all of them, so that policies need not be
/// compiled with each.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/core/type_list.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "policies/load_balancer.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace kidney::lab {

template <class List>
struct VariantOf;
template <class... Bs>
struct VariantOf<TypeList<Bs...>> {
    using Type = std::variant<Bs...>;
};

class LabBalancer {
public:
    static constexpr const char* name = "lab";
    /// Of those made next.
    static inline std::string chosen;

    LabBalancer() {
        policies::load_balancer::All::for_each([&]<class B>() {
            if (chosen == B::name) {
                balancer_.emplace<B>();
            }
        });
    }
    [[nodiscard]] static bool is_known(std::string_view name_) {
        bool known = false;
        policies::load_balancer::All::for_each(
            [&]<class B>() { known = known || name_ == B::name; });
        return known;
    }

    [[nodiscard]] CpuId place(const sched::Arrival& arrival,
                              std::span<const sched::CpuLoad> loads) noexcept {
        return std::visit([&](auto& b) { return b.place(arrival, loads); }, balancer_);
    }
    [[nodiscard]] std::optional<sched::Pull> when_idle(
        CpuId self, std::span<const sched::CpuLoad> loads) noexcept {
        return std::visit([&](auto& b) { return b.when_idle(self, loads); }, balancer_);
    }
    [[nodiscard]] std::optional<sched::Pull> on_tick(CpuId self,
                                                     std::span<const sched::CpuLoad> loads,
                                                     Instant now) noexcept {
        return std::visit([&](auto& b) { return b.on_tick(self, loads, now); }, balancer_);
    }

private:
    VariantOf<policies::load_balancer::All>::Type balancer_;  ///< the first: the kernel's default
};
static_assert(sched::LoadBalancer<LabBalancer>);

}  // namespace kidney::lab
