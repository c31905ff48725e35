//! When the engine looks whether its guest is idle in a loop.
//!
//! A loop that comes back to the same instruction with the same registers and has changed nothing
//! goes on like that until something outside it changes: memory, which only the CPU and events
//! change, or a device that it reads. So whole rounds of it need not run; they count as run, and
//! what is left of the time until the change runs as ever.

/// When the engine is next asked whether the guest spins: soon where it did of late, as it may
/// have been interrupted in it.
pub(super) struct IdleBackoff {
    span: u64,
    /// The instructions that have run by then.
    until: u64,
}

/// The shortest span between two looks.
const SHORT: u64 = 1 << 10;
/// The longest span: a look takes as long as hundreds of instructions.
const LONG: u64 = 1 << 22;

impl Default for IdleBackoff {
    fn default() -> Self {
        Self {
            span: SHORT,
            until: SHORT,
        }
    }
}

impl IdleBackoff {
    /// How many instructions run until then.
    pub fn left(&self, retired: u64) -> u64 {
        self.until.saturating_sub(retired).min(self.span)
    }

    /// A look was taken when so many instructions had run.
    pub fn learn(&mut self, spins: bool, retired: u64) {
        self.span = if spins {
            SHORT
        } else {
            (self.span * 2).min(LONG)
        };
        self.until = retired + self.span;
    }

    /// Instructions count as run that were skipped.
    pub fn skip(&mut self, instructions: u64) {
        self.until += instructions;
    }
}
