//! What a table of settings is made of: entries, each of which is a key of machine files and of
//! `--vm`, and, if it says so, a switch of commands.

use super::error::{Hint, Problem, SpecError};
use super::form::{Allowed, Form, Given, Kind};
use super::place::At;
use super::values::ValueError;

/// A command that takes settings as switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "commands are called as on the command line")]
pub enum Taker {
    Run,
    Trace,
    Inspect,
    Disasm,
    /// `bench` and `tune`.
    Measure,
}

/// What a switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It has a value.
    Value,
    /// It says `on`.
    On,
    /// It says `off`, and has a name and a help text of its own.
    Off(&'static str, &'static str),
}

/// The switch of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// What help lists it under.
    pub heading: &'static str,
    /// The commands that have it.
    pub takers: &'static [Taker],
    /// What it does.
    pub action: Action,
    /// Its short name.
    pub short: Option<char>,
    /// The argument without which it means nothing.
    pub needs: Option<&'static str>,
}

/// All that is known of a setting but the type of its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The key; a dot in it parts the name of a table from a key in that table.
    pub name: &'static str,
    /// What it means, for help and documentation.
    pub about: &'static str,
    /// What stands for a value in help.
    pub value_name: &'static str,
    /// Which types a value has in a machine file.
    pub kind: Kind,
    /// Which values there are.
    pub allowed: Allowed,
    /// What goes without saying: a value, or words.
    pub default: Option<&'static str>,
    /// The switch, if there is one.
    pub switch: Option<Switch>,
    /// QEMU's switches for the same.
    pub qemu: &'static [&'static str],
    /// Whether several machines cannot have it in common.
    pub own: bool,
    /// Whether a value of the switch may start with a hyphen.
    pub hyphens: bool,
}

impl Entry {
    /// The same with what it means, as a comment says it.
    pub(super) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// What it means, in words without a full stop.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.about.trim().trim_end_matches('.')
    }
}

/// A setting whose values are of type `T`.
#[derive(Debug)]
pub(super) struct Key<T> {
    pub entry: Entry,
    read: fn(&Given<'_>) -> Result<T, ValueError>,
}

/// A setting that is called `name`, with values of this form.
pub(super) const fn key<T>(name: &'static str, form: Form<T>) -> Key<T> {
    Key {
        entry: Entry {
            name,
            about: "",
            value_name: form.name,
            kind: form.kind,
            allowed: form.allowed,
            default: None,
            switch: None,
            qemu: &[],
            own: false,
            hyphens: false,
        },
        read: form.read,
    }
}

impl<T> Key<T> {
    /// The same, with what goes without saying.
    pub const fn default(mut self, default: &'static str) -> Self {
        self.entry.default = Some(default);
        self
    }

    /// The same for one machine alone: several cannot have it in common.
    pub const fn own(mut self) -> Self {
        self.entry.own = true;
        self
    }

    /// The same with values that may start with a hyphen.
    pub const fn hyphens(mut self) -> Self {
        self.entry.hyphens = true;
        self
    }

    /// The same with a switch that has a value.
    pub const fn switch(self, heading: &'static str, takers: &'static [Taker]) -> Self {
        self.acting(heading, takers, Action::Value)
    }

    /// The same with a switch that says `on`.
    pub const fn on(self, heading: &'static str, takers: &'static [Taker]) -> Self {
        self.acting(heading, takers, Action::On)
    }

    /// The same with a switch called `name` that says `off`.
    pub const fn off(
        self,
        heading: &'static str,
        takers: &'static [Taker],
        name: &'static str,
        about: &'static str,
    ) -> Self {
        self.acting(heading, takers, Action::Off(name, about))
    }

    const fn acting(
        mut self,
        heading: &'static str,
        takers: &'static [Taker],
        action: Action,
    ) -> Self {
        self.entry.switch = Some(Switch {
            heading,
            takers,
            action,
            short: None,
            needs: None,
        });
        self
    }

