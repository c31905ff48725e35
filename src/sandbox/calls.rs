//! Seccomp: which system calls a thread can make, by its duty.
//!
//! Each duty is a list of groups; a call is allowed always, or only with certain arguments. Nothing
//! starts a program, changes the user or traces another process, and one duty alone reaches the
//! network.

use std::collections::BTreeMap;

use nix::libc;
use rustix::process::getpid;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// What a thread is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// It runs guests, and opens and writes what they need.
    Run,
    /// It translates guest code, and appends it to the file of the code cache, which is open.
    Translate,
    /// It moves the bytes of a console between descriptors.
    Serve,
    /// It serves a debugger, and looks at guest memory for it, which may be swapped.
    Debug,
    /// It serves the files of a folder.
    Files,
    /// It is the way between a guest's network and the host's.
    Network,
    /// It reads frames from a tap device, which is open.
    Tap,
}

/// When a call is allowed.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// The argument of this number is this.
    Equal(u8, u64),
    /// Of these bits of the argument of this number, exactly these are set.
    Bits(u8, u64, u64),
    /// The argument of this number is the number of this process.
    Own(u8),
}

type Group = &'static [(i64, &'static [When])];

const ALWAYS: &[When] = &[When::Always];
/// Memory that is not writable and executable at once.
const W_XOR_X: &[When] = &[
    When::Bits(2, libc::PROT_WRITE as u64, 0),
    When::Bits(2, libc::PROT_EXEC as u64, 0),
];
const OWN: &[When] = &[When::Own(0)];
const INTERNET: &[When] = &[
    When::Equal(0, libc::AF_INET as u64),
    When::Equal(0, libc::AF_INET6 as u64),
];
const LOCAL: &[When] = &[When::Equal(0, libc::AF_UNIX as u64)];

/// What every thread does: memory, locks, time, its end.
const THREAD: Group = &[
    (libc::SYS_mmap, W_XOR_X),
    (libc::SYS_mprotect, W_XOR_X),
    (libc::SYS_munmap, ALWAYS),
    (libc::SYS_mremap, ALWAYS),
    (libc::SYS_madvise, ALWAYS),
    (libc::SYS_brk, ALWAYS),
    (libc::SYS_futex, ALWAYS),
    (libc::SYS_sched_yield, ALWAYS),
    (libc::SYS_sched_getaffinity, ALWAYS),
    (libc::SYS_gettid, ALWAYS),
    (libc::SYS_getpid, ALWAYS),
    (libc::SYS_rseq, ALWAYS),
    (libc::SYS_set_robust_list, ALWAYS),
    (libc::SYS_exit, ALWAYS),
    (libc::SYS_exit_group, ALWAYS),
    (libc::SYS_clock_gettime, ALWAYS),
    (libc::SYS_clock_getres, ALWAYS),
    (libc::SYS_clock_nanosleep, ALWAYS),
    (libc::SYS_nanosleep, ALWAYS),
    (libc::SYS_gettimeofday, ALWAYS),
    (libc::SYS_getrandom, ALWAYS),
    (libc::SYS_sigaltstack, ALWAYS),
    (libc::SYS_rt_sigaction, ALWAYS),
    (libc::SYS_rt_sigprocmask, ALWAYS),
    (libc::SYS_rt_sigreturn, ALWAYS),
    (libc::SYS_restart_syscall, ALWAYS),
    (libc::SYS_tgkill, OWN),
    (libc::SYS_kill, OWN),
    (
        libc::SYS_prctl,
        &[
            When::Equal(0, libc::PR_SET_NAME as u64),
            When::Equal(0, libc::PR_SET_NO_NEW_PRIVS as u64),
            When::Equal(0, libc::PR_SET_SECCOMP as u64),
        ],
    ),
    (libc::SYS_seccomp, ALWAYS),
    // Messages, and the wake-up of another thread.
    (libc::SYS_write, ALWAYS),
    (libc::SYS_writev, ALWAYS),
    (libc::SYS_close, ALWAYS),
];

/// The file of the code cache.
const APPEND: Group = &[
    (libc::SYS_flock, ALWAYS),
    (libc::SYS_statx, ALWAYS),
    (libc::SYS_fstat, ALWAYS),
    (libc::SYS_lseek, ALWAYS),
    (libc::SYS_pread64, ALWAYS),
    (libc::SYS_pwrite64, ALWAYS),
];

