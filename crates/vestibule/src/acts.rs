//! What visitors can do, made of the adapters that the config chose.

use std::sync::Arc;

use rocket::{Build, Rocket};
use vestibule_domain::ports::{
    Attempts, Clock, Emails, Events, History, Invitations, Links, Mailer, Outbox, Passwords,
    Sessions, Users,
};
use vestibule_domain::{
    ChangePassword, ChangeUsername, Disown, Export, Leave, Login, Logout, Notices, OwnEmails,
    OwnSessions, Register, ResetPassword, Resume, SendMail, SessionLimits, SignIn, Throttle,
};

use crate::Config;

/// An adapter for each port that acts need.
pub(crate) struct Parts {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) passwords: Arc<dyn Passwords>,
    pub(crate) emails: Arc<dyn Emails>,
    pub(crate) links: Arc<dyn Links>,
    pub(crate) invitations: Arc<dyn Invitations>,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) attempts: Arc<dyn Attempts>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Parts {
    /// Has every act managed, and what pages ask by themselves.
    pub(crate) fn acts(
        self,
        config: &Config,
        rocket: Rocket<Build>,
        leave: Arc<Leave>,
    ) -> Rocket<Build> {
        let limits = SessionLimits {
            idle: config.sessions.idle,
            lifetime: config.sessions.lifetime,
            remembered: config.sessions.remembered,
            recent: config.sessions.recent,
        };
        let throttle = self.throttle(config);
        let notices = self.notices(config);
        let own_emails = || OwnEmails {
            notices: notices.clone(),
            links: Arc::clone(&self.links),
            throttle: throttle.clone(),
        };
        let sign_in = || SignIn {
            users: Arc::clone(&self.users),
            sessions: Arc::clone(&self.sessions),
            events: Arc::clone(&self.events),
            clock: Arc::clone(&self.clock),
            limits,
        };
        let rocket = rocket
            .manage(Login {
                users: Arc::clone(&self.users),
                passwords: Arc::clone(&self.passwords),
                throttle: throttle.clone(),
                events: Arc::clone(&self.events),
                notices: notices.clone(),
                sign_in: sign_in(),
            })
            .manage(Register {
                mode: config.registration.mode,
                invitations: Arc::clone(&self.invitations),
                users: Arc::clone(&self.users),
                passwords: Arc::clone(&self.passwords),
                emails: own_emails(),
                throttle: throttle.clone(),
                events: Arc::clone(&self.events),
                clock: Arc::clone(&self.clock),
                sign_in: sign_in(),
            })
            .manage(ChangePassword {
                users: Arc::clone(&self.users),
                passwords: Arc::clone(&self.passwords),
                throttle: throttle.clone(),
                events: Arc::clone(&self.events),
                notices: notices.clone(),
                links: Arc::clone(&self.links),
                sign_in: sign_in(),
            })
            .manage(ChangeUsername {
                users: Arc::clone(&self.users),
                notices: notices.clone(),
                throttle: throttle.clone(),
            })
            .manage(own_emails())
            .manage(OwnSessions {
                sessions: Arc::clone(&self.sessions),
                events: Arc::clone(&self.events),
                clock: Arc::clone(&self.clock),
            })
            .manage(Logout {
                sessions: Arc::clone(&self.sessions),
                events: Arc::clone(&self.events),
                clock: Arc::clone(&self.clock),
            })
            .manage(Resume {
                sessions: Arc::clone(&self.sessions),
                events: Arc::clone(&self.events),
                clock: Arc::clone(&self.clock),
                limits,
            });
        let rocket = rocket.manage(Export {
            users: Arc::clone(&self.users),
            emails: Arc::clone(&self.emails),
            sessions: Arc::clone(&self.sessions),
            history: Arc::clone(&self.history),
        });
        self.by_mail(rocket, throttle, notices, leave)
    }

    /// What is done by links in mail, and the sending.
    fn by_mail(
        self,
        rocket: Rocket<Build>,
        throttle: Throttle,
        notices: Notices,
        leave: Arc<Leave>,
    ) -> Rocket<Build> {
        rocket
            .manage(ResetPassword {
                users: Arc::clone(&self.users),
                passwords: self.passwords,
                sessions: Arc::clone(&self.sessions),
                links: Arc::clone(&self.links),
                notices: notices.clone(),
                throttle: throttle.clone(),
            })
            .manage(Disown {
                users: Arc::clone(&self.users),
                sessions: self.sessions,
                links: Arc::clone(&self.links),
                notices: notices.clone(),
                throttle,
            })
            .manage(leave)
            .manage(Arc::new(SendMail {
                users: Arc::clone(&self.users),
                links: self.links,
                notices,
                mailer: self.mailer,
                events: Arc::clone(&self.events),
                clock: self.clock,
            }))
            .manage(self.users)
            .manage(self.events)
            .manage(self.history)
    }

    /// Deleting accounts.
    pub(crate) fn leave(&self, config: &Config) -> Leave {
        Leave {
            users: Arc::clone(&self.users),
            sessions: Arc::clone(&self.sessions),
            notices: self.notices(config),
            throttle: self.throttle(config),
            grace: config.accounts.grace,
            reserved: config.accounts.reserved,
        }
    }

    fn throttle(&self, config: &Config) -> Throttle {
        Throttle {
            attempts: Arc::clone(&self.attempts),
            events: Arc::clone(&self.events),
            clock: Arc::clone(&self.clock),
            limits: config.throttle.limits(),
        }
    }

    fn notices(&self, config: &Config) -> Notices {
        Notices {
            rule: config.accounts.email,
            emails: Arc::clone(&self.emails),
            outbox: Arc::clone(&self.outbox),
        }
    }
}
