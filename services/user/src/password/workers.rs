//! Threads for work that keeps a core busy, with a bound on how much may wait for them.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Threads that run jobs, each with a scratch of its own.
#[derive(Debug)]
pub(super) struct Workers<S> {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    longest_wait: Duration,
    jobs: mpsc::Sender<Job<S>>,
}

/// More work than the threads can do in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("all threads are busy")]
pub(super) struct Busy;

/// The permit is a part of the job: it is given back when the work ends, also if nobody awaits the
/// result any more. Otherwise callers that give up would pile work onto busy cores.
struct Job<S> {
    run: Box<dyn FnOnce(&mut S) + Send>,
    _permit: OwnedSemaphorePermit,
}

/// Counts one that waits for as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

// === impl Workers ===

impl<S: Default + 'static> Workers<S> {
    /// Starts `threads` threads. At most `most_waiting` callers wait for them, each for
    /// `longest_wait` at most. The threads end when this is dropped and their work is done.
    pub(super) fn start(
        name: &str,
        threads: NonZeroUsize,
        most_waiting: usize,
        longest_wait: Duration,
    ) -> io::Result<Self>
    where
        S: Send,
    {
        let (jobs, queue) = mpsc::channel::<Job<S>>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads.get() {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    let mut scratch = S::default();
                    loop {
                        // Bound to a name, the lock is free again before the job runs.
                        let job = queue.lock().recv();
                        let Ok(job) = job else { break };
                        (job.run)(&mut scratch);
                    }
                })?;
        }
        Ok(Self {
            permits: Arc::new(Semaphore::new(threads.get())),
            waiting: AtomicUsize::new(0),
            most_waiting,
            longest_wait,
            jobs,
        })
    }

    /// Runs `work` on a thread as soon as one is free.
    ///
    /// # Errors
    /// Too many wait already, or none was free in time.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let permit = self.permit().await?;
        let (result, done) = oneshot::channel();
        let run = Box::new(move |scratch: &mut S| {
            // Fails only if the caller has left.
            let _ = result.send(work(scratch));
        });
        // Both fail only if a thread has panicked, which the work here cannot.
        self.jobs
            .send(Job {
                run,
                _permit: permit,
            })
            .map_err(|_| Busy)?;
        done.await.map_err(|_| Busy)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Busy> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::enter(&self.waiting, self.most_waiting)?;
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(self.longest_wait, permit).await;
        drop(waiting);
        permit.map_err(|_| Busy)?.map_err(|_| Busy)
    }
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, most: usize) -> Result<Self, Busy> {
        let entered = Self(count);
        // Dropping `entered` takes it back where it was one too many.
        if count.fetch_add(1, Ordering::Relaxed) >= most {
            Err(Busy)
        } else {
            Ok(entered)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Gate = mpsc::Sender<()>;

    fn workers(threads: usize, most_waiting: usize) -> Arc<Workers<()>> {
        let threads = NonZeroUsize::new(threads).unwrap();
        let wait = Duration::from_secs(1);
        Arc::new(Workers::start("test", threads, most_waiting, wait).unwrap())
    }

    /// Begins a job that ends when the gate opens, and returns when it runs.
    async fn begin(
        workers: &Arc<Workers<()>>,
    ) -> (Gate, tokio::task::JoinHandle<Result<(), Busy>>) {
        let (gate, opened) = mpsc::channel::<()>();
        let (running, runs) = oneshot::channel();
        let workers = Arc::clone(workers);
        let job = tokio::spawn(async move {
            let work = move |(): &mut ()| {
                let _ = running.send(());
                let _ = opened.recv();
            };
            workers.run(work).await
        });
        runs.await.unwrap();
        (gate, job)
    }

    /// Ends when the one thread is free, however long that takes: the paused clock does not wait
    /// for threads, and would let a caller's second pass at once.
    async fn idle(workers: &Workers<()>) {
        drop(workers.permits.acquire().await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_waits_for_a_second_at_most() {
        let workers = workers(1, 10);
        let (gate, job) = begin(&workers).await;
        let began = tokio::time::Instant::now();
        assert_eq!(workers.run(|()| ()).await, Err(Busy));
        assert_eq!(began.elapsed().as_secs(), 1);
        gate.send(()).unwrap();
        job.await.unwrap().unwrap();
        idle(&workers).await;
        assert_eq!(workers.run(|()| 7).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_is_refused_at_once() {
        let workers = workers(1, 0);
        let (gate, job) = begin(&workers).await;
        let began = tokio::time::Instant::now();
        assert_eq!(workers.run(|()| ()).await, Err(Busy));
        assert_eq!(began.elapsed(), Duration::ZERO);
        gate.send(()).unwrap();
        job.await.unwrap().unwrap();
        assert_eq!(workers.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_frees_no_thread() {
        let workers = workers(1, 10);
        let (gate, job) = begin(&workers).await;
        job.abort();
        assert!(job.await.unwrap_err().is_cancelled());
        assert_eq!(workers.permits.available_permits(), 0);
        assert_eq!(workers.run(|()| ()).await, Err(Busy));
        gate.send(()).unwrap();
        idle(&workers).await;
        assert_eq!(workers.run(|()| ()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_while_waiting_costs_nothing() {
        let workers = workers(1, 10);
        let (gate, job) = begin(&workers).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let waiting = workers.run(move |()| counted.fetch_add(1, Ordering::Relaxed));
        assert!(
            tokio::time::timeout(Duration::from_millis(1), waiting)
                .await
                .is_err()
        );
        gate.send(()).unwrap();
        job.await.unwrap().unwrap();
        idle(&workers).await;
        workers.run(|()| ()).await.unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 0);
    }
}
