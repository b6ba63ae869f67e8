use std::sync::Arc;
use std::time::Duration;

use crate::Outage;
use crate::ports::{Clock, Expiring, Turns};

/// Taking away what is kept for a time only: in small batches, so that nobody waits long for one, and at one instance at a
/// time, so that they do not wait for each other.
pub struct CleanUp {
    /// Whose turn it is.
    pub turns: Arc<dyn Turns>,
    /// What is kept for a time only.
    pub kinds: Vec<Arc<dyn Expiring>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a round has taken away of one kind.
#[derive(Debug)]
pub struct Cleaned {
    /// Its name, for a log.
    pub what: &'static str,
    /// How many there were.
    pub count: u64,
    /// Why others stay for now.
    pub outage: Option<Outage>,
}

impl CleanUp {
    /// How long a turn lasts from the last batch: then another instance may take it, since this one is gone.
    const TURN: Duration = Duration::from_mins(3);

    /// Takes away all that is too old, a kind after the other; what cannot be taken away keeps no other kind from it. Nothing
    /// is done, or no more, when it is another instance's turn.
    ///
    /// # Errors
    /// [`Outage`] when nobody can say whose turn it is.
    pub async fn round(&self) -> Result<Vec<Cleaned>, Outage> {
        let mut round = Vec::new();
        for kind in &self.kinds {
            let mut cleaned = Cleaned {
                what: kind.name(),
                count: 0,
                outage: None,
            };
            while cleaned.outage.is_none() {
                let now = self.clock.now();
                if !self.turns.take(now, now + Self::TURN).await? {
                    return Ok(round);
                }
                match kind.forget(now).await {
                    Ok(0) => break,
                    Ok(count) => cleaned.count += count,
                    Err(outage) => cleaned.outage = Some(outage),
                }
            }
            round.push(cleaned);
        }
        Ok(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockClock, MockExpiring, MockTurns};
    use time::OffsetDateTime;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);

    fn act(turns: MockTurns, kinds: Vec<MockExpiring>) -> CleanUp {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(NOW);
        CleanUp {
            turns: Arc::new(turns),
            kinds: kinds.into_iter().map(|kind| Arc::new(kind) as _).collect(),
            clock: Arc::new(clock),
        }
    }

    fn always() -> MockTurns {
        let mut turns = MockTurns::new();
        turns
            .expect_take()
            .withf(|now, until| *now == NOW && until > now)
            .returning(|_, _| Ok(true));
        turns
    }

    /// Each number is a batch.
    fn kind(name: &'static str, batches: &'static [u64]) -> MockExpiring {
        let mut kind = MockExpiring::new();
        kind.expect_name().return_const(name);
        let mut batches = batches.iter();
        kind.expect_forget()
            .times(batches.len())
            .returning(move |_| Ok(*batches.next().unwrap()));
        kind
    }

    #[tokio::test]
    async fn a_round_goes_on_until_nothing_is_left_of_each_kind() {
        let kinds = vec![kind("links", &[500, 7, 0]), kind("sessions", &[0])];
        let round = act(always(), kinds).round().await.unwrap();
        let counts: Vec<_> = round.iter().map(|it| (it.what, it.count)).collect();
        assert_eq!(counts, [("links", 507), ("sessions", 0)]);
    }

    #[tokio::test]
    async fn what_cannot_be_taken_away_keeps_no_other_kind_from_it() {
        let mut broken = MockExpiring::new();
        broken.expect_name().return_const("events");
        broken
            .expect_forget()
            .once()
            .returning(|_| Err(Outage::during("forgetting")("broken")));
        let kinds = vec![broken, kind("sessions", &[3, 0])];
        let round = act(always(), kinds).round().await.unwrap();
        assert!(round[0].outage.is_some());
        assert_eq!(round[1].count, 3);
    }

    #[tokio::test]
    async fn a_turn_that_another_instance_has_taken_ends_the_round() {
        let mut turns = MockTurns::new();
        let mut answers = [true, false].into_iter();
        turns
            .expect_take()
            .times(2)
            .returning(move |_, _| Ok(answers.next().unwrap()));
        let kinds = vec![kind("links", &[500]), kind("sessions", &[])];
        assert!(act(turns, kinds).round().await.unwrap().is_empty());
    }
}
