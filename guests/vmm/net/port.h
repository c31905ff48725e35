// A virtio network port in PCI slot 19, by the registers of version 1.
#pragma once

#include "vmm.h"

enum { INTERRUPT = 10, LONGEST = 2048 };            // of slot 19, pin INTA

// Whether there is one; then it is set up, and has buffers for what comes in.
bool port_find(void);

// The byte of the port's address.
uint8_t port_mac(uint32_t at);

// Sends a frame, which is copied.
void port_send(const uint8_t *frame, uint32_t length);

// Ends the port's interrupt.
void port_acknowledge(void);

// The next frame that has come in, and its length in bytes; null if there is none. It stays until the
// next call.
const volatile uint8_t *port_receive(uint32_t *length);
