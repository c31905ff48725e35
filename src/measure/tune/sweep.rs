//! The settings of a sweep: the default, each dimension by itself, and two of them together.

use super::super::{Results, Setting};
use super::{Dimension, DimensionError};

/// Two dimensions that are varied together, by their indices.
pub type Grid = [usize; 2];

/// A value of a dimension, both by their indices.
type Choice = (usize, usize);

/// A sweep over the settings of a guest.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What is varied.
    pub dimensions: Vec<Dimension>,
    /// What is varied together.
    pub grid: Option<Grid>,
    /// All settings, each once; the default is the first.
    pub settings: Vec<Setting>,
}

/// The name of the setting without any switches.
const DEFAULT: &str = "default";

impl Sweep {
    /// A sweep over `dimensions`. `grid` names the two that are varied together, as in
    /// `hot,region`; without, the first two are, if there are as many.
    ///
    /// # Errors
    /// When `grid` does not name two of the dimensions.
    pub fn new(dimensions: Vec<Dimension>, grid: Option<&str>) -> Result<Self, DimensionError> {
        let grid = match grid {
            Some(given) => Some(find_grid(&dimensions, given)?),
            None => (dimensions.len() >= 2).then_some([0, 1]),
        };
        let mut sweep = Self {
            dimensions,
            grid,
            settings: Vec::new(),
        };
        let mut points: Vec<Vec<Choice>> = vec![Vec::new()];
        for (dimension, values) in sweep.dimensions.iter().map(|d| d.values.len()).enumerate() {
            points.extend((0..values).map(|value| vec![(dimension, value)]));
        }
        if let Some([a, b]) = grid {
            for i in 0..sweep.dimensions[a].values.len() {
                let values = 0..sweep.dimensions[b].values.len();
                points.extend(values.map(|j| vec![(a, i), (b, j)]));
            }
        }
        for point in points {
            let setting = sweep.setting(&point);
            if !sweep.settings.contains(&setting) {
                sweep.settings.push(setting);
            }
        }
        Ok(sweep)
    }

    /// The JIT with these values, and the default of everything else.
    fn setting(&self, point: &[Choice]) -> Setting {
        let mut flags = Vec::new();
        for &(dimension, value) in point {
            let dimension = &self.dimensions[dimension];
            if dimension.default_index() != Some(value) {
                flags.push(format!("--{}", dimension.switch));
                flags.push(dimension.values[value].clone());
            }
        }
        let name = match flags.as_slice() {
            [] => DEFAULT.to_owned(),
            flags => flags.join(" "),
        };
        Setting {
            name,
            ..Setting::engine("jit", flags)
        }
    }

    /// The index among the settings of the one with these values.
    #[must_use]
    pub fn index(&self, point: &[Choice]) -> usize {
        let wanted = self.setting(point);
        let place = self.settings.iter().position(|setting| *setting == wanted);
        place.unwrap_or_default()
    }

    /// The index of the setting that took the least time of those that were surely faster than the
    /// default; of the default if there is none.
    #[must_use]
    pub fn best(results: &Results) -> usize {
        let Some(guest) = results.guests.first() else {
            return 0;
        };
        let all = guest.measured.iter().enumerate();
        all.filter(|(_, measured)| measured.beats(&guest.measured[0]))
            .min_by(|(_, a), (_, b)| a.wall.median.total_cmp(&b.wall.median))
            .map_or(0, |(index, _)| index)
    }
}

fn find_grid(dimensions: &[Dimension], given: &str) -> Result<Grid, DimensionError> {
    let find = |name: &str| {
        let name = name.trim().trim_start_matches('-');
        dimensions.iter().position(|d| d.switch == name)
    };
    let found = given
        .split_once(',')
        .and_then(|(a, b)| Some([find(a)?, find(b)?]))
        .filter(|[a, b]| a != b);
    found.ok_or_else(|| {
        let known: Vec<_> = dimensions.iter().map(|d| d.switch.as_str()).collect();
        DimensionError::Grid {
            given: given.to_owned(),
            known: known.join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(dimensions: &[&str], grid: Option<&str>) -> Result<Sweep, DimensionError> {
        let dimensions: Vec<_> = dimensions.iter().map(|d| (*d).to_owned()).collect();
        Sweep::new(Dimension::parse_all(&dimensions)?, grid)
    }

    #[test]
    fn a_sweep_has_each_setting_once_and_the_default_first() {
        let sweep = sweep(&["hot=10,1000", "region=1,200,300"], None).unwrap();
        let names: Vec<_> = sweep.settings.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "default",
                "--hot 10",
                "--region 1",
                "--region 300",
                "--hot 10 --region 1",
                "--hot 10 --region 300",
            ]
        );
        assert_eq!(sweep.index(&[]), 0);
        assert_eq!(sweep.index(&[(0, 1), (1, 1)]), 0, "both are the default");
        assert_eq!(sweep.index(&[(0, 0), (1, 2)]), 5);
    }

    #[test]
    fn a_grid_is_two_dimensions_that_are_varied() {
        assert_eq!(sweep(&["hot=10"], None).unwrap().grid, None);
        let known = sweep(&[], Some("jit-threads,--hot")).unwrap();
        assert_eq!(known.grid, Some([2, 0]));
        for given in ["hot", "hot,hot", "hot,cpu", ""] {
            let error = sweep(&[], Some(given)).unwrap_err().to_string();
            assert!(error.contains("hot, region, jit-threads"), "{error}");
        }
    }
}
