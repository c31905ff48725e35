// The stages of the escape. Each comes back with the guest in control.
#pragma once

#include "attempt.h"

extern uint32_t seed_state;
static inline uint32_t any(void) { return next_random(&seed_state); }

void sweep_kseg1(void);                            // every physical address range
void sweep_tlb(void);                              // the same and more through the TLB
void wild_tlb(void);                               // entries that no kernel writes
void boundaries(void);                             // the ends of segments and of memory
void jumps(void);                                  // to where there is no code
void words(void);                                  // every kind of instruction word
void hypercalls(void);
void cache_operations(void);
void privileged_registers(void);
void page_ends(void);                              // code that changes where pages end
void poke_devices(void);
void move_windows(void);                           // of the GT-64120
void dma(void);