/// Descriptors that are there, and those of clients that connect.
const SERVE: Group = &[
    (libc::SYS_read, ALWAYS),
    (libc::SYS_readv, ALWAYS),
    (libc::SYS_poll, ALWAYS),
    (libc::SYS_ppoll, ALWAYS),
    (libc::SYS_epoll_create1, ALWAYS),
    (libc::SYS_epoll_ctl, ALWAYS),
    (libc::SYS_epoll_wait, ALWAYS),
    (libc::SYS_epoll_pwait, ALWAYS),
    (libc::SYS_eventfd2, ALWAYS),
    (libc::SYS_fcntl, ALWAYS),
    (libc::SYS_ioctl, ALWAYS),
    (libc::SYS_dup, ALWAYS),
    (libc::SYS_fstat, ALWAYS),
    (libc::SYS_statx, ALWAYS),
    (libc::SYS_accept4, ALWAYS),
    (libc::SYS_getsockname, ALWAYS),
    (libc::SYS_getsockopt, ALWAYS),
    (libc::SYS_setsockopt, ALWAYS),
    (libc::SYS_recvfrom, ALWAYS),
    (libc::SYS_recvmsg, ALWAYS),
    (libc::SYS_sendto, ALWAYS),
    (libc::SYS_sendmsg, ALWAYS),
    (libc::SYS_shutdown, ALWAYS),
    // The socket's file, at the end.
    (libc::SYS_unlink, ALWAYS),
    // A thread for a client: no new process.
    (
        libc::SYS_clone,
        &[When::Bits(
            0,
            libc::CLONE_THREAD as u64,
            libc::CLONE_THREAD as u64,
        )],
    ),
];

/// The swap file.
const SWAP: Group = &[(libc::SYS_pread64, ALWAYS), (libc::SYS_pwrite64, ALWAYS)];
/// Sockets of the Internet protocols, and those that came in.
const NETWORK: Group = &[
    (libc::SYS_socket, INTERNET),
    (libc::SYS_connect, ALWAYS),
    // Again, at a port that it was given, when a machine starts that had ended.
    (libc::SYS_listen, ALWAYS),
    (libc::SYS_accept4, ALWAYS),
    (libc::SYS_read, ALWAYS),
    (libc::SYS_recvfrom, ALWAYS),
    (libc::SYS_sendto, ALWAYS),
    (libc::SYS_shutdown, ALWAYS),
    (libc::SYS_poll, ALWAYS),
    (libc::SYS_ppoll, ALWAYS),
    (libc::SYS_fcntl, ALWAYS),
    (libc::SYS_ioctl, &[When::Equal(1, libc::FIONBIO)]),
    (libc::SYS_getpeername, ALWAYS),
    (libc::SYS_getsockname, ALWAYS),
    (libc::SYS_getsockopt, ALWAYS),
    (libc::SYS_setsockopt, ALWAYS),
];

/// A descriptor that is open.
const TAP: Group = &[
    (libc::SYS_read, ALWAYS),
    (libc::SYS_poll, ALWAYS),
    (libc::SYS_ppoll, ALWAYS),
];

/// The files of a folder, by names in it.
const FILES: Group = &[
    (libc::SYS_openat, ALWAYS),
    (libc::SYS_newfstatat, ALWAYS),
    (libc::SYS_fstatfs, ALWAYS),
    (libc::SYS_getdents64, ALWAYS),
    (libc::SYS_readlinkat, ALWAYS),
    (libc::SYS_mkdirat, ALWAYS),
    (libc::SYS_unlinkat, ALWAYS),
    (libc::SYS_renameat, ALWAYS),
    (libc::SYS_renameat2, ALWAYS),
    (libc::SYS_linkat, ALWAYS),
    (libc::SYS_fchmodat, ALWAYS),
    (libc::SYS_fchownat, ALWAYS),
    (libc::SYS_utimensat, ALWAYS),
    (libc::SYS_ftruncate, ALWAYS),
    (libc::SYS_fsync, ALWAYS),
    (libc::SYS_fdatasync, ALWAYS),
    (libc::SYS_fcntl, ALWAYS),
];

