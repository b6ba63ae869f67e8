use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, Statement, TryGetable, Value,
};
use time::OffsetDateTime;
use vestibule_domain::ports::{Attempts, Expiring};
use vestibule_domain::{Bucket, Claim, Claims, Limit, Outage, Refusal, claim_one_by_one};

use crate::Sql;
use crate::entity::attempt::{Column, Entity, Model};

/// [`Attempts`] in the database of the accounts.
pub struct SqlAttempts(pub Sql);

/// When a bucket that is off is forgotten.
const NEVER: i64 = i64::MAX;

/// Counts an attempt and answers with its number, or does nothing and answers with no row: one statement, so that of any
/// number at once each sees the others counted.
///
/// $1 now, $2 never, $3 to $9 the [`wish`]: bucket, when this attempt is forgotten, free, off after, first wait, longest wait,
/// how often the first is doubled until it is the longest.
const CLAIM: &str = "\
    INSERT INTO attempts (id, count, waits_until_secs, forgotten_at_secs) \
    VALUES ($3, 1, \
        CASE WHEN 1 < $5 THEN 0 ELSE $1 + $7 END, \
        CASE WHEN 1 >= $6 THEN $2 ELSE $4 END) \
    ON CONFLICT (id) DO UPDATE SET \
        count = CASE WHEN attempts.forgotten_at_secs <= $1 THEN 1 ELSE attempts.count + 1 END, \
        waits_until_secs = CASE \
            WHEN attempts.forgotten_at_secs <= $1 THEN excluded.waits_until_secs \
            WHEN attempts.count + 1 < $5 THEN 0 \
            WHEN attempts.count + 1 - $5 >= $9 THEN $1 + $8 \
            ELSE $1 + ($7 << CAST(attempts.count + 1 - $5 AS INTEGER)) END, \
        forgotten_at_secs = CASE \
            WHEN attempts.forgotten_at_secs <= $1 THEN excluded.forgotten_at_secs \
            WHEN attempts.count + 1 >= $6 THEN $2 \
            ELSE $4 END \
    WHERE attempts.forgotten_at_secs <= $1 \
        OR (attempts.waits_until_secs <= $1 AND attempts.count < $6) \
    RETURNING count";

/// $1 bucket, $2 never, $3 how long it takes to forget. What was off is so no more, and is forgotten in its time; where nothing
/// is left it is forgotten at once.
const TAKE_BACK: &str = "\
    UPDATE attempts SET \
        count = count - 1, \
        waits_until_secs = 0, \
        forgotten_at_secs = CASE \
            WHEN count = 1 THEN 0 \
            WHEN forgotten_at_secs = $2 THEN waits_until_secs + $3 \
            ELSE forgotten_at_secs END \
    WHERE id = $1 AND count > 0";

/// $1 the bucket that is cleared, $2 the one that is relieved, $3 never, $4 how long it takes to forget. What is cleared is
/// forgotten at once, and goes when others do.
const SETTLE: &str = "\
    UPDATE attempts SET \
        count = count - 1, \
        waits_until_secs = 0, \
        forgotten_at_secs = CASE \
            WHEN id = $1 OR count = 1 THEN 0 \
            WHEN forgotten_at_secs = $3 THEN waits_until_secs + $4 \
            ELSE forgotten_at_secs END \
    WHERE id IN ($1, $2) AND count > 0";

/// Counts an attempt in two buckets, or does nothing and answers with no row. Only for SQLite, where nobody else writes between
/// the look and the count.
///
/// $1 now, $2 never, $3 to $9 and $10 to $16 the [`wish`] of each bucket.
const CLAIM_BOTH: &str = "\
    WITH wish (id, forgotten, free, off, first_wait, longest_wait, doublings) AS (VALUES \
        ($3, $4, $5, $6, $7, $8, $9), \
        ($10, $11, $12, $13, $14, $15, $16)), \
    seen AS (SELECT wish.*, \
            COALESCE(attempts.count, 0) + 1 AS count, \
            COALESCE(attempts.waits_until_secs, 0) AS waits \
        FROM wish LEFT JOIN attempts ON attempts.id = wish.id AND attempts.forgotten_at_secs > $1) \
    INSERT INTO attempts (id, count, waits_until_secs, forgotten_at_secs) \
    SELECT id, count, \
        CASE \
            WHEN count < free THEN 0 \
            WHEN count - free >= doublings THEN $1 + longest_wait \
            ELSE $1 + (first_wait << (count - free)) END, \
        CASE WHEN count >= off THEN $2 ELSE forgotten END \
    FROM seen \
    WHERE NOT EXISTS (SELECT 1 FROM seen WHERE waits > $1 OR count > off) \
    ON CONFLICT (id) DO UPDATE SET \
        count = excluded.count, \
        waits_until_secs = excluded.waits_until_secs, \
        forgotten_at_secs = excluded.forgotten_at_secs \
    RETURNING id, count";

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
            .written(self.count(bucket, limit, now))
            .await
            .map_err(Outage::during("counting an attempt"))
    }

    async fn claim_both(
        &self,
        first: (Bucket, Limit),
        second: (Bucket, Limit),
        now: OffsetDateTime,
    ) -> Result<Claims, Outage> {
        if self.0.lazy.get_database_backend() == DbBackend::Postgres {
            return claim_one_by_one(self, first, second, now).await;
        }
        let now = now.unix_timestamp();
        self.0
            .written(self.count_both(first, second, now))
            .await
            .map_err(Outage::during("counting an attempt"))
    }

    async fn take_back(&self, bucket: Bucket, limit: &Limit) -> Result<(), Outage> {
        let values: [Value; 3] = [
            bucket.0.to_vec().into(),
            NEVER.into(),
            secs(limit.forgotten_after).into(),
        ];
        let taken = self.statement(TAKE_BACK, values);
        self.0
            .written(self.0.lazy.execute_raw(taken))
            .await
            .map(drop)
            .map_err(Outage::during("taking an attempt back"))
    }

    async fn clear(&self, bucket: Bucket) -> Result<(), Outage> {
        let cleared = Entity::delete_by_id(bucket.0.to_vec());
        self.0
            .written(cleared.exec(&self.0.lazy))
            .await
            .map(drop)
            .map_err(Outage::during("forgetting the attempts at an account"))
    }

    async fn settle(&self, cleared: Bucket, relieved: Bucket, limit: &Limit) -> Result<(), Outage> {
        if self.0.lazy.get_database_backend() == DbBackend::Postgres {
            // One statement locks its rows in an order of its own: two could wait for each other.
            self.clear(cleared).await?;
            return self.take_back(relieved, limit).await;
        }
        let values: [Value; 4] = [
            cleared.0.to_vec().into(),
            relieved.0.to_vec().into(),
            NEVER.into(),
            secs(limit.forgotten_after).into(),
        ];
        let settled = self.statement(SETTLE, values);
        self.0
            .written(self.0.lazy.execute_raw(settled))
            .await
            .map(drop)
            .map_err(Outage::during("settling an attempt"))
    }
}

