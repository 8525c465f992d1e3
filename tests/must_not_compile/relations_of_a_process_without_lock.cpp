// A process's group is changed by others: whoever looks at it or writes it holds process_lock.
// EXPECT: writing variable 'group' requires holding
#include "tests/support/proc_world.hpp"

void move(kidney::test::TestProcess<kidney::test::OnSim>& p) {
    p.group = kidney::proc::Pid(2);
}
