/// A policy that says what it goes by: for people who ask why somebody was chosen.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"

namespace kidney::sched {

/// explain(text, entity, now) writes a few words: what the place of an entity, queued or just
/// picked, among the others comes from, as in "eligible, deadline in 1500 us". It changes nothing.
/// Without: those who show a schedule say how long somebody has waited. Never called by the
/// kernel's dispatcher.
template <class P>
concept Explains =
    SchedulerPolicy<P> && requires(const P& p, TextBuffer<96>& text, const Entity& entity,
                                   Instant now) { p.explain(text, entity, now); };

}  // namespace kidney::sched
