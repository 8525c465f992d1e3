#include "kernel/selftest/self_test.hpp"

#include "kernel/boot/machine.hpp"
#include "kernel/decision_trace.hpp"
#include "kernel/panic.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

struct Tally {
    std::uint32_t passed = 0;
    std::uint32_t failed = 0;
};

void run(const SelfTest& test, Tally& tally) noexcept {
    laws::Report report;
    test.run(report);
    // A test that checked nothing has not passed.
    if (report.passed() && report.checks() != 0) {
        ++tally.passed;
        log::info<"selftest">("passed {} ({} checks)", test.name, report.checks());
        return;
    }
    ++tally.failed;
    log::error<"selftest">("FAILED {} ({} of {} checks)", test.name, report.failed(),
                           report.checks());
    for (const laws::Failure& f : report.failures()) {
        log::error<"selftest">("  {}: {} at {}:{}", f.law, f.expression, f.file, f.line);
    }
    if (!report.explanation().empty()) {
        log::error<"selftest">("  {}", report.explanation());
    }
}

}  // namespace

void run_self_tests() noexcept {
    Tally tally;
    for (const auto group : {machine_self_tests(), policy_self_tests(), memory_self_tests(),
                             file_self_tests(), thread_self_tests()}) {
        for (const SelfTest& test : group) {
            run(test, tally);
        }
    }
    write_decision_trace();
    log::info<"selftest">("{} passed, {} failed", tally.passed, tally.failed);
    exit_emulator(tally.failed == 0 ? exit_self_test_passed : exit_self_test_failed);
    power_off();  // a machine without that port; the log has told
}

}  // namespace kidney::kernel
