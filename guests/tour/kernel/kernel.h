// What the kernel's files know of one another, file by file.
#pragma once

#include "console.h"
#include "libc.h"
#include "tour.h"
#include "types.h"

// ---- entry.S ----

// What entry.S keeps of an interrupted program; the offsets are there, too. `home` is where a
// callee may spill its arguments.
struct frame {
    uint32_t home[4];
    uint32_t r[32];
    uint32_t hi, lo, epc, status, cause, badvaddr;
    uint32_t pad[2];
};
enum { R_V0 = 2, R_A0 = 4, R_A1 = 5, R_A2 = 6, R_SP = 29 };

extern uint32_t refills;               // times that the refill handler ran
extern uintptr_t kernel_stack;         // where an exception from user mode puts its frame

void exception_return(void);           // sp points at a frame; leaves the kernel through it
void switch_stacks(uintptr_t *save_sp, uintptr_t load_sp);

// ---- vm.c: frames of memory, page tables ----

typedef uint32_t pte;

enum { PAGE = 4096, SPACES = 8 };
enum map_flags { MAP_READ = 0, MAP_WRITE = 1 };

void vm_init(uint32_t memory);
unsigned vm_free_frames(void);
void *frame_alloc(uintptr_t va);       // a zeroed frame, NULL when there is none
void frame_release(void *frame);
bool vm_map(unsigned space, uintptr_t va, void *frame, enum map_flags flags);
bool vm_clone(unsigned from, unsigned to);
void vm_clear(unsigned space);
bool vm_present(unsigned space, uintptr_t va);
bool vm_make_writable(unsigned space, uintptr_t va, bool *copied);
void sync_code(void *from, size_t n);

// ---- tlb.c: the TLB, ASIDs ----

struct asid { uint32_t generation, number; };

extern uint32_t asid_rounds;           // times that the ASIDs were dealt again

void tlb_init(void);
void tlb_wire(unsigned entry, uintptr_t va, void *frame);
void tlb_forget(uintptr_t va);
unsigned tlb_entries(void);
void asid_use(struct asid *asid, unsigned space);

// ---- proc.c: processes ----

enum state { FREE, RUNNABLE, WAITING, SLEEPING, ZOMBIE };

struct open_file { struct file *file; uint32_t offset; };

struct process {
    uint32_t pid, parent;
    enum state state;
    unsigned space;                    // its slot: page directory, kernel stack
    struct asid asid;
    uintptr_t sp;                      // kernel stack pointer while it does not run
    uintptr_t heap_start, heap_end;
    uint32_t wake_tick;                // when SLEEPING
    int32_t status;                    // when ZOMBIE
    uint32_t preempted, copied, filled;
    struct open_file files[OPEN_MAX];
    char name[NAME_MAX];
};

extern struct process processes[SPACES];   // slot 0 is the idle loop
extern struct process *current;
extern uint32_t processes_made, processes_killed;
extern uint32_t user_status;           // what every process gets in Status besides user mode

void proc_init(const char *program);
uintptr_t stack_of(const struct process *p);   // the top of its kernel stack
int32_t proc_spawn(const struct frame *frame);
int32_t proc_exec(struct frame *frame, const char *path, uint32_t argument);
int32_t proc_wait(int32_t *status);
int32_t proc_sbrk(int32_t bytes);
void proc_exit(int32_t status) __attribute__((noreturn));
void proc_kill(const char *why, uintptr_t va) __attribute__((noreturn));
bool proc_page_fault(uintptr_t va, bool modified);

// ---- sched.c ----

void sched_init(void);
void reschedule(void);                 // gives the CPU to the next; returns when it is our turn
void preempt(void);                    // the same against our will
void sleep(uint32_t how_many_ticks);
void wake_sleepers(void);
uint32_t runnable(void);               // how many processes could run, the current one included
void idle_loop(void);                  // returns when there is no process left

// ---- timer.c ----

extern uint32_t ticks, idle_ticks;

void timer_init(struct notice_board *board);
void timer_interrupt(bool from_user);

// ---- hyper.c: what the monitor below does for the tour, if there is one ----

#ifdef HYPERCALLS
void hyper_init(void);                 // after trap_init: finds out
bool hyper_stepped_over(struct frame *frame);  // whether that was a reserved instruction here
bool hyper_zeroed(void *frame);        // makes a frame zero; false when the caller has to
void hyper_release(void *frame);       // the frame is free: what it holds may be forgotten
void hyper_flush(void);                // sees to it that the monitor knows of all that are
bool hyper_sleep(uint32_t nanoseconds);        // false when nobody slept
void console_flush(void);              // what putc has kept goes out
bool timer_skip(uint32_t n);           // timer.c: idles through n ticks at once, if it can
#else
// The benchmarks' kernel does without: it is to do the same on every machine.
static inline bool hyper_stepped_over(struct frame *frame) { (void)frame; return false; }
static inline bool hyper_zeroed(void *frame) { (void)frame; return false; }
static inline void hyper_release(void *frame) { (void)frame; }
static inline void hyper_flush(void) { }
static inline void console_flush(void) { }
static inline bool timer_skip(uint32_t n) { (void)n; return false; }
#endif

// ---- syscall.c, trap.c ----

void system_call(struct frame *frame);
void trap_init(void);                  // puts the vectors in place
void exception(struct frame *frame);
void panic(const char *why) __attribute__((noreturn));

// ---- fs.c ----

struct file;

void fs_init(void);
struct file *fs_open(const char *path, bool create);
uint32_t fs_read(struct file *file, uint32_t offset, void *to, uint32_t n);
uint32_t fs_write(struct file *file, uint32_t offset, const void *from, uint32_t n);
unsigned fs_count(void);
