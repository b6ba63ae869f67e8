use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    ModelTrait, QueryFilter, QueryOrder, Set, SqlErr,
};
use time::OffsetDateTime;
use uuid::Uuid;
use vestibule_domain::ports::{AddEmailError, Emails, VerifyEmailError};
use vestibule_domain::{Email, EmailAddress, Letter, Outage, UserId};

use crate::entity::email::{Column, Entity, Model};
use crate::{Sql, outbox, users};

/// [`Emails`] in the database of the accounts. They go with their account.
pub struct SqlEmails(pub Sql);

/// The first places: there are no more.
const PLACES: [i16; Email::MOST] = [1, 2];

enum Added {
    Yes,
    There,
    TooMany,
}

impl SqlEmails {
    async fn keep(&self, row: Model, letters: &[Letter]) -> Result<Added, DbErr> {
        let transaction = self.0.begin().await?;
        let rows = owned(&transaction, row.user_id).await?;
        if rows.iter().any(|there| there.folded == row.folded) {
            return Ok(Added::There);
        }
        let Some(place) = free(&rows) else {
            return Ok(Added::TooMany);
        };
        let row = Model { place, ..row };
        row.into_active_model().insert(&transaction).await?;
        outbox::put_all(&transaction, letters).await?;
        transaction.commit().await?;
        Ok(Added::Yes)
    }

    /// `false`: the account does not have it.
    async fn show(
        &self,
        user: Uuid,
        address: &EmailAddress,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<bool, DbErr> {
        let transaction = self.0.begin().await?;
        let rows = owned(&transaction, user).await?;
        let folded = address.folded();
        let Some(row) = rows.into_iter().find(|row| row.folded == folded) else {
            return Ok(false);
        };
        if row.verified_at.is_none() {
            let mut row = row.into_active_model();
            row.verified_at = Set(Some(at));
            row.update(&transaction).await?;
            outbox::put_all(&transaction, letters).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn drop_one(
        &self,
        user: Uuid,
        address: &EmailAddress,
        letters: &[Letter],
    ) -> Result<bool, DbErr> {
        let transaction = self.0.begin().await?;
        let removed = Entity::delete_many()
            .filter(Column::UserId.eq(user))
            .filter(Column::Folded.eq(address.folded()))
            .exec(&transaction)
            .await?;
        if removed.rows_affected == 0 {
            return Ok(false);
        }
        outbox::put_all(&transaction, letters).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn bring_back(&self, row: Model, letters: &[Letter]) -> Result<(), DbErr> {
        let transaction = self.0.begin().await?;
        let mut row = row;
        let since = row.added_at;
        let mut kept = Vec::new();
        for there in owned(&transaction, row.user_id).await? {
            let is_it = there.folded == row.folded;
            if is_it {
                row.added_at = there.added_at;
                row.verified_at = there.verified_at.or(row.verified_at);
            }
            // It is one of the two, whatever else there is.
            if is_it || there.added_at >= since || kept.len() == Email::MOST - 1 {
                there.delete(&transaction).await?;
            } else {
                kept.push(there);
            }
        }
        row.place = free(&kept).unwrap_or(PLACES[0]);
        row.into_active_model().insert(&transaction).await?;
        outbox::put_all(&transaction, letters).await?;
        transaction.commit().await
    }
}

/// The rows of an account, the oldest first; nobody else changes them until the transaction ends.
async fn owned(transaction: &impl ConnectionTrait, user: Uuid) -> Result<Vec<Model>, DbErr> {
    users::lock(transaction, user).await?;
    of(user).all(transaction).await
}

fn of(user: Uuid) -> sea_orm::Select<Entity> {
    Entity::find()
        .filter(Column::UserId.eq(user))
        .order_by_asc(Column::AddedAt)
        .order_by_asc(Column::Place)
}

fn free(rows: &[Model]) -> Option<i16> {
    let is_free = |place: &i16| rows.iter().all(|row| row.place != *place);
    PLACES.into_iter().find(is_free)
}

fn row(user: UserId, address: &EmailAddress, at: OffsetDateTime) -> Model {
    Model {
        user_id: user.0,
        place: PLACES[0],
        address: address.as_str().to_owned(),
        folded: address.folded(),
        added_at: at,
        verified_at: None,
    }
}

#[async_trait]
impl Emails for SqlEmails {
    async fn of(&self, user: UserId) -> Result<Vec<Email>, Outage> {
        self.0
            .answer(of(user.0).all(&self.0.read))
            .await
            .map_err(Outage::during("listing e-mail addresses"))?
            .iter()
            .map(email)
            .collect()
    }

    async fn owner(&self, address: &EmailAddress) -> Result<Option<UserId>, Outage> {
        let verified = Entity::find()
            .filter(Column::Folded.eq(address.folded()))
            .filter(Column::VerifiedAt.is_not_null());
        self.0
            .row(verified)
            .await
            .map(|row| row.map(|row| UserId(row.user_id)))
            .map_err(Outage::during("finding whose e-mail address it is"))
    }

    async fn add(
        &self,
        user: UserId,
        address: &EmailAddress,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), AddEmailError> {
        let added = self.keep(row(user, address, at), letters);
        match self.0.written(added).await {
            Ok(Added::Yes) => Ok(()),
            Ok(Added::There) => Err(AddEmailError::There),
            Ok(Added::TooMany) => Err(AddEmailError::TooMany),
            Err(e) => Err(Outage::during("adding an e-mail address")(e).into()),
        }
    }

    async fn verify(
        &self,
        user: UserId,
        address: &EmailAddress,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), VerifyEmailError> {
        let shown = self.show(user.0, address, at, letters);
        match self.0.written(shown).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(VerifyEmailError::NotThere),
            Err(e) => Err(taken_or_out(e, "verifying an e-mail address")),
        }
    }

    async fn remove(
        &self,
        user: UserId,
        address: &EmailAddress,
        letters: &[Letter],
    ) -> Result<bool, Outage> {
        self.0
            .written(self.drop_one(user.0, address, letters))
            .await
            .map_err(Outage::during("removing an e-mail address"))
    }

    async fn restore(
        &self,
        user: UserId,
        address: &EmailAddress,
        since: OffsetDateTime,
        at: OffsetDateTime,
        letters: &[Letter],
    ) -> Result<(), VerifyEmailError> {
        let row = Model {
            verified_at: Some(at),
            ..row(user, address, since)
        };
        self.0
            .written(self.bring_back(row, letters))
            .await
            .map_err(|e| taken_or_out(e, "bringing an e-mail address back"))
    }
}

fn taken_or_out(error: DbErr, during: &'static str) -> VerifyEmailError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => VerifyEmailError::Taken,
        _ => Outage::during(during)(error).into(),
    }
}

/// A row is checked on its way in, as a user's is.
fn email(row: &Model) -> Result<Email, Outage> {
    let address = EmailAddress::parse(&row.address);
    Ok(Email {
        address: address.map_err(Outage::during("reading an e-mail address's row"))?,
        added: row.added_at,
        verified: row.verified_at,
    })
}