    /// The same with a short name for its switch.
    pub const fn short(mut self, short: char) -> Self {
        if let Some(switch) = &mut self.entry.switch {
            switch.short = Some(short);
        }
        self
    }

    /// The same with the argument that its switch needs.
    pub const fn needs(mut self, needs: &'static str) -> Self {
        if let Some(switch) = &mut self.entry.switch {
            switch.needs = Some(needs);
        }
        self
    }

    /// The same with what QEMU calls it.
    pub const fn qemu(mut self, names: &'static [&'static str]) -> Self {
        self.entry.qemu = names;
        self
    }

    /// The value that is given.
    pub fn read(&self, given: &Given<'_>) -> Result<At<T>, ValueError> {
        Ok(At {
            value: (self.read)(given)?,
            place: given.place.clone(),
        })
    }
}

/// A setting in the table of settings of type `S`.
#[derive(Debug)]
pub struct Row<S> {
    /// What is known of it.
    pub entry: Entry,
    pub(super) set: fn(&mut S, &Given<'_>) -> Result<(), ValueError>,
    pub(super) merge: fn(&mut S, &S),
    pub(super) is_said: fn(&S) -> bool,
}

impl<S: Table> Row<S> {
    /// Has the value `given` be what `settings` say.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn set(&self, settings: &mut S, given: &Given<'_>) -> Result<(), SpecError> {
        (self.set)(settings, given).map_err(|why| {
            Problem::Value {
                key: self.entry.name.to_owned(),
                text: given.text.display().to_string(),
                why,
            }
            .at(given.place)
        })
    }

    /// Whether what is `given` is a value.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn check(&self, given: &Given<'_>) -> Result<(), ValueError> {
        (self.set)(&mut S::default(), given)
    }
}

/// Settings that a table describes. Of each, something is said or nothing.
pub trait Table: Clone + Default + 'static {
    /// The table.
    const ROWS: &'static [Row<Self>];

    /// These settings, and what they do not say as `base` says it, except what several machines
    /// cannot have in common.
    #[must_use]
    fn over(mut self, base: &Self) -> Self {
        for row in Self::ROWS.iter().filter(|row| !row.entry.own) {
            (row.merge)(&mut self, base);
        }
        self
    }

    /// Whether nothing is said.
    #[must_use]
    fn is_empty(&self) -> bool {
        !Self::ROWS.iter().any(|row| (row.is_said)(self))
    }

    /// The row of the key `name`.
    ///
    /// # Errors
    ///
    /// When there is none.
    fn row(name: &str) -> Result<&'static Row<Self>, Problem> {
        let found = Self::ROWS.iter().find(|row| row.entry.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ROWS.iter().map(|row| row.entry.name).collect();
            Problem::Key {
                key: name.to_owned(),
                hint: Hint::new(name, &names),
            }
        })
    }
}

/// Makes a type of settings and its table of entries. An entry has what it means as a comment, a
/// field for the value, its type, and its [`Key`].
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $owner:ident { $($(#[$more:meta])* $extra:ident: $kind:ty,)* }
        $($(#[doc = $about:literal])+ $field:ident: $type:ty = $key:expr;)+
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $owner {
            $($(#[$more])* pub $extra: $kind,)*
            $($(#[doc = $about])+ pub $field: Option<At<$type>>,)+
        }

        impl Table for $owner {
            const ROWS: &'static [Row<Self>] = &[$({
                const KEY: Key<$type> = $key;
                Row {
                    entry: KEY.entry.about(concat!($($about),+)),
                    set: |settings, given| {
                        settings.$field = Some(KEY.read(given)?);
                        Ok(())
                    },
                    merge: |settings, base| {
                        if settings.$field.is_none() {
                            settings.$field.clone_from(&base.$field);
                        }
                    },
                    is_said: |settings| settings.$field.is_some(),
                }
            }),+];
        }
    };
}
pub(super) use settings;
