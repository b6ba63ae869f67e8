use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use vestibule_domain::{Event, RequestId};

use crate::entity::event::Model;

/// The row that follows one of this hash.
pub(super) fn row(seq: i64, before: &[u8], event: &Event) -> Model {
    let facts = event
        .facts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
    let mut row = Model {
        seq,
        at: event.at,
        kind: event.kind.as_str().to_owned(),
        request: event.request.as_ref().map(RequestId::to_string),
        user_id: event.user.map(|user| user.0),
        address: event.address.map(|address| address.to_string()),
        facts: Value::Object(facts.collect::<Map<_, _>>()).to_string(),
        hash: Vec::new(),
    };
    row.hash = hash(before, &row);
    row
}

/// Over the hash of the row before, and each column of this one, in a form that no two rows share: a column has its length
/// before it, and one that is absent has a length that none has.
pub(super) fn hash(before: &[u8], row: &Model) -> Vec<u8> {
    let (seq, at) = (row.seq.to_be_bytes(), row.at.unix_timestamp().to_be_bytes());
    let columns = [
        Some(before),
        Some(&seq),
        Some(&at),
        Some(row.kind.as_bytes()),
        row.request.as_ref().map(String::as_bytes),
        row.user_id.as_ref().map(|user| user.as_bytes().as_slice()),
        row.address.as_ref().map(String::as_bytes),
        Some(row.facts.as_bytes()),
    ];
    let mut digest = Sha256::new();
    for column in columns {
        let length = column.map_or(u64::MAX, |column| column.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(column.unwrap_or_default());
    }
    digest.finalize().to_vec()
}

/// As they were written; nothing where a row was edited into nonsense.
pub(super) fn facts(json: &str) -> Vec<(String, String)> {
    let facts: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    facts
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;
    use vestibule_domain::{EventKind, UserId};

    #[test]
    fn every_column_counts() {
        let event = Event {
            at: datetime!(2026-11-25 12:00 UTC),
            kind: EventKind::LoginFailed,
            request: RequestId::random().ok(),
            user: Some(UserId::new()),
            address: Some([203, 0, 113, 7].into()),
            facts: vec![("rule", "account".to_owned())],
        };
        let right = row(7, &[1; 32], &event);
        let changes: [fn(&mut Model); 9] = [
            |row| row.seq += 1,
            |row| row.at += time::Duration::SECOND,
            |row| row.kind = "authn_login_success".to_owned(),
            |row| row.request = None,
            |row| row.user_id = None,
            |row| row.address = None,
            |row| row.address = Some(String::new()),
            |row| row.facts = "{}".to_owned(),
            |row| {
                // What one column loses, its neighbour gains.
                row.kind.push('x');
                row.request = row.request.as_ref().map(|id| id[1..].to_owned());
            },
        ];
        assert_eq!(hash(&[1; 32], &right), right.hash);
        assert_ne!(hash(&[2; 32], &right), right.hash, "the row before counts");
        for (number, change) in changes.into_iter().enumerate() {
            let mut edited = right.clone();
            change(&mut edited);
            assert_ne!(hash(&[1; 32], &edited), right.hash, "{number}");
        }
    }

    #[test]
    fn facts_are_read_back() {
        let event = Event {
            at: datetime!(2026-11-25 12:00 UTC),
            kind: EventKind::LoginFailed,
            request: None,
            user: None,
            address: None,
            facts: vec![("a", "\"x\"\r\n".to_owned()), ("b", "é".to_owned())],
        };
        let row = row(1, &[0; 32], &event);
        let expected = [("a", "\"x\"\r\n"), ("b", "é")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(facts(&row.facts), expected);
        assert_eq!(facts("nonsense"), []);
    }
}
