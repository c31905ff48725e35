//! What is told of code that is translated, as marks of a timeline.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::{Shared, Track, lock};

/// Writes each event that is told as a mark, at the guest's last moment that is known.
pub struct Translations(pub Shared);

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _: fmt::Result = write!(self.0, "{value:?}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Translations {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        lock(&self.0).mark(Track::Translations, &message.0, "");
    }
}
