// Credentials lead into the identity that they are of, a PathContext into places: both need it in a
// variable as long as they are used.
// EXPECT: temporary whose address is used as value of local variable 'who'
// EXPECT: temporary whose address is used as value of local variable 'from'
#include "proc/standpoint.hpp"
#include "tests/support/proc_world.hpp"

using Process = kidney::test::TestProcess<kidney::test::OnSim>;

bool is_root(const Process& p) {
    const kidney::fs::Credentials who = p.who()->effective();
    return who.is_root();
}
bool starts_somewhere(const Process& p) {
    const kidney::fs::PathContext from = kidney::proc::Standpoint(p);
    return static_cast<bool>(from.start);
}
