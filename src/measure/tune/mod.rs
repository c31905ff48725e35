//! Sweeps over the settings of one guest: one dimension at a time around the default, and two of
//! them together.
//!
//! [`Dimension`]s say which switches of `run` to vary and over which values, [`Sweep`] makes the
//! settings of a measurement from them, [`page`] shows what came of it.

mod dimension;
mod metric;
pub mod page;
mod sweep;

pub use dimension::{Dimension, DimensionError};
pub use metric::{METRICS, Metric};
pub use sweep::{Grid, Sweep};
