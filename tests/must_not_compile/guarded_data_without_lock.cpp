/// Shared data is touched only with its lock held.
#include "kidney/core/lock.hpp"

using namespace kidney;

// EXPECT: requires holding null lock 'lock_'
class Counter {
public:
    void increment() { ++value_; }

private:
    NullLock lock_;
    int value_ GUARDED_BY(lock_) = 0;
};
