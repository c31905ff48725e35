//! What a handful of measured times say.

use serde::Serialize;

/// Some measured values of one thing, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// The one in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// All, in the order in which they were measured.
    pub all: Vec<f64>,
}

impl Sample {
    /// What `all` say.
    #[must_use]
    pub fn of(all: Vec<f64>) -> Self {
        Self {
            median: median(&all),
            least: all.iter().copied().reduce(f64::min).unwrap_or_default(),
            most: all.iter().copied().reduce(f64::max).unwrap_or_default(),
            all,
        }
    }

    /// How far apart the least and the most are, as a share of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        if self.median > 0.0 {
            (self.most - self.least) / self.median
        } else {
            0.0
        }
    }
}

/// The value in the middle, or the mean of the two there; 0 of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The mean that ratios have: it does not matter which way round they are; 0 of none.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> f64 {
    if ratios.is_empty() {
        return 0.0;
    }
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_knows_its_middle_and_its_ends() {
        let sample = Sample::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((sample.median, sample.least, sample.most), (2.0, 1.0, 3.0));
        assert_eq!((sample.spread(), sample.all[0]), (1.0, 3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(Sample::of(Vec::new()), Sample::default());
    }

    #[test]
    fn ratios_and_their_inverses_have_inverse_means() {
        assert!((geometric_mean(&[0.5, 8.0]) - 2.0).abs() < 1e-12);
        assert!((geometric_mean(&[2.0, 0.125]) - 0.5).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), 0.0);
    }
}