/// Files by name, where Landlock lets them be, and what running guests needs beside.
const RUN: Group = &[
    (libc::SYS_open, ALWAYS),
    (libc::SYS_openat, ALWAYS),
    (libc::SYS_preadv, ALWAYS),
    (libc::SYS_preadv2, ALWAYS),
    (libc::SYS_pwritev, ALWAYS),
    (libc::SYS_pwritev2, ALWAYS),
    (libc::SYS_stat, ALWAYS),
    (libc::SYS_lstat, ALWAYS),
    (libc::SYS_newfstatat, ALWAYS),
    (libc::SYS_access, ALWAYS),
    (libc::SYS_faccessat, ALWAYS),
    (libc::SYS_faccessat2, ALWAYS),
    (libc::SYS_readlink, ALWAYS),
    (libc::SYS_readlinkat, ALWAYS),
    (libc::SYS_getdents64, ALWAYS),
    (libc::SYS_getcwd, ALWAYS),
    (libc::SYS_mkdir, ALWAYS),
    (libc::SYS_mkdirat, ALWAYS),
    (libc::SYS_unlinkat, ALWAYS),
    (libc::SYS_rename, ALWAYS),
    (libc::SYS_renameat, ALWAYS),
    (libc::SYS_renameat2, ALWAYS),
    (libc::SYS_link, ALWAYS),
    (libc::SYS_linkat, ALWAYS),
    (libc::SYS_chmod, ALWAYS),
    (libc::SYS_fchmod, ALWAYS),
    (libc::SYS_fchmodat, ALWAYS),
    (libc::SYS_umask, ALWAYS),
    (libc::SYS_utimensat, ALWAYS),
    (libc::SYS_fsync, ALWAYS),
    (libc::SYS_fdatasync, ALWAYS),
    (libc::SYS_ftruncate, ALWAYS),
    (libc::SYS_fallocate, ALWAYS),
    (libc::SYS_copy_file_range, ALWAYS),
    (libc::SYS_memfd_create, ALWAYS),
    (libc::SYS_mincore, ALWAYS),
    (libc::SYS_pipe2, ALWAYS),
    (libc::SYS_dup2, ALWAYS),
    (libc::SYS_dup3, ALWAYS),
    (libc::SYS_socket, LOCAL),
    (libc::SYS_socketpair, LOCAL),
    (libc::SYS_bind, ALWAYS),
    (libc::SYS_listen, ALWAYS),
    (libc::SYS_getuid, ALWAYS),
    (libc::SYS_geteuid, ALWAYS),
    (libc::SYS_getgid, ALWAYS),
    (libc::SYS_getegid, ALWAYS),
    (libc::SYS_getrusage, ALWAYS),
    (libc::SYS_getrlimit, ALWAYS),
    (libc::SYS_setrlimit, ALWAYS),
    (libc::SYS_prlimit64, &[When::Equal(0, 0), When::Own(0)]),
    (libc::SYS_sysinfo, ALWAYS),
    (libc::SYS_uname, ALWAYS),
    (libc::SYS_membarrier, ALWAYS),
];

impl Duty {
    fn groups(self) -> &'static [Group] {
        match self {
            Self::Run => &[THREAD, APPEND, SERVE, RUN],
            Self::Translate => &[THREAD, APPEND],
            Self::Serve => &[THREAD, SERVE],
            Self::Debug => &[THREAD, SERVE, SWAP],
            Self::Files => &[THREAD, APPEND, FILES],
            Self::Network => &[THREAD, NETWORK],
            Self::Tap => &[THREAD, TAP],
        }
    }

    /// The program that lets the calls of this duty pass.
    fn program(self) -> Result<BpfProgram, Error> {
        let mut rules = BTreeMap::new();
        for (call, when) in self.groups().iter().copied().flatten() {
            rules.insert(*call, conditions(when)?);
        }
        let denied = SeccompAction::Errno(libc::EPERM as u32);
        filter(rules, denied, SeccompAction::Allow)
    }
}

/// The conditions of which one has to hold; none for a call that is always allowed.
fn conditions(when: &[When]) -> Result<Vec<SeccompRule>, Error> {
    let pid = getpid().as_raw_nonzero().get() as u64;
    let conditions = when.iter().filter_map(|when| match *when {
        When::Always => None,
        When::Equal(argument, value) => Some((argument, Is::Eq, value)),
        When::Own(argument) => Some((argument, Is::Eq, pid)),
        When::Bits(argument, mask, value) => Some((argument, Is::MaskedEq(mask), value)),
    });
    let rules = conditions.map(|(argument, is, value)| {
        let condition = SeccompCondition::new(argument, Length::Dword, is, value)?;
        SeccompRule::new(vec![condition])
    });
    Ok(rules.collect::<Result<_, _>>()?)
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, others, these, arch)?.try_into()?)
}

/// Leaves this thread, and those that it starts, the calls of a duty, of those that it has.
pub(super) fn confine(duty: Duty) -> Result<(), Error> {
    seccompiler::apply_filter(&duty.program()?)?;
    // The flags of clone3 are in memory, where no filter sees them. The C library takes the older
    // call when this one is not there. The filter that was added last says how a call fails.
    let newer = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    seccompiler::apply_filter(&filter(newer, SeccompAction::Allow, missing)?)
}
