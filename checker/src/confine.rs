//! In: the path of the compiler. Out: this process, become the compiler and able to do nothing but compute.
//! May touch: this process's own rights, and those only downwards.
//! Security boundary: yes, around a program that reads hostile text and that we did not write.
//!
//! What it needs are its two pipes, memory and threads; files come over the pipes. So: no file of the disk (Landlock), no
//! socket, no other program, no signal to others, no executable memory (seccomp), no memory, descriptor or CPU without end
//! (limits of the kernel), and an end when its parent ends.

use crate::limits::{COMPILER_CPU_S_MAX, COMPILER_DATA_BYTES_MAX};
use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use libc::c_long;
use rustix::process::{Resource, Rlimit, Signal};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Error, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;

/// What a Go program without network, files and children calls. Anything else fails with EPERM.
const ALLOWED: &[c_long] = &[
    // its pipes
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    // memory; `mmap` and `mprotect` are below
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mincore,
    // threads, clocks, signals to itself; `clone` and `tgkill` are below
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // to become the compiler; Landlock leaves no other program
    libc::SYS_execve,
];
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_arch_prctl, libc::SYS_epoll_wait, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

const DESCRIPTORS_MAX: u64 = 64;

/// Comes back only when it failed. To be called in a process that has one thread, and was made for this.
pub fn become_compiler(program: &Path, arguments: &[OsString], strict: bool) -> Error {
    match confine(program, strict) {
        Ok(()) => std::process::Command::new(program).args(arguments).exec(),
        Err(missing) => missing,
    }
}

/// What this thread, and what it becomes, gets from here on. A kernel that lacks a layer leaves the others, unless `strict`.
pub fn confine(program: &Path, strict: bool) -> Result<()> {
    // Survives what comes: the compiler ends with whoever started it, also in the middle of its work.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Each of them, whatever became of the one before.
    let layers = [limits(), landlock(program), seccomp()];
    match layers.into_iter().find_map(Result::err) {
        Some(missing) if strict => Err(missing),
        _ => Ok(()),
    }
}

fn limits() -> Result<()> {
    let bounds = [
        (Resource::Data, COMPILER_DATA_BYTES_MAX),
        (Resource::Cpu, COMPILER_CPU_S_MAX),
        (Resource::Nofile, DESCRIPTORS_MAX),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    for (resource, bound) in bounds {
        rustix::process::setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    Ok(())
}

/// Nothing of the disk but the program itself, no TCP, no signal and no abstract socket of others.
fn landlock(program: &Path) -> Result<()> {
    let status = ruleset(program).map_err(|error| Error::other(format!("Landlock: {error}")))?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(Error::other("this kernel has no Landlock")),
        _ => Ok(()),
    }
}

fn ruleset(program: &Path) -> std::result::Result<RestrictionStatus, RulesetError> {
    const NEWEST: ABI = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let ruleset = match PathFd::new(program) {
        Ok(file) => ruleset.add_rule(PathBeneath::new(file, AccessFs::Execute | AccessFs::ReadFile))?,
        Err(_) => ruleset,
    };
    ruleset.restrict_self()
}

fn seccomp() -> Result<()> {
    let program = filter().map_err(Error::other)?;
    seccompiler::apply_filter(&program).map_err(Error::other)
}

fn filter() -> std::result::Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
    let no_bit = |argument: u8, bits: libc::c_int| masked(argument, bits, 0);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, no_bit(2, libc::PROT_EXEC)?);
    }
    // Threads, and no process.
    rules.insert(libc::SYS_clone, masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?);
    rules.insert(libc::SYS_openat, no_bit(2, libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC)?);
    // The process keeps its number when it becomes the compiler.
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, std::process::id().into())?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refused, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn masked(argument: u8, bits: libc::c_int, value: libc::c_int) -> std::result::Result<Vec<SeccompRule>, BackendError> {
    let (bits, value) = (bits.unsigned_abs().into(), value.unsigned_abs().into());
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), value)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}
