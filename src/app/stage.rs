//! Tasks that are told to end together. Stages end one after the other, so that what an earlier one still has to say
//! finds its way through the later ones.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Some tasks and the word that ends them. One that ends with a sentence ends the daemon.
#[derive(Default)]
pub(super) struct Stage {
    ending: CancellationToken,
    tasks: JoinSet<Result<(), String>>,
    panics: Panics,
}

/// Panics of late, of all stages: what goes wrong again and again is better begun anew as a whole.
#[derive(Clone, Default)]
pub(super) struct Panics(Arc<Mutex<VecDeque<Instant>>>);

/// So many within this time end the daemon.
const TOO_MANY: (usize, Duration) = (5, Duration::from_mins(1));

impl Panics {
    /// Notes one. Returns whether there were too many.
    fn note(&self, now: Instant) -> bool {
        let (many, span) = TOO_MANY;
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|at| now.saturating_duration_since(*at) < span);
        recent.push_back(now);
        recent.len() >= many
    }
}

impl Stage {
    /// One of several that count their panics together.
    pub(super) fn new(panics: &Panics) -> Self {
        Self { panics: panics.clone(), ..Self::default() }
    }

    /// Cancelled when the stage is to end.
    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Starts a task of this stage; `ending` is for it to heed.
    pub(super) fn spawn(&mut self, task: impl Future<Output = Result<(), String>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Starts a part of the daemon that is started anew where it panics, while the others go on.
    pub(super) fn keep<F>(&mut self, name: &'static str, mut start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let panics = self.panics.clone();
        self.tasks.spawn(async move {
            loop {
                // A set of one: it ends with this task, however that ends.
                let mut task = JoinSet::new();
                task.spawn(start());
                match task.join_next().await {
                    Some(Ok(outcome)) => return outcome,
                    Some(Err(why)) if why.is_panic() && panics.note(Instant::now()) => {
                        return Err(format!(
                            "a fault of the program ended {name}, the {}th of its kind within a minute",
                            TOO_MANY.0
                        ));
                    }
                    Some(Err(why)) if why.is_panic() => tracing::error!(
                        code = "part-restarted",
                        part = name,
                        "a fault of the program ended {name}, which is started anew; please report the lines before this one"
                    ),
                    _ => return Ok(()),
                }
            }
        });
    }

    /// Waits until a task ends that should not; says which.
    pub(super) async fn broken(&mut self) -> String {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(why))) => return why,
                Some(Err(why)) => return format!("a part of the daemon failed: {why}"),
                None => std::future::pending().await,
            }
        }
    }

    /// Tells the tasks to end and waits for that, at most so long. Returns whether they did; who did not is cut.
    pub(super) async fn end(&mut self, patience: Duration) -> bool {
        self.ending.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let ended = tokio::time::timeout(patience, all).await.is_ok();
        self.tasks.shutdown().await;
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_is_named() {
        let mut stage = Stage::default();
        stage.spawn(async { Ok(()) });
        stage.spawn(async { Err("the socket ended".to_owned()) });
        assert_eq!(stage.broken().await, "the socket ended");
    }

    /// F29: four times anew, and the fifth time is one too many; a minute later it begins from nothing.
    #[tokio::test]
    async fn f29_a_part_that_panics_is_started_anew() {
        let panics = Panics::default();
        let (mut sound, mut stage) = (Stage::new(&panics), Stage::new(&panics));
        let (starts, started) = std::sync::mpsc::channel();
        sound.spawn(std::future::pending());
        stage.keep("it", move || {
            let starts = starts.clone();
            async move {
                starts.send(()).unwrap();
                panic!("on purpose");
            }
        });
        assert_eq!(stage.broken().await, "a fault of the program ended it, the 5th of its kind within a minute");
        assert_eq!(started.iter().count(), 5);
        assert!(!panics.note(Instant::now() + TOO_MANY.1));
    }

    #[tokio::test]
    async fn who_does_not_end_is_cut() {
        let mut stage = Stage::default();
        let ending = stage.ending();
        stage.spawn(async move {
            ending.cancelled().await;
            Ok(())
        });
        assert!(stage.end(Duration::from_secs(60)).await);
        let mut stage = Stage::default();
        stage.spawn(std::future::pending());
        assert!(!stage.end(Duration::from_millis(1)).await);
    }
}
