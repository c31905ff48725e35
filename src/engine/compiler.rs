//! Where regions are translated: at once, or on threads beside the guests.
//!
//! A job is data and so is its result, so that nothing a guest sees depends on when a translation
//! is done. Results are installed by the engine, unless the guest has changed the code meanwhile.
//! Several engines share a [`CompilePool`], its threads and its queue. What one of them has had
//! translated the others find in the [`Store`], if they share that as well.

use super::queue::{JobId, Queue};
use crate::cache::blocks::BlockKey;
use crate::cache::code::TranslationId;
use crate::cache::persist::{Store, Wanted};
use crate::translate::{Region, TranslateError, Translation, Translator};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A region to be translated.
pub struct Job {
    /// The number of the translation.
    pub id: TranslationId,
    /// What its first block depends on.
    pub key: BlockKey,
    /// The region.
    pub region: Region,
    /// How many translations from this entry the store had when the job was handed in: they did
    /// not fit.
    pub seen: usize,
}

/// What came of a job.
pub enum Outcome {
    /// A translation.
    Made(Translation),
    /// A translation of this very region, which another engine has made.
    Found(Translation),
    /// Meanwhile the store has got another translation from this entry, which may do as well.
    Overtaken,
    /// Nothing.
    Refused(TranslateError),
}

/// A job that is done.
pub struct Done {
    /// The job.
    pub job: Job,
    /// What came of it.
    pub outcome: Outcome,
    /// The time that it took.
    pub time: Duration,
}

/// A job on its way through the pool.
pub(super) struct CompileJob {
    pub job: Job,
    store: Option<Store>,
    to: Sender<Done>,
}

/// Threads that translate for several engines.
pub struct CompilePool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    engines: AtomicU64,
    /// Whether the host has threads for it beside those that run guests.
    spare: bool,
}

/// What each thread of each pool does first.
static STARTED: OnceLock<fn()> = OnceLock::new();

/// Has threads that pools start from now on call `started` first: a program that confines itself
/// leaves them less than others. It can be said once in a process.
pub fn when_started(started: fn()) {
    let _ = STARTED.set(started);
}

impl CompilePool {
    /// A thread for one engine, which runs its guest on one thread.
    ///
    /// # Errors
    /// As [`CompilePool::new`].
    pub fn for_one() -> Result<Arc<Self>, CompilePoolError> {
        let threads = std::thread::available_parallelism();
        Self::build(1, threads.is_ok_and(|threads| threads.get() > 1))
    }

    /// So many threads, at least one.
    ///
    /// # Errors
    /// If the host has no thread to give, or Cranelift does not know its CPU.
    pub fn new(threads: usize) -> Result<Arc<Self>, CompilePoolError> {
        Self::build(threads, false)
    }

    fn build(threads: usize, spare: bool) -> Result<Arc<Self>, CompilePoolError> {
        let mut pool = Self {
            spare,
            queue: Arc::default(),
            threads: Vec::new(),
            engines: AtomicU64::new(0),
        };
        for _ in 0..threads.max(1) {
            let mut translator = Translator::new()?;
            let queue = Arc::clone(&pool.queue);
            let work = move || {
                if let Some(started) = STARTED.get() {
                    started();
                }
                while let Some(CompileJob { job, store, to }) = queue.pop() {
                    // An engine that is gone wants nothing any more.
                    let _ = to.send(translate(&mut translator, store.as_ref(), job));
                }
            };
            let thread = std::thread::Builder::new().name("translate".into());
            pool.threads.push(thread.spawn(work)?);
        }
        Ok(Arc::new(pool))
    }
}

impl Drop for CompilePool {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum CompilePoolError {
    /// No thread.
    #[error("the host has no thread for translating: {0}; use --jit-threads 0")]
    Thread(#[from] std::io::Error),
    /// No translator.
    #[error(transparent)]
    Translate(#[from] TranslateError),
}

/// Takes a translation from the store, or makes it and puts it there.
fn translate(translator: &mut Translator, store: Option<&Store>, job: Job) -> Done {
    let start = Instant::now();
    let outcome = outcome(translator, store, &job);
    let time = start.elapsed();
    if let (Some(store), Outcome::Made(made)) = (store, &outcome) {
        store.save(job.key, &job.region, made);
    }
    Done { job, outcome, time }
}

fn outcome(translator: &mut Translator, store: Option<&Store>, job: &Job) -> Outcome {
    if let Some(store) = store {
        if let Some(found) = store.find(job.key, &job.region) {
            return Outcome::Found(found);
        }
        if store.count(Wanted::entry(job.key, &job.region)) > job.seen {
            return Outcome::Overtaken;
        }
    }
    let made = translator.translate(&job.region);
    made.map_or_else(Outcome::Refused, Outcome::Made)
}

/// Where the jobs of an engine are done.
enum Place {
    /// At once.
    Here(Box<Translator>),
    /// In a pool, where the engine has this number.
    CompilePool(Arc<CompilePool>, u64),
}

/// One engine's way to have regions translated.
pub struct Compiler {
    place: Place,
    store: Option<Store>,
    done: (Sender<Done>, Receiver<Done>),
}

/// With fewer jobs waiting than this, the threads will soon have nothing to do.
const FEW: usize = 16;

impl Compiler {
    /// A compiler that translates at once.
    #[must_use]
    pub fn inline(translator: Translator, store: Option<Store>) -> Self {
        Self {
            place: Place::Here(Box::new(translator)),
            store,
            done: channel(),
        }
    }

    /// A compiler that has a pool translate.
    #[must_use]
    pub fn beside(pool: Arc<CompilePool>, store: Option<Store>) -> Self {
        let number = pool.engines.fetch_add(1, Ordering::Relaxed);
        Self {
            place: Place::CompilePool(pool, number),
            store,
            done: channel(),
        }
    }

    /// Hands a job in, whose first block has run `heat` times. Its result comes from
    /// [`Compiler::poll`], sooner or later.
    pub fn submit(&mut self, job: Job, heat: u32) {
        match &mut self.place {
            Place::Here(translator) => {
                let done = translate(translator, self.store.as_ref(), job);
                // The receiver is ours: it cannot be gone.
                let _ = self.done.0.send(done);
            }
            Place::CompilePool(pool, engine) => {
                let id = JobId {
                    engine: *engine,
                    id: job.id,
                };
                let queued = CompileJob {
                    job,
                    store: self.store.clone(),
                    to: self.done.0.clone(),
                };
                pool.queue.push(id, queued, heat);
            }
        }
    }

    /// Says that the region of translation `id`, which may still wait, has become so hot.
    pub fn raise(&self, id: TranslationId, heat: u32) {
        if let Place::CompilePool(pool, engine) = &self.place {
            let engine = *engine;
            pool.queue.raise(JobId { engine, id }, heat);
        }
    }

    /// A job that is done, if there is one.
    pub fn poll(&mut self) -> Option<Done> {
        self.done.1.try_recv().ok()
    }

    /// Whether the host has threads for translating beside those that run guests.
    pub fn is_spare(&self) -> bool {
        matches!(&self.place, Place::CompilePool(pool, _) if pool.spare)
    }

    /// Whether there are threads, with time for what is not urgent.
    pub fn has_time(&self) -> bool {
        match &self.place {
            Place::Here(_) => false,
            Place::CompilePool(pool, _) => pool.queue.len() < FEW,
        }
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        if let Place::CompilePool(pool, engine) = &self.place {
            pool.queue.forget(*engine);
        }
    }
}
