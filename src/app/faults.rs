//! Faults that a test asks for: a part of the daemon that panics or hangs. In a release build there is none of it.

/// Where the variable `OFFHOOK_FAULT` names this part and the file it points to is there, does what it says:
/// `panic:PART:FILE` or `hang:PART:FILE`.
#[cfg(debug_assertions)]
pub(super) fn strike(part: &str) {
    let Ok(wanted) = std::env::var("OFFHOOK_FAULT") else { return };
    let mut words = wanted.splitn(3, ':');
    let (how, whom, when) = (words.next(), words.next(), words.next());
    if whom != Some(part) || !when.is_some_and(|file| std::path::Path::new(file).exists()) {
        return;
    }
    assert!(how != Some("panic"), "the fault that was asked for in {part}");
    while how == Some("hang") {
        std::thread::park();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn strike(_part: &str) {}
