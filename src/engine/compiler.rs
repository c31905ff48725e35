//! Where regions are translated: at once, or on threads beside the guests.
//!
//! A job is data and so is its result, so that nothing a guest sees depends on when a translation
//! is done. Results are installed by the engine, unless the guest has changed the code meanwhile.
//! Several engines share a [`CompilePool`], its threads and its queue. What one of them has had
//! translated the others find in the [`Store`], if they share that as well.

use super::queue::{JobId, Queue};
use super::room::{Room, Work};
use crate::cache::code::TranslationId;
use crate::cache::key::BlockKey;
use crate::cache::persist::{Store, Wanted};
use crate::interp::block::Source;
use crate::translate::{Region, TranslateError, Translation, Translator};
use mirrorball_runtime::account::Holding;
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

impl Job {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let each = size_of::<Source>();
        let words = self.region.instructions() * WORD_BYTES;
        size_of::<Self>() + self.region.blocks.len() * each + words
    }
}

/// About what a region takes for each of its instructions.
const WORD_BYTES: usize = 16;

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
    room: Arc<Room>,
}

/// What each thread of each pool does first.
static STARTED: OnceLock<fn()> = OnceLock::new();

/// Has threads that pools start from now on call `started` first: a program that confines itself
/// leaves them less than others. It can be said once in a process.
pub fn when_started(started: fn()) {
    let _ = STARTED.set(started);
}

impl CompilePool {
    /// A thread for one engine, which runs its guest on one thread. If the host has more, this is the
    /// translator's own until it is seen to be another's.
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
            room: Arc::new(Room::new(spare)),
            queue: Arc::default(),
            threads: Vec::new(),
            engines: AtomicU64::new(0),
        };
        for _ in 0..threads.max(1) {
            let mut translator = Translator::new()?;
            let (queue, room) = (Arc::clone(&pool.queue), Arc::clone(&pool.room));
            let work = move || {
                if let Some(started) = STARTED.get() {
                    started();
                }
                while let Some(CompileJob { job, store, to }) = queue.pop() {
                    let work = Work::begin();
                    let done = translate(&mut translator, store.as_ref(), job);
                    work.end(&room);
                    // An engine that is gone wants nothing any more.
                    let _ = to.send(done);
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
    /// At once, which takes time from the guest.
    Here(Box<Translator>),
    /// In a pool, where the engine has this number.
    CompilePool(Arc<CompilePool>, u64),
}

/// One engine's way to have regions translated.
pub struct Compiler {
    place: Place,
    store: Option<Store>,
    done: (Sender<Done>, Receiver<Done>),
    /// The bytes of jobs that were handed in and whose results were not taken yet.
    waiting: usize,
}

/// The most of these bytes. A region that finds no place is asked for again when it is hotter.
const MOST_WAITING: usize = 2 << 20;
/// More than one job takes.
const LARGEST: usize = 64 << 10;

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
            waiting: 0,
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
            waiting: 0,
        }
    }

    /// Hands a job in, whose first block has run `heat` times. Its result comes from
    /// [`Compiler::poll`], sooner or later.
    pub fn submit(&mut self, job: Job, heat: u32) {
        self.waiting += job.bytes();
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
        let done = self.done.1.try_recv().ok()?;
        self.waiting -= done.job.bytes();
        Some(done)
    }

    /// Whether no more jobs can be handed in for now.
    pub fn is_full(&self) -> bool {
        self.waiting + LARGEST > MOST_WAITING
    }

    /// What waits to be translated, or to be taken.
    pub fn held(&self) -> Holding {
        Holding::new(self.waiting, MOST_WAITING)
    }

    /// Whether the host has cores for translating beside those that run guests.
    pub fn is_spare(&self) -> bool {
        matches!(&self.place, Place::CompilePool(pool, _) if pool.room.is_spare())
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
