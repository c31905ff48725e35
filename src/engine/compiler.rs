//! Where regions are translated: at once, or on a thread beside the guest.
//!
//! A job is data and so is its result, so that nothing the guest sees depends on when a
//! translation is done. Results are installed by the engine, unless the guest has changed the code
//! meanwhile.

use super::queue::Queue;
use crate::cache::blocks::BlockKey;
use crate::cache::code::TranslationId;
use crate::cache::persist::Store;
use crate::translate::{Region, TranslateError, Translation, Translator};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
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
}

/// A job that is done.
pub struct Done {
    /// The job.
    pub job: Job,
    /// What came of it.
    pub result: Result<Translation, TranslateError>,
    /// The time that it took.
    pub time: Duration,
}

/// Translates regions.
pub struct Compiler {
    /// Set while there is no thread: translates at once.
    inline: Option<(Translator, Option<Store>)>,
    /// What waits for the thread.
    queue: Arc<Queue>,
    done: (Sender<Done>, Receiver<Done>),
    thread: Option<JoinHandle<()>>,
    /// Jobs whose results were not polled yet.
    open: usize,
}

/// With fewer jobs open than this, the thread will soon have nothing to do.
const FEW: usize = 4;

fn translate(translator: &mut Translator, job: Job) -> Done {
    let start = Instant::now();
    let result = translator.translate(&job.region);
    Done {
        job,
        result,
        time: start.elapsed(),
    }
}

fn save(store: Option<&Store>, done: &Done) {
    if let (Some(store), Ok(translation)) = (store, &done.result) {
        store.save(done.job.key, &done.job.region, translation);
    }
}

impl Compiler {
    /// A compiler that translates on a thread of its own if `background`, else at once. What it
    /// has translated goes to `store`, if there is one.
    ///
    /// # Errors
    /// If the host has no thread to give.
    pub fn new(
        mut translator: Translator,
        background: bool,
        store: Option<Store>,
    ) -> std::io::Result<Self> {
        let done = channel();
        if !background {
            return Ok(Self {
                inline: Some((translator, store)),
                queue: Arc::default(),
                done,
                thread: None,
                open: 0,
            });
        }
        let queue = Arc::<Queue>::default();
        let jobs = Arc::clone(&queue);
        let results = done.0.clone();
        let work = move || {
            while let Some(job) = jobs.pop() {
                let done = translate(&mut translator, job);
                save(store.as_ref(), &done);
                if results.send(done).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("translate".into())
            .spawn(work)?;
        Ok(Self {
            inline: None,
            queue,
            done,
            thread: Some(thread),
            open: 0,
        })
    }

    /// Hands a job in, whose first block has run `heat` times. Its result comes from
    /// [`Compiler::poll`], sooner or later.
    pub fn submit(&mut self, job: Job, heat: u32) {
        self.open += 1;
        if let Some((translator, store)) = &mut self.inline {
            let done = translate(translator, job);
            save(store.as_ref(), &done);
            // The receiver is ours: it cannot be gone.
            let _ = self.done.0.send(done);
        } else {
            self.queue.push(job, heat);
        }
    }

    /// Says that the region of translation `id`, which may still wait, has become so hot.
    pub fn raise(&self, id: TranslationId, heat: u32) {
        self.queue.raise(id, heat);
    }

    /// A job that is done, if there is one.
    pub fn poll(&mut self) -> Option<Done> {
        let done = self.done.1.try_recv().ok()?;
        self.open -= 1;
        Some(done)
    }

    /// Whether there is a thread, with time for what is not urgent.
    pub fn has_time(&self) -> bool {
        self.thread.is_some() && self.open < FEW
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
