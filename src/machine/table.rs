//! What a table of settings is made of: entries, each of which is a key of machine files and of
//! `--vm`, and, if it says so, a switch of commands.

use super::error::{Hint, Problem, SpecError};
use super::form::{Allowed, Form, Given, Kind};
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

/// All that is known of a setting but the type of its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The key; a dot in it parts the name of a table from a key in that table.
    pub name: &'static str,
    /// What it means, for help and documentation.
    pub about: &'static str,
    /// What goes without saying, a value or words; empty if nothing does.
    pub default: &'static str,
    /// Which types a value has in a machine file.
    pub kind: Kind,
    /// Which values there are.
    pub allowed: Allowed,
    /// What stands for a value in help.
    pub value_name: &'static str,
    /// The commands that have a switch for it.
    pub takers: &'static [Taker],
    /// What their help lists the switch under.
    pub heading: &'static str,
    /// What the switch does.
    pub action: Action,
    /// Its short name.
    pub short: Option<char>,
    /// The argument without which it means nothing.
    pub needs: Option<&'static str>,
    /// QEMU's switches for the same.
    pub qemu: &'static [&'static str],
    /// Whether several machines cannot have it in common.
    pub own: bool,
    /// Whether a snapshot says it, so that nothing else can.
    pub saved: bool,
}

impl Entry {
    /// Whether it may be given several times, each time with one value more.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.kind == Kind::Texts
    }

    /// An entry of which no more is known than the form of its values.
    pub(super) const fn of<T>(form: &Form<T>) -> Self {
        Self {
            name: "",
            about: "",
            default: "",
            kind: form.kind,
            allowed: form.allowed,
            value_name: form.name,
            takers: &[],
            heading: "",
            action: Action::Value,
            short: None,
            needs: None,
            qemu: &[],
            own: false,
            saved: false,
        }
    }

    /// What it means, in words without a full stop.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.about.trim().trim_end_matches('.')
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
        self.put(settings, given)
            .map_err(|problem| problem.at(given.place))
    }

    /// The same, for a text that is a part of another one, whose place is known.
    pub(super) fn put(&self, settings: &mut S, given: &Given<'_>) -> Result<(), Problem> {
        (self.set)(settings, given).map_err(|why| Problem::Value {
            key: self.entry.name.to_owned(),
            text: given.text.display().to_string(),
            why,
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

    /// The first setting that is said although a snapshot says it.
    #[must_use]
    fn saved(&self) -> Option<&'static str> {
        let saved = Self::ROWS.iter().filter(|row| row.entry.saved);
        let mut said = saved.filter(|row| (row.is_said)(self));
        said.next().map(|row| row.entry.name)
    }

    /// The first setting that is said although it is none of this command's.
    #[must_use]
    fn said_beyond(&self, taker: Taker) -> Option<&'static str> {
        let mut said = Self::ROWS.iter().filter(|row| (row.is_said)(self));
        let beyond = said.find(|row| !row.entry.takers.contains(&taker));
        beyond.map(|row| row.entry.name)
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

/// Makes a type of settings and its table. An entry has what it means as a comment, a field for the
/// value, its type, the [`Form`] in which it is written, and what else its [`Entry`] says.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        pub struct $owner:ident { $($(#[$more:meta])* $extra:ident: $kind:ty,)* }
        $($(#[doc = $about:literal])+ $field:ident: $type:ty, $form:expr => { $($entry:tt)+ })+
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $owner {
            $($(#[$more])* pub $extra: $kind,)*
            $($(#[doc = $about])+ pub $field: Option<At<$type>>,)+
        }

        impl Table for $owner {
            const ROWS: &'static [Row<Self>] = &[$({
                const FORM: Form<$type> = $form;
                Row {
                    entry: Entry { about: concat!($($about),+), $($entry)+, ..Entry::of(&FORM) },
                    set: |settings, given| FORM.set(&mut settings.$field, given),
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
