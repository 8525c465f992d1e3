/// The waits of System V objects in tests.
#pragma once

#include "kidney/core/lock.hpp"
#include "tests/support/scripted_queue.hpp"

namespace kidney::ipc_test {

using ScriptedQueue = test::ScriptedQueue<NullLock>;

}  // namespace kidney::ipc_test
