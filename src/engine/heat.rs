//! Heat: how often a block was interpreted, and at which heat something is to be done for it.

use super::jit::{Jit, JitConfig};
use crate::cache::blocks::{BlockId, Cached, Keep};
use crate::cache::code::TranslationId;
use mirrorball_runtime::vm::Vm;
use std::mem::offset_of;

/// A block that lies in a region already needs so many times the heat to start one of its own.
pub(super) const COVERED: u32 = 4;
/// Blocks are translated at this fraction of the heat if a thread has nothing hotter to do.
const EARLY: u32 = 16;
/// Code of the baseline is looked after when it has run for this fraction of the heat.
const GRANTS: u32 = 8;
/// Below this heat a block is looked after whenever its heat has doubled, above it four times as
/// often.
const TEPID: u32 = 16;

/// What the JIT keeps with a block. What is wanted whenever the block runs comes first.
#[repr(C)]
#[derive(Default)]
pub(super) struct Extra {
    /// The code of the translation that starts here, or 0.
    pub code: usize,
    /// The cycles that it takes to enter it.
    pub need: u32,
    /// The translation that starts here, or is being made, or 0.
    pub translation: TranslationId,
    /// How often the block has run without code for a region, as far as that was counted.
    pub heat: u32,
    /// The heat at which there is something to be done for it.
    pub due: u32,
    /// The translation of this block alone by the baseline, or 0. While there is one, `code` is its
    /// code.
    pub base: TranslationId,
    /// The runs that it was granted: those that are not left are heat that is not counted yet.
    pub granted: i16,
    /// The translations that it is a part of, without starting them: then it is seldom worth one
    /// of its own.
    pub regions: Vec<TranslationId>,
    /// Its heat in all machines that share a store, as far as that is known.
    pub wanted: u32,
    /// How much of its heat the store was told of.
    pub told: u32,
    /// Its heat when blocks were last swept.
    pub swept: u32,
    /// How often a translation that started here was evicted: the more often, the longer it takes
    /// until it is read from disk again.
    pub evicted: u8,
    /// How often a region that starts here turned out too large and was halved.
    pub halved: u8,
    /// Whether the block is left to the interpreter for good.
    pub declined: bool,
}

// One look at a block that is interpreted is one cache line.
const _: () = {
    let wanted = offset_of!(Cached<Extra>, extra) + offset_of!(Extra, regions);
    assert!(wanted <= align_of::<Cached<Extra>>());
};

/// Heat is remembered in steps of so much: 255 of them are as hot as a block gets before it is
/// translated.
const FADED: u32 = 4;

impl Keep for Extra {
    fn fade(&self) -> u8 {
        (self.heat / FADED).min(255) as u8
    }

    fn revive(faded: u8) -> Self {
        Self {
            heat: u32::from(faded) * FADED,
            ..Self::default()
        }
    }
}

impl Extra {
    /// There is no translation that starts here but that of the baseline, if there is one, and the
    /// block is cold.
    pub fn cool(&mut self) {
        self.translation = 0;
        (self.heat, self.told, self.due) = (0, 0, 0);
        if self.base == 0 {
            self.code = 0;
        }
    }

    /// The translation that `code` is the code of.
    pub fn installed(&self) -> TranslationId {
        if self.base != 0 {
            self.base
        } else {
            self.translation
        }
    }

    /// The block has run once more, without translated code. Says whether something is to be done.
    #[inline(always)]
    pub fn warm(&mut self) -> bool {
        self.heat = self.heat.saturating_add(1);
        self.heat >= self.due
    }

    /// The heat above which a region that starts here is translated, if `hot` is that for a block
    /// that lies in none.
    pub fn threshold(&self, hot: u32) -> u32 {
        hot.saturating_mul(if self.regions.is_empty() { 1 } else { COVERED })
    }

    /// The heat at which to look after it again if nothing is done before.
    fn next_look(&self) -> u32 {
        if self.heat < TEPID {
            (self.heat + 1).next_power_of_two()
        } else {
            self.heat.saturating_add(self.heat / 4)
        }
    }
}

