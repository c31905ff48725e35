// Switching the board off, and resetting it.
#pragma once

__attribute__((noreturn)) void poweroff(void);
__attribute__((noreturn)) void reset(void);
