// A subject: the policy is included last, so that nothing it defines changes what is above.
#include "tests/judge/subject.hpp"

#include "tests/support/std_cpu.hpp"

#include KIDNEY_SUBJECT_HEADER

int main() {
    return kidney::judge::run_subject<
        kidney::mm::FramesOf<kidney::KIDNEY_SUBJECT_TYPE, kidney::test::StdCpu>>();
}
