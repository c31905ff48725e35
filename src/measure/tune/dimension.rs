//! What can be varied: switches of `run`, and values for each.

use thiserror::Error;

use crate::engine::JitConfig;

/// A dimension that is known: one line for each.
struct Known {
    /// The switch, without its dashes.
    switch: &'static str,
    /// What it decides, for people.
    meaning: &'static str,
    /// The values to try.
    values: &'static [&'static str],
    /// The value that goes without saying.
    default: fn(&JitConfig) -> String,
}

/// The dimensions that are swept by default. The first two make the grid.
static KNOWN: &[Known] = &[
    Known {
        switch: "hot",
        meaning: "how often a block is interpreted before it is translated",
        values: &["30", "100", "300", "1000", "3000", "10000"],
        default: |config| config.hot.unwrap_or(JitConfig::SPARE).to_string(),
    },
    Known {
        switch: "region",
        meaning: "the most guest instructions that are translated together",
        values: &["1", "25", "50", "100", "200", "400", "800"],
        default: |config| config.region.to_string(),
    },
    Known {
        switch: "jit-threads",
        meaning: "threads that translate beside the guest",
        values: &["0", "1"],
        default: |config| u8::from(config.background).to_string(),
    },
    Known {
        switch: "baseline",
        meaning: "how often a block is interpreted before it is translated by itself",
        values: &["0", "4", "16", "64", "256"],
        default: |config| config.baseline.to_string(),
    },
    Known {
        switch: "cache-bytes",
        meaning: "the most bytes of translated code that are kept",
        values: &["256K", "1M", "4M", "16M", "128M"],
        default: |config| format!("{}M", config.cache.bytes >> 20),
    },
    Known {
        switch: "cache-unit",
        meaning: "the bytes of code that are evicted together",
        values: &["64K", "256K", "1M", "4M"],
        default: |config| format!("{}M", config.cache.bytes >> 24),
    },
    Known {
        switch: "cache-policy",
        meaning: "what is evicted when the cache is full",
        values: &["flush", "fifo", "least-used"],
        default: |_| "fifo".into(),
    },
];

/// A switch of `run` and the values to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The switch, without its dashes.
    pub switch: String,
    /// What it decides, for people; empty if that was not said.
    pub meaning: &'static str,
    /// The values, the default among them if it is known.
    pub values: Vec<String>,
    /// The value that goes without saying.
    pub default: Option<String>,
}

/// Why there is no such dimension.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum DimensionError {
    #[error(
        "--vary {0}: it is not known which values to try; give them, as in --vary {0}=10,20,40"
    )]
    NoValues(String),
    #[error("--vary {0:?}: write SWITCH or SWITCH=VALUE,VALUE,.. such as hot=10,100,1000")]
    Syntax(String),
    #[error("--vary {0} is given twice; give all its values once")]
    Twice(String),
    #[error("--grid {given:?}: write two of the dimensions that are varied, which are {known}")]
    Grid { given: String, known: String },
}

impl Dimension {
    /// All dimensions that are known.
    #[must_use]
    pub fn known() -> Vec<Self> {
        KNOWN.iter().map(Self::of).collect()
    }

    fn of(known: &Known) -> Self {
        Self {
            switch: known.switch.to_owned(),
            meaning: known.meaning,
            values: known.values.iter().map(|&value| value.to_owned()).collect(),
            default: Some((known.default)(&JitConfig::default())),
        }
        .with_default()
    }

    /// The dimension that `text` asks for: `SWITCH`, or `SWITCH=VALUE,VALUE,..`.
    ///
    /// # Errors
    /// When it asks for none, or for a switch without values that is not known.
    pub fn parse(text: &str) -> Result<Self, DimensionError> {
        let (switch, values) = match text.split_once('=') {
            Some((switch, values)) => (switch, Some(values)),
            None => (text, None),
        };
        let switch = switch.trim_start_matches('-');
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if switch.is_empty() || !switch.chars().all(good) {
            return Err(DimensionError::Syntax(text.to_owned()));
        }
        let known = KNOWN.iter().find(|known| known.switch == switch);
        let Some(values) = values else {
            let known = known.ok_or_else(|| DimensionError::NoValues(switch.to_owned()))?;
            return Ok(Self::of(known));
        };
        let mut unique: Vec<String> = Vec::new();
        for value in values.split(',').map(str::trim) {
            if value.is_empty() {
                return Err(DimensionError::Syntax(text.to_owned()));
            }
            if unique.iter().all(|seen| seen != value) {
                unique.push(value.to_owned());
            }
        }
        Ok(Self {
            switch: switch.to_owned(),
            meaning: known.map_or("", |known| known.meaning),
            values: unique,
            default: known.map(|known| (known.default)(&JitConfig::default())),
        }
        .with_default())
    }

    /// The dimensions that `texts` ask for; all that are known if there are none.
    ///
    /// # Errors
    /// As [`Dimension::parse`], and when one is given twice.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, DimensionError> {
        if texts.is_empty() {
            return Ok(Self::known());
        }
        let mut all: Vec<Self> = Vec::new();
        for text in texts {
            let dimension = Self::parse(text)?;
            if all.iter().any(|other| other.switch == dimension.switch) {
                return Err(DimensionError::Twice(dimension.switch));
            }
            all.push(dimension);
        }
        Ok(all)
    }

    /// Puts the default among the values, in its place if they are numbers.
    fn with_default(mut self) -> Self {
        let Some(default) = &self.default else {
            return self;
        };
        if !self.values.contains(default) {
            let number = |text: &String| text.parse::<u64>().ok();
            let place = self.values.iter().position(|value| {
                matches!((number(value), number(default)), (Some(value), Some(default)) if value > default)
            });
            let place = place.unwrap_or(self.values.len());
            self.values.insert(place, default.clone());
        }
        self
    }

    /// The index of the default among the values.
    #[must_use]
    pub fn default_index(&self) -> Option<usize> {
        let default = self.default.as_ref()?;
        self.values.iter().position(|value| value == default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_dimensions_have_their_default_among_their_values() {
        let known = Dimension::known();
        assert!(known.len() >= 3);
        for dimension in known {
            assert!(dimension.default_index().is_some(), "{dimension:?}");
        }
    }

    #[test]
    fn a_dimension_may_be_any_switch() {
        let hot = Dimension::parse("--hot=10,5000,10").unwrap();
        assert_eq!(hot.values, ["10", "1000", "5000"]);
        let cpu = Dimension::parse("cpu=4Kc,24Kf").unwrap();
        assert_eq!((cpu.values.len(), cpu.default_index()), (2, None));
        assert_eq!(Dimension::parse("region").unwrap().switch, "region");
    }

    #[test]
    fn what_is_no_dimension_says_so() {
        use DimensionError::{NoValues, Syntax, Twice};
        let parse = |text: &str| Dimension::parse(text).unwrap_err();
        assert_eq!(parse("cpu"), NoValues("cpu".into()));
        for text in ["", "=1", "hot=", "hot=1,,2", "h t=1"] {
            assert_eq!(parse(text), Syntax(text.into()));
        }
        let twice = ["hot".into(), "hot=1".into()];
        assert_eq!(Dimension::parse_all(&twice), Err(Twice("hot".into())));
        assert_eq!(Dimension::parse_all(&[]).unwrap(), Dimension::known());
    }
}