/// Those that count no more.
#[async_trait]
impl Expiring for SqlAttempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    async fn forget(&self, now: OffsetDateTime) -> Result<u64, Outage> {
        let old = Column::ForgottenAtSecs.lte(now.unix_timestamp());
        self.0
            .forget::<Entity>(Column::Id, old)
            .await
            .map_err(Outage::during("forgetting attempts"))
    }
}

impl SqlAttempts {
    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        let backend = self.0.lazy.get_database_backend();
        Statement::from_sql_and_values(backend, sql, values)
    }

    fn asking(&self, sql: &str, now: i64, wishes: impl IntoIterator<Item = Value>) -> Statement {
        let values = [now.into(), NEVER.into()].into_iter().chain(wishes);
        self.statement(sql, values)
    }

    async fn count(&self, bucket: Bucket, limit: &Limit, now: i64) -> Result<Claim, DbErr> {
        let database = &self.0.lazy;
        let claim = self.asking(CLAIM, now, wish(bucket, limit, now));
        if let Some(row) = database.query_one_raw(claim).await? {
            let count = i32::try_get(&row, "", "count")?;
            return Ok(Claim::Granted(u32::try_from(count).unwrap_or_default()));
        }
        let row = Entity::find_by_id(bucket.0.to_vec()).one(database).await?;
        let why = row.map_or(Refusal::Wait(SOON), |row| refusal(&row, limit, now));
        Ok(Claim::Refused(why))
    }

    async fn count_both(
        &self,
        first: (Bucket, Limit),
        second: (Bucket, Limit),
        now: i64,
    ) -> Result<Claims, DbErr> {
        let wishes = [first, second].map(|(bucket, limit)| wish(bucket, &limit, now));
        let claims = self.asking(CLAIM_BOTH, now, wishes.into_iter().flatten());
        let database = &self.0.lazy;
        for row in database.query_all_raw(claims).await? {
            let (bucket, count): (Vec<u8>, i32) =
                (row.try_get("", "id")?, row.try_get("", "count")?);
            if bucket == second.0.0 {
                return Ok(Claims::Granted(u32::try_from(count).unwrap_or_default()));
            }
        }
        let (bucket, limit) = first;
        let row = Entity::find_by_id(bucket.0.to_vec()).one(database).await?;
        if let Some(row) = row.filter(|row| refuses(row, &limit, now)) {
            return Ok(Claims::First(refusal(&row, &limit, now)));
        }
        let (bucket, limit) = second;
        let row = Entity::find_by_id(bucket.0.to_vec()).one(database).await?;
        let why = row.map_or(Refusal::Wait(SOON), |row| refusal(&row, &limit, now));
        Ok(Claims::Second(why))
    }
}

/// What is asked of a bucket.
fn wish(bucket: Bucket, limit: &Limit, now: i64) -> [Value; 7] {
    let (first, longest) = (secs(limit.first_wait), secs(limit.longest_wait));
    [
        bucket.0.to_vec().into(),
        now.saturating_add(secs(limit.forgotten_after)).into(),
        i64::from(limit.free).into(),
        off(limit).into(),
        first.min(longest).into(),
        longest.into(),
        doublings(first, longest).into(),
    ]
}

/// From which number on there are no more.
fn off(limit: &Limit) -> i64 {
    limit.off_after.map_or(i64::from(i32::MAX), i64::from)
}

/// How often `first` is doubled until it is `longest`.
fn doublings(first: i64, longest: i64) -> i64 {
    let mut wait = first.max(1);
    let mut times = 0;
    while wait < longest {
        wait = wait.saturating_mul(2);
        times += 1;
    }
    times
}

/// Where it was just cleared, or its time has come.
const SOON: Duration = Duration::from_secs(1);

fn refuses(row: &Model, limit: &Limit, now: i64) -> bool {
    let is_forgotten = row.forgotten_at_secs <= now;
    !is_forgotten && (row.waits_until_secs > now || i64::from(row.count) >= off(limit))
}

fn refusal(row: &Model, limit: &Limit, now: i64) -> Refusal {
    if i64::from(row.count) >= off(limit) {
        return Refusal::Off;
    }
    let wait = u64::try_from(row.waits_until_secs.saturating_sub(now)).unwrap_or_default();
    Refusal::Wait(Duration::from_secs(wait).max(SOON))
}

fn secs(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
