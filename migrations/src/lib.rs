//! The database schema, one step a file. A step that was released is never edited: the next one corrects it.

#![expect(elided_lifetimes_in_paths, reason = "`MigrationTrait` is declared so")]

use sea_orm_migration::prelude::*;

mod m20261123_000001_users;
mod m20261123_000002_sessions;
mod m20261125_000003_attempts;
mod m20261125_000004_events;
mod m20261125_000005_site;
mod m20261125_000006_session_origin;
mod m20261125_000007_history;
mod m20261128_000008_mail;
mod m20261128_000009_disabled;
mod m20261128_000010_leaving;
mod m20261128_000011_turns;
mod m20261128_000012_invitations;

/// All steps, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_users::Migration),
            Box::new(m20261123_000002_sessions::Migration),
            Box::new(m20261125_000003_attempts::Migration),
            Box::new(m20261125_000004_events::Migration),
            Box::new(m20261125_000005_site::Migration),
            Box::new(m20261125_000006_session_origin::Migration),
            Box::new(m20261125_000007_history::Migration),
            Box::new(m20261128_000008_mail::Migration),
            Box::new(m20261128_000009_disabled::Migration),
            Box::new(m20261128_000010_leaving::Migration),
            Box::new(m20261128_000011_turns::Migration),
            Box::new(m20261128_000012_invitations::Migration),
        ]
    }
}
