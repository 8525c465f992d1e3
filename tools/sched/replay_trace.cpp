/// replay_trace LOG: repeats the scheduler traces of a kernel log on the same policies, on the
/// host, and demands the identical decisions. Exit status 0: all identical; 1: a difference; 2: the
/// log holds no trace.
#include "policies/scheduler.hpp"
#include "tests/support/trace_replay.hpp"

#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: replay_trace LOG\n";
        return 2;
    }
    std::ifstream log(argv[1]);
    const std::vector<kidney::test::RecordedTrace> traces = kidney::test::read_traces(log);
    if (traces.empty()) {
        std::cerr << argv[1] << ": no scheduler trace\n";
        return 2;
    }
    bool identical = true;
    for (const kidney::test::RecordedTrace& trace : traces) {
        const kidney::test::ReplayResult result =
            kidney::test::replay<kidney::policies::scheduler::All>(trace);
        std::cout << "cpu " << trace.setup.cpu.value() << ", " << trace.policy << ": "
                  << trace.records.size() << " records, " << result.decisions << " decisions, "
                  << (result.is_identical() ? "identical" : "DIFFERENT: " + result.difference)
                  << "\n";
        identical = identical && result.is_identical();
    }
    return identical ? 0 : 1;
}
