//! In: a process whose threads all run. Out: the same with only the system calls below.
//! May touch: this process's seccomp filters.
//! Security boundary: yes. To add a call here is to give it to whoever escapes the guest.
//!
//! A call that is not on the list fails with EPERM: a panic that looks for its own symbols, or a library that asks for
//! something it can do without, costs nothing. A call that only an intruder makes ends the process.

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use std::collections::BTreeMap;

/// What a serving runtime calls, found by running the tests with a list that kills. Whatever its arguments are.
const ALLOWED: &[c_long] = &[
    // what came in through descriptors that are open already
    libc::SYS_read,
    // of a file of /proc that tells how much memory there is (`metrics/memory.rs`)
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_close,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    // memory; `mmap` and `mprotect` are below
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // threads that run already, their clocks and signals
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getrandom,
    // the start of a thread that exists but did not come to run yet
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_epoll_wait];
/// Code is published with it.
#[cfg(target_arch = "aarch64")]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_membarrier];

/// Calls that nothing in this process leads to, and that end it: whoever makes one is somebody else.
const DEADLY: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_capset,
];

/// `PAGEMAP_SCAN` of linux/fs.h, which libc does not have: wasmtime's pool asks which pages of a slot were touched.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Two filters, because a filter has one answer for what is on its list; of two answers the kernel takes the harder.
pub fn filter() -> Result<(), String> {
    let deadly = DEADLY.iter().map(|call| (*call, Vec::new())).collect();
    let deadly = program(deadly, SeccompAction::Allow, SeccompAction::KillProcess);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let allowed = allowed().and_then(|rules| program(rules, refused, SeccompAction::Allow));
    for program in [deadly, allowed] {
        let program = program.map_err(|error| error.to_string())?;
        apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn program(rules: Rules, other: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, other, listed, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn allowed() -> Result<Rules, BackendError> {
    let mut rules: Rules = ALLOWED.iter().chain(ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
    let executable = libc::PROT_EXEC.unsigned_abs().into();
    let not_executable = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(executable), 0)?;
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![SeccompRule::new(vec![not_executable.clone()])?]);
    }
    rules.insert(libc::SYS_ioctl, one_of(1, &[PAGEMAP_SCAN])?);
    rules.insert(
        libc::SYS_fcntl,
        one_of(1, &[libc::F_GETFD, libc::F_GETFL].map(|command| command.unsigned_abs().into()))?,
    );
    // The name of such a thread.
    rules.insert(libc::SYS_prctl, one_of(0, &[libc::PR_SET_NAME.unsigned_abs().into()])?);
    // A client's connection without Nagle's delay: the one option that a socket gets.
    let level =
        SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::IPPROTO_TCP.unsigned_abs().into())?;
    let option =
        SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::TCP_NODELAY.unsigned_abs().into())?;
    rules.insert(libc::SYS_setsockopt, vec![SeccompRule::new(vec![level, option])?]);
    // `abort`, and nobody else's process.
    rules.insert(libc::SYS_tgkill, one_of(0, &[std::process::id().into()])?);
    Ok(rules)
}

/// The call is allowed where this argument, 32 bits wide, has one of these values.
fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |value: &u64| {
        SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *value)?])
    };
    values.iter().map(rule).collect()
}
