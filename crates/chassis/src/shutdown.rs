//! Soft stop, then hard stop.
//!
//! 1. The first SIGTERM or SIGINT begins the soft stop: intake ends, what runs is finished, what
//!    is finished is flushed and committed.
//! 2. The deadline, or a second signal, ends the process at once.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long a soft stop may take. Kubernetes kills after 30 s; this leaves room for `preStop`.
pub const SOFT_STOP: Duration = Duration::from_secs(20);

/// Tells every part of a process to stop. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
}

impl Shutdown {
    /// Begins the soft stop.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Whether the soft stop has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Ends when the soft stop begins.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// Sleeps, and says whether the soft stop has not begun meanwhile.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.soft.cancelled() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }

    /// Begins the soft stop at the first signal and ends the process at the second.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut signals = Signals::new()?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::info!("{name}: stopping; a second signal ends the process at once");
            shutdown.begin();
            let name = signals.next().await;
            tracing::warn!("{name} again: ended at once");
            std::process::exit(130);
        });
        Ok(())
    }

    /// Runs a part of the process in the background. One that ends before the soft stop, by an error
    /// or a panic, is logged and begins it: half a process serves nobody.
    pub fn spawn<E: std::fmt::Display + Send + 'static>(
        &self,
        part: &'static str,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) -> tokio::task::JoinHandle<bool> {
        let shutdown = self.clone();
        let running = tokio::spawn(work);
        tokio::spawn(async move {
            let failure = match running.await {
                Ok(Ok(())) if shutdown.has_begun() => return true,
                Ok(Ok(())) => "it ended".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            };
            tracing::error!("{part} failed: {failure}");
            shutdown.begin();
            false
        })
    }

    /// Runs `work`, which is expected to end by itself after the soft stop has begun: within
    /// [`SOFT_STOP`], or it is dropped and the answer is `None`.
    pub async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let hard = async {
            self.begun().await;
            tokio::time::sleep(SOFT_STOP).await;
        };
        tokio::select! {
            done = work => Some(done),
            () = hard => {
                tracing::warn!("the soft stop took longer than {SOFT_STOP:?}; ended at once");
                None
            }
        }
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