impl Jit {
    /// Does what is due for block `id`, which is at the CPU's program counter and has no code yet.
    #[cold]
    pub(super) fn advance_tier(&mut self, vm: &mut Vm, id: BlockId) {
        let extra = &self.blocks.get(id).extra;
        if extra.translation != 0 {
            // It waits to be translated: the hotter, the sooner.
            self.compiler.raise(extra.translation, extra.heat);
        } else if !extra.declined {
            self.recall(vm, id);
            self.translate_if_hot(vm, id);
        }
        let extra = &self.blocks.get(id).extra;
        if extra.code == 0 && self.config.baseline > 0 && extra.heat >= self.config.baseline {
            self.translate_alone(vm, id);
        }
        let usual = self.hot();
        let extra = &mut self.blocks.get_mut(id).extra;
        let hot = extra.threshold(usual);
        let baseline = match self.config.baseline {
            0 => u32::MAX,
            baseline => baseline,
        };
        let first = match &self.store {
            Some(_) => 0,
            None => (usual / EARLY + 1).min(baseline),
        };
        extra.due = if extra.declined {
            u32::MAX
        } else if extra.translation != 0 || extra.heat > hot {
            extra.next_look()
        } else {
            extra.next_look().max(first).min(hot.saturating_add(1))
        };
    }

    /// If the code of the baseline for block `id`, which is at the CPU's program counter, has run as
    /// often as was granted, does what is due, and grants more.
    #[cold]
    pub(super) fn promote(&mut self, vm: &mut Vm, id: BlockId) {
        if self.blocks.get(id).extra.base == 0 || self.blocks.runs(id) >= 0 {
            return;
        }
        let heat = self.heat(id);
        let extra = &mut self.blocks.get_mut(id).extra;
        (extra.heat, extra.granted) = (heat, 0);
        self.advance_tier(vm, id);
        self.grant(id);
    }

    /// Grants the baseline's code for block `id` runs until it is looked after again.
    pub(super) fn grant(&mut self, id: BlockId) {
        let granted = (self.hot() / GRANTS).clamp(16, i16::MAX as u32) as i16;
        self.blocks.get_mut(id).extra.granted = granted;
        self.blocks.set_runs(id, granted);
    }

    /// How often block `id` has run without code for a region.
    pub(super) fn heat(&self, id: BlockId) -> u32 {
        let cached = self.blocks.get(id);
        if cached.extra.base == 0 {
            return cached.extra.heat;
        }
        let left = self.blocks.runs(id).max(0);
        let since = cached.extra.granted.saturating_sub(left).max(0);
        cached.extra.heat.saturating_add(since as u32)
    }

    /// Has the region translated that starts with block `id`, if it is hot and has not just been
    /// found in the store.
    fn translate_if_hot(&mut self, vm: &mut Vm, id: BlockId) {
        let (extra, hot) = (&self.blocks.get(id).extra, self.hot());
        let heat = extra.heat.max(extra.wanted);
        let threshold = extra.threshold(hot);
        let is_hot = heat > threshold || heat > threshold / EARLY && self.translates_early();
        if is_hot && extra.translation == 0 {
            self.translate(vm, id);
        }
    }

    /// Whether blocks are translated before they are hot: while the thread that does it has time
    /// and takes none from guests.
    fn translates_early(&self) -> bool {
        self.compiler.has_time() && self.compiler.is_spare()
    }

    /// How often a block runs before it is hot.
    pub(super) fn hot(&self) -> u32 {
        let fitting = match self.compiler.is_spare() {
            true => JitConfig::SPARE,
            false => JitConfig::DEAR,
        };
        self.config.hot.unwrap_or(fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_looked_after_at_a_few_of_its_runs() {
        let mut extra = Extra::default();
        let mut looks = Vec::new();
        for _ in 0..100 {
            if extra.warm() {
                looks.push(extra.heat);
                extra.due = extra.next_look();
            }
        }
        assert_eq!(looks, [1, 2, 4, 8, 16, 20, 25, 31, 38, 47, 58, 72, 90]);
        extra.cool();
        assert!(extra.warm(), "what was forgotten is looked after at once");
    }

    #[test]
    fn a_block_in_a_region_needs_more_heat() {
        let mut extra = Extra::default();
        assert_eq!(extra.threshold(1000), 1000);
        extra.regions.push(1);
        assert_eq!(extra.threshold(1000), 1000 * COVERED);
        assert_eq!(extra.threshold(u32::MAX), u32::MAX);
    }
}
