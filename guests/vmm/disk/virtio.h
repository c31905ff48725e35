// A virtio disk in PCI slot 18, by its legacy registers or by those of version 1.
#pragma once

#include "vmm.h"

enum { SECTOR = 512, READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { INTERRUPT = 10 };                            // of slot 18, pin INTA

// Whether there is one; then it gets its addresses.
bool disk_find(void);

// Resets the disk and sets it up. From then on rings and requests are in that interface's order.
void disk_start(bool modern);

// The first word of the disk's size in sectors.
uint32_t disk_sectors(void);

// Puts request `slot` together, of `length` bytes at `data`, and hands it out.
void disk_request(uint32_t slot, uint32_t kind, uint32_t sector, volatile void *data, uint32_t length);

// Tells the disk of what was handed out.
void disk_notify(void);

// Ends the disk's interrupt. Returns how many requests were given back since the last call.
uint32_t disk_acknowledge(void);

// What came of a request.
uint32_t disk_status(uint32_t slot);

// The range that DISCARD and WRITE_ZEROES take: 16 bytes.
void disk_range(volatile void *at, uint32_t sector, uint32_t sectors);
