//! The process that takes an archive apart gives away all that it could do harm with, before it reads the first octet: it
//! has its standard input, output and error, and can open nothing else.
//!
//! setrlimit(2), seccomp(2). A rule that cannot be set ends the process: it never unpacks with more rights than these.

use std::collections::BTreeMap;
use std::fs;

use nix::libc;
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::limits::{CPU, MEMORY};

/// What a program needs that computes, reads and writes what is open, and ends. Everything else is refused by the kernel.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Closes what was inherited beyond the three, and gives everything away.
///
/// # Errors
/// Which rule could not be set, and why.
pub(super) fn enter() -> Result<(), String> {
    for fd in inherited()? {
        // The folder that was read for this list is closed by now.
        let _ = nix::unistd::close(fd);
    }
    let limit = |resource, most: u64| {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|why| format!("a limit of the unpacking process could not be set: {why}"))
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    // One more than what is open: nothing can be.
    limit(Resource::Nofile, 3)?;
    limit(Resource::Data, MEMORY)?;
    limit(Resource::Cpu, CPU)?;
    let rules: BTreeMap<i64, Vec<_>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = |why: String| format!("the system calls of the unpacking process could not be limited: {why}");
    let arch = std::env::consts::ARCH.try_into().map_err(|why| filter(format!("{why}")))?;
    let program: BpfProgram = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)
        .and_then(TryInto::try_into)
        .map_err(|why| filter(why.to_string()))?;
    seccompiler::apply_filter(&program).map_err(|why| filter(why.to_string()))
}

/// Descriptors beyond standard error.
fn inherited() -> Result<Vec<i32>, String> {
    let open = fs::read_dir("/proc/self/fd").map_err(|why| format!("what is open could not be listed: {why}"))?;
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(numbers.filter(|fd: &i32| *fd > 2).collect())
}
