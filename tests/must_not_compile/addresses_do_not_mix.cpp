/// Physical and virtual addresses are different types; neither is a number.
#include "kidney/core/address.hpp"

using namespace kidney;

// EXPECT: no viable conversion from 'Address<struct PhysTag>' to 'Address<struct VirtTag>'
VirtAddr confused = PhysAddr(0x1000);

// EXPECT: no viable conversion from 'int' to 'PhysAddr'
PhysAddr number = 0x1000;
