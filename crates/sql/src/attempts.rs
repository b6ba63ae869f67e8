use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement, TryGetable, Value,
};
use time::OffsetDateTime;
use vestibule_domain::ports::Attempts;
use vestibule_domain::{Bucket, Claim, Limit, Outage};

use crate::Sql;
use crate::entity::attempt::{Column, Entity, Model};

/// [`Attempts`] in the database of the accounts.
pub struct SqlAttempts(pub Sql);

/// How many forgotten buckets a claim clears away: see `SqlSessions`.
const CLEARED: u64 = 100;

/// When a bucket that is off is forgotten.
const NEVER: i64 = i64::MAX;

/// One statement, so that of any number at once each sees the others counted. It answers with the count where the attempt
/// is granted, with no row where it is not.
const CLAIM: &str = "\
    INSERT INTO attempts (id, count, waits_until_secs, forgotten_at_secs) VALUES ($1, 1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET \
        count = CASE WHEN attempts.forgotten_at_secs <= $4 THEN 1 ELSE attempts.count + 1 END, \
        waits_until_secs = CASE \
            WHEN attempts.forgotten_at_secs <= $4 THEN excluded.waits_until_secs \
            WHEN attempts.count + 1 < $5 THEN 0 \
            WHEN attempts.count + 1 - $5 > 20 THEN $4 + $7 \
            WHEN (CAST($6 AS BIGINT) << CAST(attempts.count + 1 - $5 AS INTEGER)) > $7 THEN $4 + $7 \
            ELSE $4 + (CAST($6 AS BIGINT) << CAST(attempts.count + 1 - $5 AS INTEGER)) \
        END, \
        forgotten_at_secs = CASE \
            WHEN attempts.forgotten_at_secs > $4 AND attempts.count + 1 >= $8 THEN $9 \
            ELSE excluded.forgotten_at_secs \
        END \
    WHERE attempts.forgotten_at_secs <= $4 \
        OR (attempts.waits_until_secs <= $4 AND attempts.count < $8) \
    RETURNING count";

#[async_trait]
impl Attempts for SqlAttempts {
    async fn claim(
        &self,
        bucket: Bucket,
        limit: &Limit,
        now: OffsetDateTime,
    ) -> Result<Claim, Outage> {
        let now = now.unix_timestamp();
        self.0
            .answer(self.forget(now))
            .await
            .map_err(Outage::during("forgetting attempts"))?;
        self.0
            .answer(self.count(bucket, limit, now))
            .await
            .map_err(Outage::during("counting an attempt"))
    }

    async fn take_back(&self, bucket: Bucket, limit: &Limit) -> Result<(), Outage> {
        let left = || Expr::col(Column::Count).sub(1);
        let free = i32::try_from(limit.free).unwrap_or(i32::MAX);
        let waits = Expr::case(left().lt(free), 0_i64).finally(Expr::col(Column::WaitsUntilSecs));
        let taken = Entity::update_many()
            .col_expr(Column::WaitsUntilSecs, waits.into())
            .col_expr(Column::Count, left())
            .filter(Column::Id.eq(bucket.0.to_vec()))
            .filter(Column::Count.gt(0));
        self.0
            .answer(taken.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("taking an attempt back"))
    }

    async fn clear(&self, bucket: Bucket) -> Result<(), Outage> {
        let cleared = Entity::delete_by_id(bucket.0.to_vec());
        self.0
            .answer(cleared.exec(&self.0.write))
            .await
            .map(drop)
            .map_err(Outage::during("forgetting the attempts at an account"))
    }
}

impl SqlAttempts {
    async fn forget(&self, now: i64) -> Result<(), DbErr> {
        // Two who clear away at once each leave to the other what the other has begun with.
        let old = Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(Column::ForgottenAtSecs.lte(now))
            .limit(CLEARED)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .to_owned();
        let forgotten = Entity::delete_many().filter(Column::Id.in_subquery(old));
        forgotten.exec(&self.0.write).await.map(drop)
    }

    async fn count(&self, bucket: Bucket, limit: &Limit, now: i64) -> Result<Claim, DbErr> {
        let off = limit.off_after.map_or(i64::from(i32::MAX), i64::from);
        let values: [Value; 9] = [
            bucket.0.to_vec().into(),
            now.saturating_add(secs(limit.wait_after(1))).into(),
            now.saturating_add(secs(limit.forgotten_after)).into(),
            now.into(),
            i64::from(limit.free).into(),
            secs(limit.first_wait).into(),
            secs(limit.longest_wait).into(),
            off.into(),
            NEVER.into(),
        ];
        let database = &self.0.write;
        let claim = Statement::from_sql_and_values(database.get_database_backend(), CLAIM, values);
        if let Some(row) = database.query_one_raw(claim).await? {
            let count = i32::try_get(&row, "", "count")?;
            return Ok(Claim::Granted(u32::try_from(count).unwrap_or_default()));
        }
        let row = Entity::find_by_id(bucket.0.to_vec()).one(database).await?;
        Ok(row.map_or(Claim::Wait(SOON), |row| refusal(&row, off, now)))
    }
}

/// Where it was just cleared, or its time has come.
const SOON: Duration = Duration::from_secs(1);

fn refusal(row: &Model, off: i64, now: i64) -> Claim {
    if i64::from(row.count) >= off {
        return Claim::Off;
    }
    let wait = u64::try_from(row.waits_until_secs.saturating_sub(now)).unwrap_or_default();
    Claim::Wait(Duration::from_secs(wait).max(SOON))
}

fn secs(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
