use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use time::OffsetDateTime;
use vestibule_domain::ports::Attempts;
use vestibule_domain::{Bucket, Claim, Claims, Limit, Outage, Refusal, claim_one_by_one};

use crate::{Redis, hex};

/// [`Attempts`] in Redis: a key a bucket, `vestibule:<site>:attempts:<digest>`, a hash of `count`, and of `waits` and `forgotten`
/// in seconds since 1970. It goes by itself when it is forgotten. Each call is one script, and one round trip.
pub struct RedisAttempts {
    redis: Arc<Redis>,
    /// Another site's `ada` is somebody else.
    site: String,
}

impl RedisAttempts {
    /// Those of one site; several may share a Redis.
    pub fn new(redis: Arc<Redis>, site: String) -> Self {
        Self { redis, site }
    }

    fn key(&self, bucket: Bucket) -> String {
        format!("vestibule:{}:attempts:{}", self.site, hex(&bucket.0))
    }

    fn script(&self, code: &str, bucket: Bucket, arguments: &[impl ToRedisArgs]) -> Pipeline {
        let mut script = redis::pipe();
        script
            .cmd("EVAL")
            .arg(code)
            .arg(1)
            .arg(self.key(bucket))
            .arg(arguments);
        script
    }

    async fn run<T: FromRedisValue>(
        &self,
        during: &'static str,
        commands: &Pipeline,
    ) -> Result<T, Outage> {
        let (answer,) = self.redis.ask(during, commands).await?;
        Ok(answer)
    }
}

fn secs(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Attempts for RedisAttempts {
    async fn claim(
        &self,
        bucket: Bucket,
        limit: &Limit,
        now: OffsetDateTime,
    ) -> Result<Claim, Outage> {
        const DURING: &str = "counting an attempt";
        let arguments = [
            now.unix_timestamp(),
            limit.free.into(),
            secs(limit.first_wait),
            secs(limit.longest_wait),
            limit.off_after.unwrap_or_default().into(),
            secs(limit.forgotten_after),
        ];
        let script = self.script(include_str!("claim.lua"), bucket, &arguments);
        let (outcome, number): (String, u32) = self.run(DURING, &script).await?;
        match outcome.as_str() {
            "granted" => Ok(Claim::Granted(number)),
            "wait" => {
                let wait = Duration::from_secs(number.into());
                Ok(Claim::Refused(Refusal::Wait(wait)))
            }
            "off" => Ok(Claim::Refused(Refusal::Off)),
            odd => Err(Outage::during(DURING)(format!("an odd answer, {odd:?}"))),
        }
    }

    async fn claim_both(
        &self,
        first: (Bucket, Limit),
        second: (Bucket, Limit),
        now: OffsetDateTime,
    ) -> Result<Claims, Outage> {
        // In a cluster the two may be on different machines.
        claim_one_by_one(self, first, second, now).await
    }

    async fn take_back(&self, bucket: Bucket, limit: &Limit) -> Result<(), Outage> {
        let arguments = [secs(limit.forgotten_after)];
        let script = self.script(include_str!("take_back.lua"), bucket, &arguments);
        self.run("taking an attempt back", &script).await
    }

    async fn clear(&self, bucket: Bucket) -> Result<(), Outage> {
        let mut unlink = redis::pipe();
        unlink.cmd("UNLINK").arg(self.key(bucket));
        self.run("forgetting the attempts at an account", &unlink)
            .await
    }

    async fn settle(&self, cleared: Bucket, relieved: Bucket, limit: &Limit) -> Result<(), Outage> {
        // Nor may these be on one machine.
        self.clear(cleared).await?;
        self.take_back(relieved, limit).await
    }
}
