use std::net::AddrParseError;
use std::sync::Arc;

use async_trait::async_trait;
use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use time::{Duration, OffsetDateTime};
use vestibule_domain::ports::Sessions;
use vestibule_domain::{Outage, Session, SessionId, UserId};

use crate::{Redis, hex};

/// [`Sessions`] in Redis, two keys of one slot:
///
/// - `vestibule:{user}:session:<digest>`, a hash of `started`, `seen`, `expires` and `ends` in seconds since 1970, of
///   `remembered`, and of `from` and `agent` where they are known,
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
        let from = session.from.map(|address| address.to_string());
        let arguments = [
            secs(session.started).to_string(),
            secs(session.seen).to_string(),
            secs(session.expires).to_string(),
            secs(session.ends).to_string(),
            life(session.expires - session.started).to_string(),
            u8::from(session.remembered).to_string(),
            from.unwrap_or_default(),
            session.agent.clone().unwrap_or_default(),
        ];
        let script = script(include_str!("start.lua"), id, &arguments);
        self.run("starting a session", &script).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Outage> {
        const DURING: &str = "finding a session";
        let script = script(include_str!("find.lua"), id, &[0_i64; 0]);
        let found: Option<Fields> = self.run(DURING, &script).await?;
        found.map(|found| session(id.user, found)).transpose()
    }

    async fn extend(
        &self,
        id: SessionId,
        seen: OffsetDateTime,
        expires: OffsetDateTime,
    ) -> Result<(), Outage> {
        let script = script(include_str!("extend.lua"), id, &[secs(seen), secs(expires)]);
        self.run("extending a session", &script).await
    }

    async fn of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>, Outage> {
        const DURING: &str = "listing the sessions of a user";
        let mut script = redis::pipe();
        script
            .cmd("EVAL")
            .arg(include_str!("list.lua"))
            .arg(1)
            .arg(index(user))
            .arg(format!("vestibule:{{{}}}:session:", user.0));
        let found: Vec<(String, Fields)> = self.run(DURING, &script).await?;
        let named = |(digest, fields): (String, Fields)| {
            let digest = unhex(&digest).ok_or_else(|| Outage::during(DURING)("an odd digest"))?;
            Ok((SessionId { user, digest }, session(user, fields)?))
        };
        found.into_iter().map(named).collect()
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

    async fn end_others(&self, keep: SessionId) -> Result<(), Outage> {
        let mut script = script(include_str!("end_others.lua"), keep, &[0_i64; 0]);
        self.run_for_good("ending a user's other sessions", &mut script)
            .await
    }
}

/// What a session's hash holds: `started`, `seen`, `expires`, `ends`, `remembered`, `from`, `agent`. Those that run since before
/// the others were noted have the times alone, less `seen`.
type Fields = (
    i64,
    Option<i64>,
    i64,
    i64,
    Option<u8>,
    Option<String>,
    Option<String>,
);

fn session(user: UserId, fields: Fields) -> Result<Session, Outage> {
    const DURING: &str = "reading a session";
    let (started, seen, expires, ends, remembered, from, agent) = fields;
    let at =
        |secs| OffsetDateTime::from_unix_timestamp(secs).map_err(|e| Outage::during(DURING)(e));
    let from = from.filter(|text| !text.is_empty());
    let from = from.map(|text| text.parse()).transpose();
    Ok(Session {
        user,
        started: at(started)?,
        seen: at(seen.unwrap_or(started))?,
        expires: at(expires)?,
        ends: at(ends)?,
        remembered: remembered == Some(1),
        from: from.map_err(|e: AddrParseError| Outage::during(DURING)(e))?,
        agent: agent.filter(|text| !text.is_empty()),
    })
}

/// Reads what [`hex`] wrote.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    bytes.try_into().ok()
}
