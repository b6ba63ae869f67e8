use async_trait::async_trait;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel};
use time::OffsetDateTime;
use uuid::Uuid;
use vestibule_domain::Outage;
use vestibule_domain::ports::Turns;

use crate::Sql;
use crate::entity::turn::{Column, Entity, Model};

/// [`Turns`] in the database of the accounts, which every instance sees.
pub struct SqlTurns {
    sql: Sql,
    instance: Uuid,
}

/// What is done in turns. There is one thing so far.
const CLEAN_UP: &str = "clean-up";

impl SqlTurns {
    /// Those of an instance that no other is.
    pub fn new(sql: Sql) -> Self {
        let instance = Uuid::now_v7();
        Self { sql, instance }
    }
}

#[async_trait]
impl Turns for SqlTurns {
    async fn take(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<bool, Outage> {
        let turn = Model {
            name: CLEAN_UP.to_owned(),
            instance: self.instance,
            until_at: until,
        };
        let is_to_be_had = Column::Instance
            .eq(self.instance)
            .or(Column::UntilAt.lte(now));
        let mine = OnConflict::column(Column::Name)
            .update_columns([Column::Instance, Column::UntilAt])
            .action_and_where(is_to_be_had)
            .to_owned();
        let taken = Entity::insert(turn.into_active_model())
            .on_conflict(mine)
            .exec_without_returning(&self.sql.write);
        self.sql
            .written(taken)
            .await
            .map(|rows| rows > 0)
            .map_err(Outage::during("asking whose turn it is"))
    }
}
