//! The switches of the code cache, for the commands that run guests.

use std::path::PathBuf;

use clap::Args;

use crate::machine::{CodeCache, PolicyName, values};

/// How translations are kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Code cache")]
pub(super) struct CacheArgs {
    /// Keep at most so many bytes of translated code, 4K to 1G: a number with b, K, M or G. When
    /// they are used up, code is evicted and translated again if it is still hot
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, default_value = "48M")]
    pub(super) cache_bytes: usize,
    /// Evict in units of so many bytes, whole pages of 4K; larger code is not kept [default: a
    /// sixteenth of --cache-bytes]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub(super) cache_unit: Option<usize>,
    /// What to evict when all units are full
    #[arg(long, value_enum, value_name = "POLICY", default_value = "fifo")]
    pub(super) cache_policy: PolicyName,
    /// Keep translations in DIR, or nowhere with 'off': what one run has translated the next one
    /// finds. DIR is made if it is not there; it must be yours, and no one else may be able to write
    /// to it, as code is executed from there. Files in it can be removed at any time [default: the
    /// folder mirrorball in $XDG_CACHE_HOME or ~/.cache, 1 GB at most; off for lockstep]
    #[arg(long, value_name = "DIR")]
    code_cache: Option<PathBuf>,
}

impl CacheArgs {
    /// Where translations are kept.
    pub(super) fn code_cache(&self) -> CodeCache {
        match &self.code_cache {
            Some(path) if path.as_os_str() == "off" => CodeCache::Off,
            Some(path) => CodeCache::Folder(path.clone()),
            None => CodeCache::of_user(),
        }
    }
}
