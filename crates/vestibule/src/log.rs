//! The log: one line for each thing that happens, whatever is in it.

use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::Config;
use crate::config::Format;

/// Begins to write to standard error what `config` wants to see.
pub fn start(config: &Config) {
    let level = config.log.level.as_str();
    let levels = EnvFilter::new(format!(
        "{level},rocket_dyn_templates=warn,hyper=error,sqlx=warn,sea_orm=warn,sea_orm_migration=warn"
    ));
    // Rocket tells about every request, address and all, and calls an ordinary 404 an error.
    let ours = filter_fn(|meta| {
        let target = meta.target();
        let theirs = target.starts_with("rocket::");
        let theirs_in_ours = target.starts_with("vestibule") && target.ends_with("::_");
        !theirs && !theirs_in_ours
    });
    tracing_subscriber::registry()
        .with(levels)
        .with(ours)
        .with(Lines(config.log.format))
        .init();
}

struct Lines(Format);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let meta = event.metadata();
        let mut line = match self.0 {
            Format::Json => json(*meta.level(), meta.target(), fields.0),
            Format::Text => text(*meta.level(), meta.target(), fields.0),
        };
        line.push('\n');
        // Nobody is left to tell when standard error is closed.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

fn now() -> String {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// `serde_json` escapes all that would end a line.
fn json(level: tracing::Level, target: &str, fields: Map<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), now().into());
    line.insert("level".to_owned(), level.as_str().to_lowercase().into());
    line.insert("target".to_owned(), target.into());
    for (name, value) in fields {
        // What an event tells is an object in itself.
        let value = match value.as_str() {
            Some(text) if name == "facts" => serde_json::from_str(text).unwrap_or(value),
            _ => value,
        };
        line.insert(name, value);
    }
    Value::Object(line).to_string()
}

fn text(level: tracing::Level, target: &str, mut fields: Map<String, Value>) -> String {
    let mut line = format!("{} {level:>5} {target}:", now());
    let message = fields.remove("message");
    if let Some(Value::String(message)) = message {
        line.push(' ');
        line.extend(message.chars().flat_map(harmless));
    }
    for (name, value) in fields {
        let _ = match value {
            // Quotes only where they tell where it ends.
            Value::String(text)
                if !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                write!(line, " {name}={text}")
            }
            other => {
                let text = other.to_string();
                let text: String = text.chars().flat_map(harmless).collect();
                write!(line, " {name}={text}")
            }
        };
    }
    line
}

/// What a terminal would act upon, or what would begin another line, as text.
fn harmless(c: char) -> impl Iterator<Item = char> {
    let odd = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let escaped = odd.then(|| c.escape_default());
    escaped.into_iter().flatten().chain((!odd).then_some(c))
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new line, a colour of the terminal, and what else ends a line for some readers.
    const ODD: &str = "ada\r\nWARN you: are hacked\u{1b}[2J\u{85}\u{2028}\u{7f}";

    fn fields(name: &str) -> Map<String, Value> {
        Map::from_iter([(name.to_owned(), json!(ODD))])
    }

    #[test]
    fn whatever_is_logged_is_one_line_of_text() {
        for name in ["message", "user"] {
            let line = text(tracing::Level::WARN, "here", fields(name));
            assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
            assert!(!line.contains('\u{2028}'), "{line:?}");
            assert!(line.contains("are hacked"), "{line}");
        }
    }

    #[test]
    fn whatever_is_logged_is_one_line_of_json() {
        for name in ["message", "user"] {
            let line = json(tracing::Level::WARN, "here", fields(name));
            assert_eq!(line.lines().count(), 1, "{line:?}");
            let read: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read[name], ODD);
            assert_eq!(read["level"], "warn");
            assert!(read["time"].as_str().unwrap().ends_with('Z'));
        }
    }
}
