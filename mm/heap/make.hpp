/// The heap's object makers are part of the contract: file systems and drivers use them too.
#pragma once

#include "kidney/mm/make.hpp"
