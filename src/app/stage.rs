//! Tasks that are told to end together. Stages end one after the other, so that what an earlier one still has to say
//! finds its way through the later ones.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Some tasks and the word that ends them. One that ends with a sentence ends the daemon.
#[derive(Default)]
pub(super) struct Stage {
    ending: CancellationToken,
    tasks: JoinSet<Result<(), String>>,
}

impl Stage {
    /// Cancelled when the stage is to end.
    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Starts a task of this stage; `ending` is for it to heed.
    pub(super) fn spawn(&mut self, task: impl Future<Output = Result<(), String>> + Send + 'static) {
        self.tasks.spawn(task);
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
