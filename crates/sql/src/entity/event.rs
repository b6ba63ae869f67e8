use sea_orm::entity::prelude::*;
use time::OffsetDateTime;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub at: OffsetDateTime,
    pub kind: String,
    pub request: Option<String>,
    pub user_id: Option<Uuid>,
    pub address: Option<String>,
    pub facts: String,
    pub hash: Vec<u8>,
    /// What `personal` was made with. None: the row was emptied, or was written before rows could be.
    pub salt: Option<Vec<u8>>,
    /// What stands for request, user, address and facts in the hash.
    pub personal: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
