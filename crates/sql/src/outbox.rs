use async_trait::async_trait;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Iterable,
    QueryFilter, QueryOrder, QuerySelect, Set,
};
use time::OffsetDateTime;
use vestibule_domain::ports::Outbox;
use vestibule_domain::{EmailAddress, Letter, LetterId, LetterKind, Outage, UserId, Waiting};

use crate::Sql;
use crate::entity::outbox::{Column, Entity, Model};

/// [`Outbox`] in the database of the accounts. Letters go with their account.
pub struct SqlOutbox(pub Sql);

/// What stands for a wish where a letter has its kind.
const WISH: &str = "wish";

/// Puts letters, as part of a step that they tell of.
pub(crate) async fn put_all(
    transaction: &impl ConnectionTrait,
    letters: &[Letter],
) -> Result<(), DbErr> {
    for letter in letters {
        let waiting = Waiting::Letter(letter.clone());
        put(transaction, &waiting).await?;
    }
    Ok(())
}

async fn put(database: &impl ConnectionTrait, waiting: &Waiting) -> Result<(), DbErr> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
    let newer = OnConflict::column(Column::Id)
        .update_columns(columns)
        .to_owned();
    Entity::insert(row(waiting).into_active_model())
        .on_conflict(newer)
        .exec_without_returning(database)
        .await
        .map(drop)
}

impl SqlOutbox {
    async fn take_one(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<Model>, DbErr> {
        let due = Entity::find()
            .filter(Column::DueAt.lte(now))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id);
        // Mostly there is none: nobody waits for the writer then.
        if due.clone().one(&self.0.read).await?.is_none() {
            return Ok(None);
        }
        let transaction = self.0.begin().await?;
        // Two who take at once each leave to the other what the other has begun with.
        let row = due
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(&transaction)
            .await?;
        if let Some(row) = &row {
            let mut taken = row.clone().into_active_model();
            taken.due_at = Set(until);
            taken.tries = Set(row.tries.saturating_add(1));
            taken.update(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(row)
    }
}

#[async_trait]
impl Outbox for SqlOutbox {
    async fn put(&self, waiting: &Waiting) -> Result<(), Outage> {
        self.0
            .written(put(&self.0.write, waiting))
            .await
            .map_err(Outage::during("putting a letter into the outbox"))
    }

    async fn take(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<(Waiting, u32)>, Outage> {
        self.0
            .written(self.take_one(now, until))
            .await
            .map_err(Outage::during("taking a letter from the outbox"))?
            .map(|row| {
                let tries = u32::try_from(row.tries).unwrap_or_default();
                Ok((waiting(row)?, tries))
            })
            .transpose()
    }

    async fn remove(&self, id: LetterId) -> Result<(), Outage> {
        self.0
            .written(Entity::delete_by_id(id.0).exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("taking a letter out of the outbox"))
    }

    async fn put_off(&self, id: LetterId, until: OffsetDateTime) -> Result<(), Outage> {
        let later = Entity::update_many()
            .col_expr(Column::DueAt, until.into())
            .filter(Column::Id.eq(id.0));
        self.0
            .written(later.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("putting a letter off"))
    }
}

fn row(waiting: &Waiting) -> Model {
    match waiting.clone() {
        Waiting::Letter(letter) => Model {
            id: letter.id.0,
            kind: letter.kind.as_str().to_owned(),
            user_id: Some(letter.user.0),
            recipient: letter.to.as_str().to_owned(),
            happened_at: letter.at,
            since_at: letter.since,
            browser: letter.browser,
            seen_from: letter.from,
            about: letter.about.map(|about| about.as_str().to_owned()),
            due_at: letter.at,
            tries: 0,
        },
        Waiting::Wish {
            id,
            typed,
            at,
            browser,
            from,
        } => Model {
            id: id.0,
            kind: WISH.to_owned(),
            user_id: None,
            recipient: typed,
            happened_at: at,
            since_at: at,
            browser,
            seen_from: from,
            about: None,
            due_at: at,
            tries: 0,
        },
    }
}

/// A row is checked on its way in, as a user's is.
fn waiting(row: Model) -> Result<Waiting, Outage> {
    const DURING: &str = "reading a letter's row";
    let id = LetterId(row.id);
    let (at, browser, from) = (row.happened_at, row.browser, row.seen_from);
    if row.kind == WISH {
        return Ok(Waiting::Wish {
            id,
            typed: row.recipient,
            at,
            browser,
            from,
        });
    }
    let kind = LetterKind::parse(&row.kind).ok_or_else(|| Outage::during(DURING)("its kind"))?;
    let user = row
        .user_id
        .ok_or_else(|| Outage::during(DURING)("it is nobody's"))?;
    let to = EmailAddress::parse(&row.recipient).map_err(Outage::during(DURING))?;
    let about = row.about.as_deref().map(EmailAddress::parse).transpose();
    Ok(Waiting::Letter(Letter {
        id,
        kind,
        user: UserId(user),
        to,
        at,
        since: row.since_at,
        browser,
        from,
        about: about.map_err(Outage::during(DURING))?,
    }))
}
