use std::sync::Arc;

use async_trait::async_trait;
use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use time::{Duration, OffsetDateTime};
use vestibule_domain::ports::Sessions;
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::{Redis, hex};

/// [`Sessions`] in Redis, two keys of one slot:
///
/// - `vestibule:{user}:session:<digest>`, a hash of `started`, `expires` and `ends` in seconds since 1970,
/// - `vestibule:{user}:sessions`, the user's live digests, sorted by `expires`. What is not in there is no session: all of
///   a user's sessions end with this one key.
///
/// Both go by themselves when the last session expires. Each call is one script, and one round trip.
pub struct RedisSessions {
    redis: Arc<Redis>,
    replicas: u8,
    /// For those who wait for replicas: whoever shares a connection with them would wait, too.
    waiting: Redis,
}

impl RedisSessions {
    /// Ending a session is answered once `replicas` replicas know of it, so that none of them brings it back when it
    /// becomes the primary. With fewer replicas at hand it is an [`Outage`].
    pub fn new(redis: Arc<Redis>, replicas: u8) -> Self {
        let waiting = redis.another();
        Self {
            redis,
            replicas,
            waiting,
        }
    }

    async fn run<T: FromRedisValue>(
        &self,
        during: &'static str,
        script: &Pipeline,
    ) -> Result<T, Outage> {
        let (answer,) = self.redis.ask(during, script).await?;
        Ok(answer)
    }

    /// Runs a script whose effect is not to be lost with the primary.
    async fn run_for_good(
        &self,
        during: &'static str,
        script: &mut Pipeline,
    ) -> Result<(), Outage> {
        if self.replicas == 0 {
            return self.run(during, script).await;
        }
        // Whoever waits is still there when the answer comes.
        let patience = (self.waiting.timeout / 2).as_millis();
        let patience = u64::try_from(patience).unwrap_or(u64::MAX);
        script.cmd("WAIT").arg(self.replicas).arg(patience);
        let ((), knowing): ((), u8) = self.waiting.ask(during, script).await?;
        if knowing < self.replicas {
            return Err(Outage::during(during)(format!(
                "{knowing} replicas know of it, where {} should",
                self.replicas
            )));
        }
        Ok(())
    }
}

/// One call of `code` with both keys, the digest and `arguments`.
fn script(code: &str, id: SessionId, arguments: &[impl ToRedisArgs]) -> Pipeline {
    let digest = hex(&id.digest);
    let user = id.user.0;
    let mut script = redis::pipe();
    script
        .cmd("EVAL")
        .arg(code)
        .arg(2)
        .arg(format!("vestibule:{{{user}}}:session:{digest}"))
        .arg(index(id.user))
        .arg(digest)
        .arg(arguments);
    script
}

fn index(user: UserId) -> String {
    format!("vestibule:{{{}}}:sessions", user.0)
}

fn secs(time: OffsetDateTime) -> i64 {
    time.unix_timestamp()
}

/// In milliseconds. A key without any life left would be gone before it was there.
fn life(time: Duration) -> i64 {
    time.whole_milliseconds()
        .clamp(1, i128::from(i64::MAX))
        .try_into()
        .unwrap_or(i64::MAX)
}

#[async_trait]
impl Sessions for RedisSessions {
    async fn start(&self, id: SessionId, session: &Session) -> Result<(), Outage> {
        let arguments = [
            secs(session.started),
            secs(session.expires),
            secs(session.ends),
            life(session.expires - session.started),
        ];
        let script = script(include_str!("start.lua"), id, &arguments);
        self.run("starting a session", &script).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        const DURING: &str = "finding a session";
        let script = script(include_str!("find.lua"), id, &[0_i64; 0]);
        let found: Option<(i64, i64, i64)> = self.run(DURING, &script).await?;
        let at =
            |secs| OffsetDateTime::from_unix_timestamp(secs).map_err(|e| Outage::during(DURING)(e));
        found
            .map(|(started, expires, ends)| {
                Ok(Session {
                    user: id.user,
                    started: at(started)?,
                    expires: at(expires)?,
                    ends: at(ends)?,
                })
            })
            .transpose()
    }

    async fn extend(&self, id: SessionId, expires: OffsetDateTime) -> Result<(), Outage> {
        let script = script(include_str!("extend.lua"), id, &[secs(expires)]);
        self.run("extending a session", &script).await
    }

    async fn end(&self, id: SessionId) -> Result<(), Outage> {
        let mut script = script(include_str!("end.lua"), id, &[0_i64; 0]);
        self.run_for_good("ending a session", &mut script).await
    }

    async fn end_all(&self, user: UserId) -> Result<(), Outage> {
        let mut unlink = redis::pipe();
        unlink.cmd("UNLINK").arg(index(user));
        self.run_for_good("ending all sessions of a user", &mut unlink)
            .await
    }
}
