//! Where settings come from, and what they may be called.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::BadConfig;
use super::keys::KEYS;

const PREFIX: &str = "VESTIBULE_";
const FILE: &str = "config/vestibule.toml";
/// Names another file; not a key.
const FILE_VARIABLE: &str = "VESTIBULE_CONFIG";

/// Settings that came together.
struct Layer {
    source: Source,
    settings: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings").source(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

/// The file with the variables laid over it. Every name in it is known.
pub(super) fn read(
    folder: &Path,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Figment, BadConfig> {
    let mut path = None;
    let mut above = Vec::new();
    for (name, text) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) {
            continue;
        }
        let text = text.into_string().map_err(|_| {
            BadConfig(format!(
                "{} is not UTF-8, but a text is expected",
                name.escape_debug()
            ))
        })?;
        if name == FILE_VARIABLE {
            path = Some(text);
        } else {
            above.push(variable(folder, &name, text)?);
        }
    }

    refuse_doubled(&above)?;
    let below = file(folder, path.as_deref())?;
    Ok(below
        .into_iter()
        .chain(above)
        .fold(Figment::new(), Figment::merge))
}

/// One variable. Its value stays the text that it is: figment's own provider
/// would make a number of a secret that is all digits.
fn variable(folder: &Path, name: &str, text: String) -> Result<Layer, BadConfig> {
    let source = Source::from(name);
    let key_of = |name: &str| KEYS.iter().find(|key| variable_of(key.name) == name);
    let by_file = name.strip_suffix("_FILE").and_then(key_of);
    let (key, text) = match (key_of(name), by_file) {
        (Some(key), _) => (key, text),
        (None, Some(key)) => (key, contents(folder, name, &text)?),
        (None, None) => {
            let path = name.replacen(PREFIX, "", 1).replace("__", ".");
            return Err(unknown(&path.to_lowercase(), source));
        }
    };
    let settings = figment::util::nest(key.name, text.into()).into_dict();
    Ok(Layer {
        source,
        settings: settings.unwrap_or_default(),
    })
}

/// What the file holds that a variable names, without the end of its last line.
fn contents(folder: &Path, name: &str, path: &str) -> Result<String, BadConfig> {
    let mut text = std::fs::read_to_string(folder.join(path)).map_err(|e| {
        BadConfig(format!(
            "{name} is {path:?}, but a file that can be read is expected: {e}"
        ))
    })?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// Refuses a key that is set by its variable and by a file as well: which of them
/// counts, nobody could tell.
fn refuse_doubled(layers: &[Layer]) -> Result<(), BadConfig> {
    for layer in layers {
        let Source::Custom(name) = &layer.source else {
            continue;
        };
        let doubled = format!("{name}_FILE");
        if layers
            .iter()
            .any(|other| matches!(&other.source, Source::Custom(name) if *name == doubled))
        {
            return Err(BadConfig(format!(
                "{name} and {doubled} are both set, but one of them is expected"
            )));
        }
    }
    Ok(())
}

/// The variable that sets `key`.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// The file at `path`, which then must be there, or else the usual one.
fn file(folder: &Path, path: Option<&str>) -> Result<Option<Layer>, BadConfig> {
    let name = path.unwrap_or(FILE);
    let text = match (std::fs::read_to_string(folder.join(name)), path) {
        (Ok(text), _) => text,
        (Err(e), None) if e.kind() == ErrorKind::NotFound => return Ok(None),
        (Err(e), None) => return Err(BadConfig(format!("{FILE} cannot be read: {e}"))),
        (Err(e), Some(path)) => {
            let found = format!("{FILE_VARIABLE} is {path:?}, but a file that can be read");
            return Err(BadConfig(format!("{found} is expected: {e}")));
        }
    };

    let settings = Toml::from_str::<Dict>(&text).map_err(|e| {
        // Not `e` itself: it quotes the line, and a secret may stand in it.
        let message = e.message().replace('\n', ", ");
        let before = text
            .get(..e.span().unwrap_or_default().start)
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        BadConfig(format!("{name}, line {line}, column {column}: {message}"))
    })?;

    let source = Source::from(Path::new(name));
    check_names(&settings, &source)?;
    Ok(Some(Layer { source, settings }))
}

/// Refuses what is not a key or not a section. Done before a variable is laid
/// over the file, which could hide a mistake in it.
fn check_names(settings: &Dict, source: &Source) -> Result<(), BadConfig> {
    for (name, value) in settings {
        if KEYS
            .iter()
            .any(|key| key.name == name && !name.contains('.'))
        {
            continue;
        }
        let keys = keys_of(name);
        if keys.is_empty() {
            return Err(unknown(name, source.clone()));
        }
        let Value::Dict(_, section) = value else {
            let named = Named(name, Some(source.clone()));
            let keys = keys.join(", ");
            // Its value is not told: it may be a secret that should stand in there.
            return Err(BadConfig(format!(
                "{named} is not a section, but a section [{name}] with {keys} is expected"
            )));
        };
        if let Some(key) = section.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(unknown(&format!("{name}.{key}"), source.clone()));
        }
    }
    Ok(())
}

/// The sentence for a name that is not in the table.
fn unknown(path: &str, source: Source) -> BadConfig {
    let letters = |name: &str| name.replace(['.', '_'], "").to_lowercase();
    let meant = KEYS.iter().find(|key| letters(key.name) == letters(path));
    let section = path.split('.').next().unwrap_or_default();
    let keys = keys_of(section);

    let help = match (&source, meant) {
        // The usual slip: VESTIBULE_SERVER_PORT.
        (Source::Custom(_), Some(key)) => format!("{} is", variable_of(key.name)),
        _ if keys.is_empty() => format!("there are: {}", sections().join(", ")),
        _ => format!("in [{section}] there are: {}", keys.join(", ")),
    };
    let named = Named(path, Some(source));
    BadConfig(format!("{named} is not a key of Vestibule; {help}"))
}

/// The keys in `section`, without its name.
fn keys_of(section: &str) -> Vec<&'static str> {
    let inside = KEYS.iter().filter_map(|key| key.name.split_once('.'));
    inside
        .filter(|(outer, _)| *outer == section)
        .map(|(_, key)| key)
        .collect()
}

/// The sections, and the keys that stand in none.
fn sections() -> Vec<String> {
    let mut names: Vec<_> = KEYS
        .iter()
        .map(|key| match key.name.split_once('.') {
            Some((section, _)) => format!("[{section}]"),
            None => key.name.to_owned(),
        })
        .collect();
    names.dedup();
    names
}

/// A number or a truth value as the text that it would be in a variable.
pub(super) fn text(scalar: &Value) -> String {
    match scalar {
        Value::String(_, text) => text.clone(),
        Value::Char(_, c) => c.to_string(),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, Num::F32(n)) => n.to_string(),
        Value::Num(_, Num::F64(n)) => n.to_string(),
        Value::Num(_, n) => match (n.to_i128(), n.to_u128()) {
            (Some(n), _) => n.to_string(),
            (None, Some(n)) => n.to_string(),
            (None, None) => String::new(),
        },
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => String::new(),
    }
}

/// A key and where it was set.
pub(super) struct Named<'k>(pub(super) &'k str, pub(super) Option<Source>);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0.escape_debug();
        match &self.1 {
            None => write!(f, "{key} (the default)"),
            Some(Source::File(path)) => write!(f, "{key} (set in {})", path.display()),
            Some(variable) => write!(f, "{key} (set by {variable})"),
        }
    }
}
